/**
 * `vigil bench versions`: updates of stealth versions, in process, in a worker, and over TLS on
 * this machine.
 */
import { connectDevice, Identity, listenDevice, openDevice } from "@vigil/version-device";
import { LINES_PER_PAGE, openWorkerDevice, RESET_FLAG, STEALTH_MASK } from "@vigil/version-device";
import type { CapacityOptions, VersionDevice } from "@vigil/version-device";
import { interleave } from "../measure/interleave.ts";
import type { Timing } from "../measure/interleave.ts";
import { rounded, roundedOrNull } from "../measure/statistics.ts";
import { formatFigure } from "../terminal/format.ts";
import type { Column } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { Bench } from "./bench.ts";
import { printRows, stolenText, wanted } from "./bench.ts";

const LINE_BYTES = 64;

/** 1 GiB of lines as the paper has them. */
const LINES: number = 2 ** 30 / LINE_BYTES;
const PAGES: number = LINES / LINES_PER_PAGE;

/** Lines of one call. */
const BATCH = 65_536;

const ROUNDS = 15;

interface Pattern {
  readonly name: string;
  /** Line numbers, which the rounds walk through again and again. */
  lines(): Uint32Array;
}

/** `Uint32Array.from` would take seconds for as many. */
function filled(length: number, value: (at: number) => number): Uint32Array {
  const array = new Uint32Array(length);
  for (let at = 0; at < length; at++) array[at] = value(at);
  return array;
}

const patterns: readonly Pattern[] = [
  { name: "sequential", lines: () => filled(LINES, (line) => line) },
  {
    name: "random",
    lines: () => filled(2 ** 22, () => Math.random() * LINES),
  },
];

interface Way {
  readonly name: string;
  /** Updates of one round. */
  readonly updates: number;
  open(capacity: CapacityOptions): Promise<Updater>;
}

/** Something that counts writes of lines. */
interface Updater extends AsyncDisposable {
  update(lines: Uint32Array, versions: Uint32Array): Promise<unknown>;
  /** Trusted bytes for each page; null for what keeps no versions. */
  bytesPerPage(): Promise<number | null>;
  /** Whether versions count updates: some lines, twice. */
  check(): Promise<boolean>;
}

const pageOf = (line: number): number => Math.floor(line / LINES_PER_PAGE);

/** Seals nothing, but goes on as a host does where the coin asks for a page to be sealed anew. */
async function updateAll(
  device: VersionDevice,
  lines: Uint32Array,
  versions: Uint32Array,
): Promise<void> {
  for (let done = 0; done < lines.length;) {
    done += await device.update(lines.subarray(done), versions.subarray(done));
    if ((versions[done - 1] ?? 0) < RESET_FLAG) continue;
    await device.commit(Uint32Array.of(pageOf(lines[done - 1] ?? 0)));
  }
}

/** One line of each of some pages. */
const checked: Uint32Array = Uint32Array.from(
  { length: 1000 },
  (_, at) => at * 257 * LINES_PER_PAGE,
);

async function countsUpdates(device: VersionDevice): Promise<boolean> {
  const [before, updated, after] = [0, 1, 2].map(() => new Uint32Array(checked.length));
  if (before === undefined || updated === undefined || after === undefined) return false;
  await device.read(checked, before);
  await updateAll(device, checked, updated);
  await device.read(checked, after);
  // As if they had not been written twice.
  await device.reset(checked.map(pageOf), new Uint32Array(checked.length));
  await device.commit(checked.map(pageOf));
  return checked.every((_, at) => {
    const [was, is, reads] = [before[at] ?? 0, updated[at] ?? 0, after[at] ?? 0];
    if (is >= RESET_FLAG) return reads === is - RESET_FLAG;
    return is === ((was + 1) & STEALTH_MASK) && reads === is;
  });
}

async function updaterOf(
  device: VersionDevice,
  end = async (): Promise<void> => {},
): Promise<Updater> {
  const pages = filled(PAGES, (page) => page);
  for (let from = 0; from < PAGES; from += BATCH) {
    const some = pages.subarray(from, from + BATCH);
    await device.reset(some, new Uint32Array(some.length));
    await device.commit(some);
  }
  return {
    update: (lines, versions) => updateAll(device, lines, versions),
    async bytesPerPage() {
      const { bytes } = await device.statistics();
      return (bytes.entries + bytes.uneven + bytes.full) / PAGES;
    },
    check: () => countsUpdates(device),
    async [Symbol.asyncDispose]() {
      await device.close();
      await end();
    },
  };
}

/**
 * What any version store would have to do at least: one 32-bit number for each line, open to
 * everybody.
 */
async function plainCounters(): Promise<Updater> {
  const counters = new Uint32Array(LINES);
  return {
    async update(lines, versions) {
      let at = 0;
      for (const line of lines) versions[at++] = counters[line] = (counters[line] ?? 0) + 1;
    },
    bytesPerPage: async () => null,
    check: async () => true,
    async [Symbol.asyncDispose]() {},
  };
}

