/** `vigil bench peers`: other ways to compute attention on this machine, each in a process of its own, taking turns with ours. */
import { causal, compile, openDevice } from "@vigil/attention";
import type { CompiledAttention, Device } from "@vigil/attention";
import { elementsOf } from "@vigil/attention/testing";
import type { Inputs, Mods, Shape } from "@vigil/attention/testing";
import { completeShape, shapeText } from "../input/shape.ts";
import { randomInputs } from "../input/tensors.ts";
import { checkRows } from "../measure/check-rows.ts";
import { Clocked, interleave } from "../measure/interleave.ts";
import type { Contestant, Timing } from "../measure/interleave.ts";
import { rounded, roundedOrNull } from "../measure/statistics.ts";
import { formatMs, formatRatio } from "../terminal/format.ts";
import type { Column } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { printRows, stolenText, wanted } from "./bench.ts";
import type { Bench, BenchOptions, BenchResult } from "./bench.ts";
import { installPeers, PeerProcess } from "./peer-process.ts";
import type { PeerInfo, PeerProblem } from "./peer-process.ts";

const peerNames = ["onnxruntime-web", "jax", "onnxruntime-node"] as const;

const HEADS = 8;
const shapes: readonly Shape[] = [
  { M: 1024, D: 64 },
  { M: 1024, D: 128 },
  { M: 4096, D: 64 },
  { M: 4096, D: 128 },
].map((lengths) => completeShape({}, { B: 1, Hq: HEADS, ...lengths }));

const variants: Readonly<Record<string, Mods>> = { noop: {}, causal: { mask: causal } };

/** Rounds by length: a round of the long shapes takes most of a minute. */
const roundsOf = ({ M }: Shape): number => (M <= 1024 ? 15 : 3);

/** Peers sum in another order, so equal to the bit is not to be had; f32 through a softmax agrees to this. */
const TOLERANCE = 1e-4;

interface Challenger {
  readonly peer: string;
  readonly info: PeerInfo;
  readonly formulation: string;
  readonly process: PeerProcess;
}

interface PeerRow {
  readonly peer: string;
  readonly version: string;
  readonly kind: "wasm" | "native";
  readonly formulation: string;
  readonly variant: string;
  readonly shape: Shape;
  readonly ms: number;
  readonly medianMs: number;
  readonly oursMs: number;
  readonly oursMedianMs: number;
  /** The peer's time over ours: above 1, ours is faster. */
  readonly ratio: number;
  readonly medianRatio: number;
  /** The same of processor time, which holds where other programs use the machine. */
  readonly cpuRatio: number;
  readonly maxDifference: number;
  readonly rounds: number;
  readonly stolenPct: number | null;
}

/** One process for each way that each peer can say attention; a peer that does not start is left out, with its reason. */
async function openChallengers(terminal: Terminal): Promise<readonly Challenger[]> {
  const challengers: Challenger[] = [];
  for (const peer of peerNames) {
    const first = new PeerProcess(peer);
    try {
      const info = await first.ask("open");
      for (const [at, formulation] of info.formulations.entries()) {
        const process = at === 0 ? first : new PeerProcess(peer);
        if (at > 0) await process.ask("open");
        challengers.push({ peer, info, formulation, process });
      }
    } catch (error) {
      terminal.print(
        `${peer}: left out: ${error instanceof Error ? error.message : String(error)}`,
      );
      await first[Symbol.asyncDispose]();
    }
  }
  return challengers;
}

const problemOf = (
  { query, key, value }: Inputs,
  { B, Hq, M, D }: Shape,
  variant: string,
): PeerProblem => {
  const floats = (data: unknown): Float32Array => data as Float32Array;
  const tensors = { query: floats(query.data), key: floats(key.data), value: floats(value.data) };
  return { B, H: Hq, S: M, D, causal: variant === "causal", ...tensors };
};

