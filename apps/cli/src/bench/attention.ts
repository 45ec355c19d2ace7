/** `vigil bench attention`: kernels beside the machine's own multiply-add peak, in turns in one run. */
import { compile, openDevice } from "@vigil/attention";
import type { CompiledAttention, Device, FloatType } from "@vigil/attention";
import { alibi, alibiSlopes, causal, slidingWindow, softCap } from "@vigil/attention";
import type { Inputs, Mods, Shape } from "@vigil/attention/testing";
import { completeShape, shapeText } from "../input/shape.ts";
import { randomInputs } from "../input/tensors.ts";
import { checkRows } from "../measure/check-rows.ts";
import { interleave } from "../measure/interleave.ts";
import type { Contestant, Timing } from "../measure/interleave.ts";
import { nativePeak, PeakLoop, wasmPeak } from "../measure/peak.ts";
import type { PeakSource } from "../measure/peak.ts";
import { median, rounded, roundedOrNull } from "../measure/statistics.ts";
import { gflops, gflopsOrNull, unmaskedFlops, workOf } from "../measure/work.ts";
import type { Work } from "../measure/work.ts";
import { formatFigure, formatMs, formatPercent, formatRatio } from "../terminal/format.ts";
import type { Column } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { dtypesFor, printRows, stolenText, wanted } from "./bench.ts";
import type { Bench, BenchOptions, BenchResult } from "./bench.ts";
import { benchGpuAttention } from "./cuda/attention.ts";

const HEADS = 8;
const lengths = [1024, 4096] as const;
const headSizes = [64, 128] as const;

const variants: Readonly<Record<string, Mods>> = {
  noop: {},
  causal: { mask: causal },
  alibi: { score: alibi(alibiSlopes(HEADS)), mask: causal },
  "sliding-window": { mask: slidingWindow(256) },
  "soft-cap": { score: softCap(30) },
};

/** What the two-thread rows measure: the longest rows, where starting and ending a launch weigh least. */
const threaded = { names: ["noop", "causal"], M: 4096, D: 64, rounds: 31 } as const;

/** Time that the rounds of one shape may take, and their least and most. */
const ROUNDS = { budgetMs: 15_000, least: 5, most: 31 } as const;

/** One sample of the peak loop is as long as the longest kernel beside it, up to this. */
const MAX_PEAK_MS = 300;

interface Candidate {
  readonly name: string;
  readonly shape: Shape;
  readonly kernel: CompiledAttention;
  readonly inputs: Inputs;
  readonly work: Work;
  readonly dtype: FloatType;
  /** FLOPs per pair that the mask keeps. */
  readonly keptFlops: number | null;
}

interface AttentionRow {
  readonly variant: string;
  readonly shape: Shape;
  readonly dtype: FloatType;
  readonly threads: number;
  readonly ms: number;
  readonly medianMs: number;
  readonly gflops: number;
  readonly gflopsUnmasked: number | null;
  readonly peakGflops: number | null;
  readonly fractionOfPeak: number | null;
  readonly fractionOfPeakMedian: number | null;
  /** The same of processor time, which holds where other programs use the machine. */
  readonly fractionOfPeakCpu: number | null;
  readonly skippedShare: number;
  readonly rounds: number;
  readonly stolenPct: number | null;
  readonly peakStolenPct: number | null;
  /** Rows of two threads only: one thread's time over two threads', and the same of processor time. */
  readonly speedup: number | null;
  readonly cpuRatio: number | null;
}

const runOnce = ({ kernel, inputs }: Candidate, signal: AbortSignal) =>
  kernel.run(inputs.query, inputs.key, inputs.value, { signal });

/** Compiles and checks a candidate; null, and the reason on the terminal, where its result is wrong. */
async function candidate(
  name: string,
  shape: Shape,
  inputs: Inputs,
  { device, terminal }: { readonly device: Device; readonly terminal: Terminal },
): Promise<Candidate | null> {
  const mods = variants[name] ?? {};
  const dtype = inputs.query.dtype as FloatType;
  const kernel = await compile({ ...mods, D: shape.D, Dv: shape.Dv, dtype, device });
  const { signal } = terminal;
  const result = await kernel.run(inputs.query, inputs.key, inputs.value, {
    signal,
    returnLse: true,
  });
  const { passed, problem } = checkRows(inputs, mods, result, { products: 2 ** 25 });
  if (passed)
    return {
      name,
      shape,
      dtype,
      kernel,
      inputs,
      work: workOf(mods, shape),
      keptFlops: unmaskedFlops(mods, shape),
    };
  terminal.print(`${name} ${shapeText(shape)}: WRONG, not timed: ${problem}`);
  return null;
}