async function overTls(capacity: CapacityOptions): Promise<Updater> {
  const [server, client] = [await Identity.create(), await Identity.create()];
  const listening = await listenDevice({
    ...capacity,
    identity: server,
    clients: [client.fingerprint],
  });
  const { host, port } = listening;
  const device = await connectDevice({ host, port, identity: client, device: server.fingerprint });
  return updaterOf(device, () => listening.close());
}

const ways: readonly Way[] = [
  {
    name: "in process",
    updates: 2 ** 22,
    open: async (capacity) => updaterOf(openDevice(capacity)),
  },
  {
    name: "worker",
    updates: 2 ** 20,
    open: async (capacity) => updaterOf(await openWorkerDevice(capacity)),
  },
  { name: "TLS loopback", updates: 2 ** 20, open: overTls },
  { name: "none: a Uint32Array", updates: 2 ** 22, open: plainCounters },
];

interface VersionsRow {
  readonly pattern: string;
  readonly transport: string;
  /** Of the fastest round. */
  readonly updatesPerS: number;
  readonly medianUpdatesPerS: number;
  /** By the processor time of all threads. */
  readonly updatesPerCpuS: number;
  readonly bytesPerPage: number | null;
  readonly rounds: number;
  readonly stolenPct: number | null;
}

const columns: readonly Column<VersionsRow>[] = [
  { title: "pattern", cell: (row) => row.pattern },
  { title: "transport", cell: (row) => row.transport },
  { title: "M updates/s", align: "right", cell: (row) => formatFigure(row.updatesPerS / 1e6) },
  { title: "median", align: "right", cell: (row) => formatFigure(row.medianUpdatesPerS / 1e6) },
  { title: "per CPU s", align: "right", cell: (row) => formatFigure(row.updatesPerCpuS / 1e6) },
  {
    title: "bytes/page",
    align: "right",
    cell: ({ bytesPerPage }) => (bytesPerPage === null ? "" : formatFigure(bytesPerPage)),
  },
  { title: "stolen", align: "right", cell: (row) => stolenText(row.stolenPct) },
];

interface Entry {
  readonly pattern: Pattern;
  readonly way: Way;
}

/** Batches of a round, one after the other; the next round goes on where this one ended. */
function roundsOf({ pattern, way }: Entry, updater: Updater): () => Promise<void> {
  const lines = pattern.lines();
  const versions = new Uint32Array(BATCH);
  let at = 0;
  return async () => {
    for (let done = 0; done < way.updates; done += BATCH) {
      await updater.update(lines.subarray(at, at + BATCH), versions);
      at = (at + BATCH) % lines.length;
    }
  };
}

function rowOf({ pattern, way }: Entry, timing: Timing, bytesPerPage: number | null): VersionsRow {
  const perSecond = (ms: number): number => rounded((1000 * way.updates) / ms);
  return {
    pattern: pattern.name,
    transport: way.name,
    updatesPerS: perSecond(timing.minMs),
    medianUpdatesPerS: perSecond(timing.medianMs),
    updatesPerCpuS: perSecond(timing.minCpuMs),
    bytesPerPage: bytesPerPage === null ? null : rounded(bytesPerPage),
    rounds: timing.rounds.length,
    stolenPct: roundedOrNull(timing.stolenPct),
  };
}

/** One after the other: several devices of this size would push each other out of the caches. */
async function benchEntry(
  entry: Entry,
  rounds: number,
  { signal }: Terminal,
): Promise<VersionsRow | null> {
  // Random writes make every page uneven, and hardly any full.
  const capacity = { pages: PAGES, dynamicBytes: PAGES * 57 };
  await using updater = await entry.way.open(capacity);
  const run = roundsOf(entry, updater);
  // Until compilers are done, and random writes have left no page flat.
  const warmUp = entry.pattern.name === "random" ? Math.ceil(2 ** 23 / entry.way.updates) : 4;
  if (!(await updater.check())) return null;
  const [timing] = await interleave([{ name: "", run }], { rounds, warmUp, signal });
  if (timing === undefined || !(await updater.check())) return null;
  return rowOf(entry, timing, await updater.bytesPerPage());
}

export const versionsBench: Bench = {
  summary: `updates a second over ${LINES} lines of ${LINE_BYTES} B (1 GiB), in batches of ${BATCH}, and trusted bytes per page`,
  async run(options, terminal) {
    const rows: VersionsRow[] = [];
    let correct = true;
    for (const way of ways) {
      for (const pattern of patterns) {
        const label = `${pattern.name} ${way.name}`;
        if (!wanted(options, label)) continue;
        terminal.progress(label);
        const row = await benchEntry({ pattern, way }, options.rounds ?? ROUNDS, terminal);
        if (row === null) terminal.print(`${label}: WRONG: versions do not count updates`);
        else rows.push(row);
        correct &&= row !== null;
      }
    }
    const title = `Updates of ${LINES} lines of ${LINE_BYTES} B; TLS: both ends in this process`;
    printRows(terminal, title, columns, rows);
    return { rows, more: { lineBytes: LINE_BYTES, lines: LINES, batch: BATCH }, correct };
  },
};
