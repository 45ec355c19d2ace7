import { readFile, writeFile } from "node:fs/promises";
import { connectDevice, Identity, listenDevice, MAX_PAGES } from "@vigil/version-device";
import type { ConnectionEvent, Statistics } from "@vigil/version-device";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command, ExitCode } from "../command.ts";
import { integer, text } from "../options.ts";
import type { Values } from "../options.ts";
import { formatBytes, formatCount } from "../terminal/format.ts";
import { formatTable } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { UsageError } from "../usage-error.ts";

/** 1 GiB of 64-byte lines, or 64 GiB of lines of 4 KiB. */
const DEFAULT_PAGES: number = 2 ** 18;

const options = {
  "create-key": text(
    "make a key, write it to this new file, and print its fingerprint",
    "file",
    null,
  ),
  listen: text("serve a device on this address until Ctrl-C; port 0 is any", "host:port", null),
  statistics: text("print the statistics of the device at this address", "host:port", null),
  key: text("file of our own key, as --create-key wrote it", "file", null),
  clients: text(
    "with --listen: fingerprints of the hosts that may connect, with commas",
    "list",
    null,
  ),
  device: text("with --statistics: the fingerprint of the device's key", "fingerprint", null),
  pages: integer("with --listen: pages of 64 lines", { min: 1, max: MAX_PAGES }, DEFAULT_PAGES),
  "dynamic-bytes": integer(
    "with --listen: trusted bytes for uneven and full pages; by default 15 a page",
    { min: 0, max: 2 ** 32 },
    null,
  ),
} as const;

type Given = Values<typeof options>;

/** One of the options that say what to do. */
type Work = "create-key" | "listen" | "statistics";

const systemReason = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

function needed(given: Given, name: "key" | "clients" | "device", remedy: string): string {
  const value = given[name];
  if (value !== null && value !== "") return value;
  throw new UsageError({ name: `--${name}`, expected: "a value", got: "none", remedy });
}

function addressOf(name: Work, given: string): { readonly host: string; readonly port: number } {
  const [, host, digits] = /^\[?([^\]]+)\]?:(\d+)$/.exec(given) ?? [];
  const port = Number(digits);
  if (host !== undefined && port <= 65_535) return { host, port };
  throw new UsageError({
    name: `--${name}`,
    expected: "an address and a port",
    got: JSON.stringify(given),
    remedy: `write for example --${name} 127.0.0.1:7411`,
  });
}

async function readKey(given: Given): Promise<Identity> {
  const file = needed(given, "key", "make one: vigil device --create-key <file>");
  const pem = await readFile(file, "utf8").catch((error: unknown) => {
    throw new UsageError(
      {
        name: "--key",
        expected: "a file",
        got: systemReason(error),
        remedy: "give one that is there",
      },
      { cause: error },
    );
  });
  return Identity.fromPem(pem);
}

const FINGERPRINT = /^sha256:[\w-]{43}$/;

function fingerprints(name: "clients" | "device", given: string): readonly string[] {
  const all = given.split(",").map((one) => one.trim());
  const wrong = all.find((one) => !FINGERPRINT.test(one));
  if (wrong === undefined) return all;
  throw new UsageError({
    name: `--${name}`,
    expected: "fingerprints: sha256: and 43 letters",
    got: JSON.stringify(wrong),
    remedy: "copy what --create-key printed on the other side",
  });
}

async function createKey(file: string, terminal: Terminal): Promise<ExitCode> {
  const identity = await Identity.create();
  // Readable by its owner alone, and never over a key that others have pinned.
  await writeFile(file, identity.toPem(), { mode: 0o600, flag: "wx" }).catch((error: unknown) => {
    throw new UsageError(
      {
        name: "--create-key",
        expected: "a new file",
        got: systemReason(error),
        remedy: "give a name that is free",
      },
      { cause: error },
    );
  });
  const { fingerprint } = identity;
  terminal.print(`wrote ${file}: keep it secret\nfingerprint, for the other side: ${fingerprint}`);
  terminal.result({ file, fingerprint });
  return exitCodes.ok;
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });

async function listen(address: string, given: Given, terminal: Terminal): Promise<ExitCode> {
  const where = addressOf("listen", address);
  const identity = await readKey(given);
  const remedy = "give the fingerprints of the hosts, with commas between them";
  const clients = fingerprints("clients", needed(given, "clients", remedy));
  const counts = { opened: 0, refused: 0, ended: 0 };
  const onEvent = ({ kind, peer, reason }: ConnectionEvent): void => {
    counts[kind]++;
    terminal.print(`${kind} ${peer}${reason === undefined ? "" : `: ${reason}`}`);
  };
  const { pages } = given;
  const dynamicBytes = given["dynamic-bytes"] ?? undefined;
  const server = await listenDevice({
    ...{ ...where, identity, clients, pages, dynamicBytes, onEvent },
  }).catch((error: unknown) => {
    const expected = "an address that can be listened on";
    const got = systemReason(error);
    throw new UsageError(
      { name: "--listen", expected, got, remedy: "choose another" },
      { cause: error },
    );
  });
  const { host, port } = server;
  const { fingerprint } = identity;
  terminal.print(`listening on ${host}:${port}, ${formatCount(pages)} pages\nkey ${fingerprint}`);
  const start = performance.now();
  await aborted(terminal.signal);
  await server.close();
  terminal.print("closed; the versions are gone");
  const seconds = Math.round((performance.now() - start) / 1000);
  terminal.result({ host, port, fingerprint, pages, ...counts, seconds });
  return exitCodes.ok;
}

function printStatistics(
  { pages, bytes, pendingResets, events }: Statistics,
  terminal: Terminal,
): void {
  const rows = [
    { name: "empty", pages: pages.empty, bytes: 0 },
    { name: "flat", pages: pages.flat, bytes: 0 },
    { name: "uneven", pages: pages.uneven, bytes: bytes.uneven },
    { name: "full", pages: pages.full, bytes: bytes.full },
  ];
  const table = formatTable(
    [
      { title: "format", cell: (row: (typeof rows)[number]) => row.name },
      { title: "pages", align: "right", cell: (row) => formatCount(row.pages) },
      { title: "blocks", align: "right", cell: (row) => formatBytes(row.bytes) },
    ],
    rows,
  );
  terminal.print(
    [
      table,
      "",
      `entries ${formatBytes(bytes.entries)}, free for blocks ${formatBytes(bytes.dynamicFree)}`,
      `resets awaiting their commit ${pendingResets}, by the coin so far ${events.coinResets}`,
    ].join("\n"),
  );
}

async function showStatistics(
  address: string,
  given: Given,
  terminal: Terminal,
): Promise<ExitCode> {
  const { host, port } = addressOf("statistics", address);
  const identity = await readKey(given);
  const remedy = "give the fingerprint that vigil device --listen printed";
  const [device = ""] = fingerprints("device", needed(given, "device", remedy));
  const remote = await connectDevice({ host, port, identity, device, patienceMs: 0 }).catch(
    (error: unknown) => {
      const expected = "a device that knows our key";
      const got = systemReason(error);
      const change = "check the address, --device, and the device's --clients";
      throw new UsageError(
        { name: "--statistics", expected, got, remedy: change },
        { cause: error },
      );
    },
  );
  await using opened = remote;
  const statistics = await opened.statistics();
  printStatistics(statistics, terminal);
  terminal.result({ host, port, capacity: opened.capacity, ...statistics });
  return exitCodes.ok;
}

const works: Readonly<
  Record<Work, (value: string, given: Given, terminal: Terminal) => Promise<ExitCode>>
> = {
  "create-key": (file, _, terminal) => createKey(file, terminal),
  listen,
  statistics: showStatistics,
};

export const device: Command = defineCommand({
  name: "device",
  summary: "serve secret versions for protected memory, over TLS",
  description: [
    "A version device keeps the version numbers of memory that lies elsewhere: 12 bytes for each page of 64 lines, and more for pages written unevenly. It holds no data and no data key. Hosts reach it over TLS 1.3; both sides know each other's key by its fingerprint.",
    "Make a key on both machines, exchange the fingerprints, and listen. The versions are in memory only: when the device ends, what was sealed with them cannot be read any more.",
  ],
  positionals: [],
  options,
  examples: [
    "vigil device --create-key device.pem",
    "vigil device --listen 127.0.0.1:7411 --key device.pem --clients sha256:...",
    "vigil device --statistics 127.0.0.1:7411 --key host.pem --device sha256:...",
  ],
  async run({ options: given }, terminal) {
    const names = ["create-key", "listen", "statistics"] as const;
    const chosen = names.filter((name) => given[name] !== null);
    const [work] = chosen;
    if (work === undefined || chosen.length > 1) {
      throw new UsageError({
        name: "device",
        expected: "one of --create-key, --listen and --statistics",
        got: chosen.length === 0 ? "none" : chosen.map((name) => `--${name}`).join(" and "),
        remedy: "see vigil device --help",
      });
    }
    return works[work](given[work] ?? "", given, terminal);
  },
});