async function roundsFor(
  candidates: readonly Candidate[],
  { rounds }: BenchOptions,
  signal: AbortSignal,
): Promise<{ readonly rounds: number; readonly longestMs: number }> {
  let [sum, longestMs] = [0, 0];
  for (const each of candidates) {
    const start = performance.now();
    await runOnce(each, signal);
    const ms = performance.now() - start;
    sum += ms;
    longestMs = Math.max(longestMs, ms);
  }
  const peak = Math.min(longestMs, MAX_PEAK_MS);
  const fitting = Math.floor(ROUNDS.budgetMs / (sum + peak));
  return { longestMs, rounds: rounds ?? Math.min(ROUNDS.most, Math.max(ROUNDS.least, fitting)) };
}

interface Peak {
  readonly flops: number;
  readonly timing: Timing;
}

function rowOf(
  { name, shape, dtype, work, keptFlops }: Candidate,
  timing: Timing,
  peak: Peak | null,
  threads: number,
): AttentionRow {
  const reached = gflops(work.flops, timing.minMs);
  const peakGflops = peak === null ? null : gflops(peak.flops, peak.timing.minMs);
  /** The share of the peak by one of the measures of both. */
  const fraction = (by: "minMs" | "medianMs" | "minCpuMs"): number | null =>
    peak === null
      ? null
      : rounded(gflops(work.flops, timing[by]) / gflops(peak.flops, peak.timing[by]), 3);
  return {
    variant: name,
    shape,
    dtype,
    threads,
    ms: rounded(timing.minMs),
    medianMs: rounded(timing.medianMs),
    gflops: rounded(reached),
    gflopsUnmasked: roundedOrNull(gflopsOrNull(keptFlops, timing.minMs)),
    peakGflops: roundedOrNull(peakGflops),
    fractionOfPeak: fraction("minMs"),
    fractionOfPeakMedian: fraction("medianMs"),
    fractionOfPeakCpu: fraction("minCpuMs"),
    skippedShare: rounded(work.skippedShare),
    rounds: timing.rounds.length,
    stolenPct: roundedOrNull(timing.stolenPct),
    peakStolenPct: roundedOrNull(peak?.timing.stolenPct ?? null),
    speedup: null,
    cpuRatio: null,
  };
}

interface Context {
  readonly device: Device;
  readonly dtype: FloatType;
  readonly options: BenchOptions;
  readonly terminal: Terminal;
  /** The multiply-adds that products in f32 are made of. */
  readonly peak: PeakSource;
}

/** Every variant of one shape and the peak loop, in turns. */
async function benchShape(
  shape: Shape,
  names: readonly string[],
  context: Context,
): Promise<{ readonly rows: readonly AttentionRow[]; readonly correct: boolean }> {
  const { options, terminal, dtype } = context;
  const { signal } = terminal;
  terminal.progress(`${shapeText(shape)} ${dtype}: compiling and checking`);
  const inputs = randomInputs(shape, dtype);
  const made = [];
  for (const name of names) made.push(await candidate(name, shape, inputs, context));
  const candidates = made.filter((each) => each !== null);
  const { rounds, longestMs } = await roundsFor(candidates, options, signal);
  const peak = PeakLoop.create(context.peak, Math.min(longestMs, MAX_PEAK_MS));
  const contestants: readonly Contestant[] = [
    { name: "peak", run: () => peak.run() },
    ...candidates.map((each) => ({ name: each.name, run: () => runOnce(each, signal) })),
  ];
  const onRound = (round: number): void =>
    terminal.tick(`${shapeText(shape)} ${dtype}: round ${round + 1} of ${rounds + 1}`);
  const [peakTiming, ...timings] = await interleave(contestants, { rounds, signal, onRound });
  const isYardstick = peakTiming !== undefined && dtype === "f32";
  const yardstick = isYardstick ? { flops: peak.flops, timing: peakTiming } : null;
  const rows = candidates.flatMap((each, at) => {
    const timing = timings[at];
    return timing === undefined ? [] : [rowOf(each, timing, yardstick, 1)];
  });
  return { rows, correct: candidates.length === made.length };
}

/** One thread and two, in turns: the speed-up of each round, and the processor time that sharing costs. */
async function benchThreads(
  name: string,
  devices: readonly [one: Device, two: Device],
  { options, terminal, dtype }: Context,
): Promise<AttentionRow | null> {
  const { signal } = terminal;
  const shape = completeShape({}, { B: 1, Hq: HEADS, M: threaded.M, D: threaded.D });
  const inputs = randomInputs(shape, dtype);
  terminal.progress(`${name} ${shapeText(shape)} ${dtype}: one thread and two`);
  const one = await candidate(name, shape, inputs, { device: devices[0], terminal });
  const two = await candidate(name, shape, inputs, { device: devices[1], terminal });
  if (one === null || two === null) return null;
  const contestants = [one, two].map((each) => ({ name, run: () => runOnce(each, signal) }));
  const rounds = options.rounds ?? threaded.rounds;
  const onRound = (round: number): void =>
    terminal.tick(`${name}, two threads: round ${round + 1} of ${rounds + 1}`);
  const [alone, shared] = await interleave(contestants, { rounds, signal, onRound });
  if (alone === undefined || shared === undefined) return null;
  const speedups = alone.rounds.map((ms, round) => ms / (shared.rounds[round] ?? NaN));
  const sum = (values: readonly number[]): number =>
    values.reduce((total, value) => total + value, 0);
  return {
    ...rowOf(two, shared, null, 2),
    speedup: rounded(median(speedups), 3),
    cpuRatio: rounded(sum(alone.cpuRounds) / sum(shared.cpuRounds), 3),
  };
}

