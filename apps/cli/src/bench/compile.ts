/** `vigil bench compile`: from the text of a function to a kernel that has run, and what does not compile again. */
import { compile, maskMod, openDevice, scoreMod, Tensor } from "@vigil/attention";
import type { Device, MaskMod, ScoreMod } from "@vigil/attention";
import { elementsOf } from "@vigil/attention/testing";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { median, minimum, rounded, roundedOrNull } from "../measure/statistics.ts";
import { StolenMeter } from "../measure/stolen.ts";
import { formatMs } from "../terminal/format.ts";
import type { Column } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { printRows, stolenText, wanted } from "./bench.ts";
import type { Bench, BenchOptions, BenchResult } from "./bench.ts";

const ROUNDS = 31;
const D = 64;
const LENGTHS = [64, 96] as const;

interface Variant {
  readonly score?: ScoreMod;
  readonly mask?: MaskMod;
}

/** From text to a function, as `import` does it; the compiler reads the text back. */
// oxlint-disable-next-line no-eval -- new text is what is measured
const evaluated = (text: string): never => (0, eval)(`(${text})`) as never;

/** Each makes a variant of new text (`n` is a literal in it, so that it is a kernel of its own) with a captured number. */
const variants: Readonly<Record<string, (n: number, captured: number) => Variant>> = {
  causal: (n, captured) => ({
    mask: maskMod(
      { shift: captured },
      evaluated(`({ shift }) => ({ q, kv }) => q + shift + ${n} >= kv`),
    ),
  }),
  "sliding-window": (n, captured) => ({
    mask: maskMod(
      { width: captured },
      evaluated(`({ width }) => ({ q, kv }) => q >= kv && q - kv < width + ${n}`),
    ),
  }),
  alibi: (n, captured) => ({
    score: scoreMod(
      { slopes: new Float32Array([0.5]), factor: captured },
      evaluated(
        `({ slopes, factor }) => (score, { h, q, kv }) => score + factor * slopes[h] * (kv - q) / ${n + 1}`,
      ),
    ),
    mask: maskMod(evaluated(`({ q, kv }) => q + ${n} >= kv`)),
  }),
  "soft-cap": (n, captured) => ({
    score: scoreMod(
      { cap: captured },
      evaluated(`({ cap }) => (score) => cap * Math.tanh(score / (cap + ${n}))`),
    ),
  }),
  document: (n, captured) => ({
    mask: maskMod(
      { ids: new Int32Array(128), shift: captured },
      evaluated(`({ ids, shift }) => ({ q, kv }) => ids[q] === ids[kv] && q + shift + ${n} >= kv`),
    ),
  }),
};

const ONE_IN_BF16 = 0x3f80;

/** A GPU's fast kernels are those for 16 bits. */
const dtypeOf = ({ target }: Device): "f32" | "bf16" => (target === "cuda" ? "bf16" : "f32");

const ones = (dtype: "f32" | "bf16", length: number): Tensor => {
  const size = length * D;
  const data =
    dtype === "f32" ? new Float32Array(size).fill(1) : new Uint16Array(size).fill(ONE_IN_BF16);
  return new Tensor(data, [1, 1, length, D], { dtype });
};

async function runVariant(variant: Variant, device: Device, length: number): Promise<void> {
  const dtype = dtypeOf(device);
  const tensor = ones(dtype, length);
  const kernel = await compile({ ...variant, D, dtype, device });
  const out = await kernel.run(tensor, tensor, tensor);
  // The average of ones is one: a kernel that is not right has not been compiled.
  if (!elementsOf(out).every((element) => Math.abs(element - 1) < 1e-5))
    throw new Error("internal: a wrong result");
}

interface CompileRow {
  readonly variant: string;
  readonly target: string;
  /** Whether a compiler worked, or an earlier process had left the kernel on the disk. */
  readonly from: "compiler" | "disk";
  readonly medianMs: number;
  readonly minMs: number;
  /** Processor time of all threads, the engine's own compilers among them. */
  readonly medianCpuMs: number;
  /** The very first, when the compiler itself had not been compiled yet. */
  readonly firstMs: number;
  /** Kernels compiled for a second length and for a new captured number. */
  readonly recompilations: number;
  readonly rounds: number;
  readonly stolenPct: number | null;
}