function largestDifference(a: Float32Array, b: Float64Array): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let at = 0; at < a.length; at++) {
    const difference = Math.abs((a[at] ?? NaN) - (b[at] ?? NaN));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

interface Ready extends Challenger {
  readonly maxDifference: number;
}

/** Prepares a peer and compares its output with ours; null, and the reason, where it refuses or differs. */
async function readied(
  challenger: Challenger,
  problem: PeerProblem,
  ours: Float64Array,
  terminal: Terminal,
): Promise<Ready | null> {
  const { peer, formulation, process } = challenger;
  const leaveOut = (why: string): null => {
    terminal.print(`${peer} (${formulation}), S ${problem.S}, D ${problem.D}: left out: ${why}`);
    return null;
  };
  try {
    await process.ask("prepare", { formulation, problem });
    await process.ask("run");
    const maxDifference = largestDifference(await process.ask("output"), ours);
    if (maxDifference <= TOLERANCE) return { ...challenger, maxDifference };
    return leaveOut(`differs from ours by ${maxDifference}`);
  } catch (error) {
    return leaveOut(error instanceof Error ? error.message : String(error));
  }
}

const rowOf = (
  { peer, info, formulation, maxDifference }: Ready,
  [variant, shape]: readonly [string, Shape],
  [theirs, ours]: readonly [Timing, Timing],
): PeerRow => ({
  peer,
  version: info.version,
  kind: info.kind,
  formulation,
  variant,
  shape,
  ms: rounded(theirs.minMs),
  medianMs: rounded(theirs.medianMs),
  oursMs: rounded(ours.minMs),
  oursMedianMs: rounded(ours.medianMs),
  ratio: rounded(theirs.minMs / ours.minMs, 3),
  medianRatio: rounded(theirs.medianMs / ours.medianMs, 3),
  cpuRatio: rounded(theirs.minCpuMs / ours.minCpuMs, 3),
  maxDifference,
  rounds: theirs.rounds.length,
  stolenPct: roundedOrNull(theirs.stolenPct),
});

interface Context {
  readonly device: Device;
  readonly challengers: readonly Challenger[];
  readonly options: BenchOptions;
  readonly terminal: Terminal;
}

/** Ours on float64's word; null where it is wrong. */
async function checkedOurs(
  kernel: CompiledAttention,
  { query, key, value }: Inputs,
  mods: Mods,
): Promise<Float64Array | null> {
  const result = await kernel.run(query, key, value, { returnLse: true });
  const { passed } = checkRows({ query, key, value }, mods, result, { products: 2 ** 25 });
  return passed ? elementsOf(result.out) : null;
}

async function benchPair(
  variant: string,
  shape: Shape,
  { device, challengers, options, terminal }: Context,
): Promise<readonly PeerRow[] | null> {
  const label = `${variant} ${shapeText(shape)}`;
  const { signal } = terminal;
  terminal.progress(`${label}: preparing and comparing`);
  const inputs = randomInputs(shape, "f32");
  const mods = variants[variant] ?? {};
  const kernel = await compile({ ...mods, D: shape.D, Dv: shape.Dv, device });
  const ours = await checkedOurs(kernel, inputs, mods);
  if (ours === null) return null;
  const problem = problemOf(inputs, shape, variant);
  const ready: Ready[] = [];
  for (const challenger of challengers) {
    signal.throwIfAborted();
    const one = await readied(challenger, problem, ours, terminal);
    if (one !== null) ready.push(one);
  }
  const contestants: readonly Contestant[] = [
    { name: "ours", run: () => kernel.run(inputs.query, inputs.key, inputs.value, { signal }) },
    ...ready.map(({ peer, process }) => ({
      name: peer,
      run: async () => {
        const { ms, cpuMs } = await process.ask("run");
        return new Clocked(ms, cpuMs);
      },
    })),
  ];
  const rounds = options.rounds ?? roundsOf(shape);
  const onRound = (round: number): void =>
    terminal.tick(`${label}: round ${round + 1} of ${rounds + 1}`);
  const [mine, ...timings] = await interleave(contestants, { rounds, signal, onRound });
  for (const { process } of ready) await process.ask("release");
  if (mine === undefined) return [];
  return ready.flatMap((each, at) => {
    const theirs = timings[at];
    return theirs === undefined ? [] : [rowOf(each, [variant, shape], [theirs, mine])];
  });
}

const columns: readonly Column<PeerRow>[] = [
  { title: "peer", cell: (row) => `${row.peer} ${row.version}` },
  { title: "as", cell: (row) => row.formulation },
  { title: "kind", cell: (row) => row.kind },
  { title: "variant", cell: (row) => row.variant },
  { title: "shape", cell: (row) => shapeText(row.shape) },
  { title: "theirs", align: "right", cell: (row) => formatMs(row.ms) },
  { title: "ours", align: "right", cell: (row) => formatMs(row.oursMs) },
  { title: "ratio", align: "right", cell: (row) => formatRatio(row.ratio) },
  { title: "of medians", align: "right", cell: (row) => formatRatio(row.medianRatio) },
  { title: "of CPU time", align: "right", cell: (row) => formatRatio(row.cpuRatio) },
  { title: "rounds", align: "right", cell: (row) => String(row.rounds) },
  { title: "stolen", align: "right", cell: (row) => stolenText(row.stolenPct) },
];

/** The fastest WebAssembly peer of each variant and shape: what the ratio is promised against. */
function bestWasm(rows: readonly PeerRow[]): readonly PeerRow[] {
  const groups = Map.groupBy(
    rows.filter(({ kind }) => kind === "wasm"),
    ({ variant, shape }) => `${variant} ${shapeText(shape)}`,
  );
  return [...groups.values()].map((group) =>
    group.reduce((best, row) => (row.ms < best.ms ? row : best)),
  );
}

async function run(options: BenchOptions, terminal: Terminal): Promise<BenchResult> {
  const pairs = shapes
    .flatMap((shape) => Object.keys(variants).map((variant) => ({ variant, shape })))
    .filter(({ variant, shape }) => wanted(options, `${variant} ${shapeText(shape)}`));
  if (pairs.length === 0) return { rows: [], correct: true };
  installPeers(options.mayInstall, (text) => terminal.progress(text));
  await using device = await openDevice(options.device, { threads: 1, ...options.open });
  const challengers = await openChallengers(terminal);
  const rows: PeerRow[] = [];
  let correct = true;
  try {
    for (const { variant, shape } of pairs) {
      const found = await benchPair(variant, shape, { device, challengers, options, terminal });
      if (found === null) correct = false;
      else rows.push(...found);
    }
  } finally {
    for (const { process } of challengers) await process[Symbol.asyncDispose]();
  }
  const best = bestWasm(rows);
  printRows(terminal, `peers beside ${device.name}, one thread each`, columns, rows);
  printRows(terminal, "fastest WebAssembly peer", columns, best);
  return { rows, more: { device: device.name, bestWasm: best }, correct };
}

export const peersBench: Bench = {
  summary: "onnxruntime-web, jax-js and onnxruntime-node beside ours, in turns",
  run,
};