const columns: readonly Column<AttentionRow>[] = [
  { title: "variant", cell: (row) => row.variant },
  { title: "shape", cell: (row) => shapeText(row.shape) },
  { title: "dtype", cell: (row) => row.dtype },
  { title: "threads", align: "right", cell: (row) => String(row.threads) },
  { title: "time", align: "right", cell: (row) => formatMs(row.ms) },
  { title: "median", align: "right", cell: (row) => formatMs(row.medianMs) },
  { title: "GFLOP/s", align: "right", cell: (row) => formatFigure(row.gflops) },
  {
    title: "per unmasked",
    align: "right",
    cell: (row) => (row.gflopsUnmasked === null ? "" : formatFigure(row.gflopsUnmasked)),
  },
  {
    title: "peak",
    align: "right",
    cell: (row) => (row.peakGflops === null ? "" : formatFigure(row.peakGflops)),
  },
  {
    title: "of peak",
    align: "right",
    cell: (row) => (row.fractionOfPeak === null ? "" : formatPercent(row.fractionOfPeak)),
  },
  {
    title: "of peak, medians",
    align: "right",
    cell: (row) =>
      row.fractionOfPeakMedian === null ? "" : formatPercent(row.fractionOfPeakMedian),
  },
  {
    title: "of peak, CPU time",
    align: "right",
    cell: (row) => (row.fractionOfPeakCpu === null ? "" : formatPercent(row.fractionOfPeakCpu)),
  },
  {
    title: "speed-up",
    align: "right",
    cell: (row) => (row.speedup === null ? "" : formatRatio(row.speedup)),
  },
  {
    title: "CPU 1/2",
    align: "right",
    cell: (row) => (row.cpuRatio === null ? "" : row.cpuRatio.toFixed(2)),
  },
  { title: "rounds", align: "right", cell: (row) => String(row.rounds) },
  { title: "stolen", align: "right", cell: (row) => stolenText(row.stolenPct) },
];

const labelOf = (name: string, shape: Shape, threads: number, dtype: FloatType): string =>
  `${name} ${shapeText(shape)} threads${threads} ${dtype}`;

interface Rows {
  readonly rows: readonly AttentionRow[];
  readonly correct: boolean;
}

async function oneThread(context: Context): Promise<Rows> {
  const { options, dtype } = context;
  const rows: AttentionRow[] = [];
  let correct = true;
  for (const M of lengths) {
    for (const D of headSizes) {
      const shape = completeShape({}, { B: 1, Hq: HEADS, M, D });
      const names = Object.keys(variants).filter((each) =>
        wanted(options, labelOf(each, shape, 1, dtype)),
      );
      if (names.length === 0) continue;
      const result = await benchShape(shape, names, context);
      rows.push(...result.rows);
      correct &&= result.correct;
    }
  }
  return { rows, correct };
}

async function twoThreads(context: Context): Promise<Rows> {
  const { options, dtype, device } = context;
  const shape = completeShape({}, { B: 1, Hq: HEADS, M: threaded.M, D: threaded.D });
  const names = threaded.names.filter((each) => wanted(options, labelOf(each, shape, 2, dtype)));
  const rows: AttentionRow[] = [];
  if (names.length === 0) return { rows, correct: true };
  await using two = await openDevice(options.device, { threads: 2, ...options.open });
  for (const each of names) {
    const row = await benchThreads(each, [device, two], context);
    if (row !== null) rows.push(row);
  }
  return { rows, correct: rows.length === names.length };
}

const notes = [
  "time: least of the rounds; FLOPs: 4 * D per pair in unskipped 128 x 128 blocks",
  "peak, f32 only: the multiply-add loop in the same rounds, its best, with the target's vectors",
];

async function run(options: BenchOptions, terminal: Terminal): Promise<BenchResult> {
  if (options.device === "cuda") return benchGpuAttention(options, terminal);
  await using device = await openDevice(options.device, { threads: 1, ...options.open });
  const peak = device.target === "native" ? await nativePeak(options.open) : await wasmPeak();
  const rows: AttentionRow[] = [];
  let correct = true;
  try {
    for (const dtype of dtypesFor(options, device)) {
      const context = { device, dtype, options, terminal, peak };
      for (const measure of [oneThread, twoThreads]) {
        const result = await measure(context);
        rows.push(...result.rows);
        correct &&= result.correct;
      }
    }
  } finally {
    peak.close();
  }
  printRows(terminal, `attention on ${device.name}`, columns, rows);
  terminal.print(notes.join("\n"));
  return { rows, more: { device: device.name }, correct };
}

export const attentionBench: Bench = {
  summary:
    "kernels beside the machine's multiply-add peak; one thread beside two; on a GPU, bursts and sustained",
  run,
};