interface Counted {
  readonly times: readonly number[];
  readonly cpuTimes: readonly number[];
  readonly recompilations: number;
  readonly stolenPct: number | null;
}

interface Measuring {
  readonly make: (n: number, captured: number) => Variant;
  readonly device: Device;
  readonly from: CompileRow["from"];
  readonly rounds: number;
}

async function measure({ make, device, rounds }: Measuring, signal: AbortSignal): Promise<Counted> {
  const stolen = new StolenMeter();
  const times: number[] = [];
  const cpuTimes: number[] = [];
  for (let n = 0; n <= rounds; n++) {
    await setImmediate();
    signal.throwIfAborted();
    stolen.start();
    const cpu = process.cpuUsage();
    const start = performance.now();
    await runVariant(make(n, 8), device, LENGTHS[0]);
    times.push(performance.now() - start);
    const { user, system } = process.cpuUsage(cpu);
    cpuTimes.push((user + system) / 1000);
    stolen.stop();
  }
  const before = device.compilations;
  await runVariant(make(0, 8), device, LENGTHS[1]);
  await runVariant(make(0, 9), device, LENGTHS[0]);
  return {
    times,
    cpuTimes,
    recompilations: device.compilations - before,
    stolenPct: stolen.percent,
  };
}

function rowOf(
  variant: string,
  { device, from }: Measuring,
  { times, cpuTimes, recompilations, stolenPct }: Counted,
): CompileRow {
  const [first = NaN, ...later] = times;
  return {
    variant,
    target: device.target,
    from,
    medianMs: rounded(median(later)),
    minMs: rounded(minimum(later)),
    medianCpuMs: rounded(median(cpuTimes.slice(1))),
    firstMs: rounded(first),
    recompilations,
    rounds: later.length,
    stolenPct: roundedOrNull(stolenPct),
  };
}

const columns: readonly Column<CompileRow>[] = [
  { title: "variant", cell: (row) => row.variant },
  { title: "target", cell: (row) => row.target },
  { title: "from", cell: (row) => row.from },
  { title: "median", align: "right", cell: (row) => formatMs(row.medianMs) },
  { title: "least", align: "right", cell: (row) => formatMs(row.minMs) },
  { title: "CPU time", align: "right", cell: (row) => formatMs(row.medianCpuMs) },
  { title: "first", align: "right", cell: (row) => formatMs(row.firstMs) },
  { title: "recompilations", align: "right", cell: (row) => String(row.recompilations) },
  { title: "rounds", align: "right", cell: (row) => String(row.rounds) },
  { title: "stolen", align: "right", cell: (row) => stolenText(row.stolenPct) },
];

/** Rounds where a compiler takes half a second or more. */
const SLOW_ROUNDS = 9;

/** On a target that keeps kernels on the disk, twice: with an empty folder, and by a device that finds them all there. */
async function measureVariant(
  variant: string,
  options: BenchOptions,
  { folder, terminal }: { readonly folder: string; readonly terminal: Terminal },
): Promise<readonly CompileRow[]> {
  const make = variants[variant];
  if (make === undefined) return [];
  const rows: CompileRow[] = [];
  for (const from of ["compiler", "disk"] as const) {
    terminal.progress(`${variant}, from the ${from}`);
    const cacheFolder = join(folder, variant);
    await using device = await openDevice(options.device, { ...options.open, cacheFolder });
    const keeps = device.target === "native" || device.target === "cuda";
    if (from === "disk" && !keeps) break;
    const measuring = {
      make,
      device,
      from,
      rounds: options.rounds ?? (keeps ? SLOW_ROUNDS : ROUNDS),
    };
    rows.push(rowOf(variant, measuring, await measure(measuring, terminal.signal)));
  }
  return rows;
}

async function run(options: BenchOptions, terminal: Terminal): Promise<BenchResult> {
  const rows: CompileRow[] = [];
  const folder = await mkdtemp(join(tmpdir(), "vigil-bench-"));
  try {
    for (const name of Object.keys(variants)) {
      if (!wanted(options, name)) continue;
      rows.push(...(await measureVariant(name, options, { folder, terminal })));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  printRows(terminal, "from the text of a function to a result", columns, rows);
  terminal.print(
    "each round is new text; recompilations: kernels compiled for a second length and a new captured number",
  );
  return { rows, correct: true };
}

export const compileBench: Bench = {
  summary: "from the text of a function to a kernel that has run; recompilations",
  run,
};
