/** `vigil bench peers`: other ways to compute attention on this machine, each in a process of its own, taking turns with ours. */
import { alibi, alibiSlopes, causal, compile, openDevice } from "@vigil/attention";
import { slidingWindow, softCap, Tensor } from "@vigil/attention";
import type { CompiledAttention, Device, FloatType } from "@vigil/attention";
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
import { dtypesFor, printRows, stolenText, wanted } from "./bench.ts";
import type { Bench, BenchOptions, BenchResult } from "./bench.ts";
import { installPeers, PeerProcess } from "./peer-process.ts";
import type { PeerInfo, PeerNumbers, PeerParameters, PeerProblem } from "./peer-process.ts";
import { UsageError } from "../usage-error.ts";

/** Peers that npm installs into `bench/peers`; the others are found on the machine. */
const installedPeers = ["onnxruntime-web", "jax", "onnxruntime-node"] as const;
const machinePeers = ["torch-sdpa", "torch-flex"] as const;

const HEADS = 8;
const parameters: PeerParameters = { slopes: [...alibiSlopes(HEADS)], width: 256, cap: 30 };
const shapes: readonly Shape[] = [
  { M: 1024, D: 64 },
  { M: 1024, D: 128 },
  { M: 4096, D: 64 },
  { M: 4096, D: 128 },
].map((lengths) => completeShape({}, { B: 1, Hq: HEADS, ...lengths }));

const variants: Readonly<Record<string, Mods>> = {
  noop: {},
  causal: { mask: causal },
  alibi: { score: alibi(alibiSlopes(HEADS)), mask: causal },
  "sliding-window": { mask: slidingWindow(parameters.width) },
  "soft-cap": { score: softCap(parameters.cap) },
};

/** Rounds by length: a round of the long shapes takes most of a minute. */
const roundsOf = ({ M }: Shape): number => (M <= 1024 ? 15 : 3);

/** Peers sum and round in another order, so equal to the bit is not to be had; through a softmax they agree to this. */
const tolerances: { readonly [K in FloatType]: number } = { f32: 1e-4, f16: 4e-3, bf16: 3e-2 };

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
  readonly dtype: FloatType;
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

interface Skipped {
  readonly peer: string;
  readonly reason: string;
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** One process for each way that each peer can say attention; a peer that does not start is left out, with its reason. */
async function openChallengers(
  names: readonly string[],
  terminal: Terminal,
): Promise<{ readonly challengers: readonly Challenger[]; readonly skipped: readonly Skipped[] }> {
  const challengers: Challenger[] = [];
  const skipped: Skipped[] = [];
  for (const peer of names) {
    const first = new PeerProcess(peer);
    try {
      const info = await first.ask("open");
      for (const [at, formulation] of info.formulations.entries()) {
        const process = at === 0 ? first : new PeerProcess(peer);
        if (at > 0) await process.ask("open");
        challengers.push({ peer, info, formulation, process });
      }
    } catch (error) {
      const reason = reasonOf(error);
      skipped.push({ peer, reason });
      terminal.print(`${peer}: left out: ${reason}`);
      await first[Symbol.asyncDispose]();
    }
  }
  return { challengers, skipped };
}

/** Those asked for; else WebAssembly's peers for wasm, and those in native code for native. */
function peersFor({ peers }: BenchOptions, { target }: Device): readonly string[] {
  const all: readonly string[] = [...installedPeers, ...machinePeers];
  if (peers === null)
    return target === "native" ? ["onnxruntime-node", ...machinePeers] : installedPeers;
  const unknown = peers.find((name) => !all.includes(name));
  if (unknown === undefined) return peers;
  throw new UsageError({
    name: "--peers",
    expected: `names among ${all.join(", ")}`,
    got: JSON.stringify(unknown),
    remedy: "leave it out for those that suit the target",
  });
}

const problemOf = (
  { query, key, value }: Inputs,
  { variant, shape: { B, Hq, M, D }, dtype }: Pair,
): PeerProblem => {
  const numbers = ({ data }: Tensor): PeerNumbers => data as PeerNumbers;
  const tensors = { query: numbers(query), key: numbers(key), value: numbers(value) };
  const what = { variant, dtype, causal: variant === "causal", parameters };
  return { B, H: Hq, S: M, D, ...what, ...tensors };
};

/** One computation, by all who can say it. */
interface Pair {
  readonly variant: string;
  readonly shape: Shape;
  readonly dtype: FloatType;
}

const labelOf = ({ variant, shape, dtype }: Pair): string =>
  `${variant} ${shapeText(shape)} ${dtype}`;

function largestDifference(a: Float64Array, b: Float64Array): number {
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
  pair: Pair,
  [problem, ours]: readonly [PeerProblem, Float64Array],
  terminal: Terminal,
): Promise<Ready | null> {
  const { peer, formulation, process } = challenger;
  const leaveOut = (why: string): null => {
    terminal.print(`${peer} (${formulation}), ${labelOf(pair)}: left out: ${why}`);
    return null;
  };
  try {
    await process.ask("prepare", { formulation, problem });
    await process.ask("run");
    const out = new Tensor(await process.ask("output"), [ours.length], { dtype: pair.dtype });
    const maxDifference = largestDifference(elementsOf(out), ours);
    if (maxDifference <= tolerances[pair.dtype]) return { ...challenger, maxDifference };
    return leaveOut(`differs from ours by ${maxDifference}`);
  } catch (error) {
    return leaveOut(reasonOf(error));
  }
}

const rowOf = (
  { peer, info, formulation, maxDifference }: Ready,
  pair: Pair,
  [theirs, ours]: readonly [Timing, Timing],
): PeerRow => ({
  peer,
  version: info.version,
  kind: info.kind,
  formulation,
  ...pair,
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

const canSay = ({ info }: Challenger, { variant, dtype }: Pair): boolean =>
  info.variants.includes(variant) && info.dtypes.includes(dtype);

async function benchPair(
  pair: Pair,
  { device, challengers, options, terminal }: Context,
): Promise<readonly PeerRow[] | null> {
  const able = challengers.filter((challenger) => canSay(challenger, pair));
  if (able.length === 0) return [];
  const { variant, shape, dtype } = pair;
  const label = labelOf(pair);
  const { signal } = terminal;
  terminal.progress(`${label}: preparing and comparing`);
  const inputs = randomInputs(shape, dtype);
  const mods = variants[variant] ?? {};
  const kernel = await compile({ ...mods, D: shape.D, Dv: shape.Dv, dtype, device });
  const ours = await checkedOurs(kernel, inputs, mods);
  if (ours === null) return null;
  const problem = problemOf(inputs, pair);
  const ready: Ready[] = [];
  for (const challenger of able) {
    signal.throwIfAborted();
    const one = await readied(challenger, pair, [problem, ours], terminal);
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
    return theirs === undefined ? [] : [rowOf(each, pair, [theirs, mine])];
  });
}

const columns: readonly Column<PeerRow>[] = [
  { title: "peer", cell: (row) => `${row.peer} ${row.version}` },
  { title: "as", cell: (row) => row.formulation },
  { title: "kind", cell: (row) => row.kind },
  { title: "variant", cell: (row) => row.variant },
  { title: "shape", cell: (row) => shapeText(row.shape) },
  { title: "dtype", cell: (row) => row.dtype },
  { title: "theirs", align: "right", cell: (row) => formatMs(row.ms) },
  { title: "ours", align: "right", cell: (row) => formatMs(row.oursMs) },
  { title: "ratio", align: "right", cell: (row) => formatRatio(row.ratio) },
  { title: "of medians", align: "right", cell: (row) => formatRatio(row.medianRatio) },
  { title: "of CPU time", align: "right", cell: (row) => formatRatio(row.cpuRatio) },
  { title: "rounds", align: "right", cell: (row) => String(row.rounds) },
  { title: "stolen", align: "right", cell: (row) => stolenText(row.stolenPct) },
];

/** The fastest peer of a kind for each variant, shape and dtype: what the ratio is promised against. */
function fastest(rows: readonly PeerRow[], kind: PeerRow["kind"]): readonly PeerRow[] {
  const groups = Map.groupBy(
    rows.filter((row) => row.kind === kind),
    labelOf,
  );
  return [...groups.values()].map((group) =>
    group.reduce((best, row) => (row.ms < best.ms ? row : best)),
  );
}

/** What is measured on a device: shapes, in every dtype, in every variant. */
const pairsFor = (options: BenchOptions, device: Device): readonly Pair[] =>
  shapes
    .flatMap((shape) =>
      dtypesFor(options, device).flatMap((dtype) =>
        Object.keys(variants).map((variant) => ({ variant, shape, dtype })),
      ),
    )
    .filter((pair) => wanted(options, labelOf(pair)));

async function run(options: BenchOptions, terminal: Terminal): Promise<BenchResult> {
  await using device = await openDevice(options.device, { threads: 1, ...options.open });
  const pairs = pairsFor(options, device);
  if (pairs.length === 0) return { rows: [], correct: true, chosen: false };
  const names = peersFor(options, device);
  const mustInstall = names.some((name) => installedPeers.some((peer) => peer === name));
  if (mustInstall) installPeers(options.mayInstall, (text) => terminal.progress(text));
  const { challengers, skipped } = await openChallengers(names, terminal);
  const rows: PeerRow[] = [];
  let correct = true;
  try {
    for (const pair of pairs) {
      const found = await benchPair(pair, { device, challengers, options, terminal });
      if (found === null) correct = false;
      else rows.push(...found);
    }
  } finally {
    for (const { process } of challengers) await process[Symbol.asyncDispose]();
  }
  const [bestWasm, bestNative] = [fastest(rows, "wasm"), fastest(rows, "native")];
  printRows(terminal, `peers beside ${device.name}, one thread each`, columns, rows);
  printRows(terminal, "fastest WebAssembly peer", columns, bestWasm);
  printRows(terminal, "fastest peer in native code", columns, bestNative);
  return {
    rows,
    more: { device: device.name, skipped, bestWasm, bestNative },
    correct,
    chosen: true,
  };
}

export const peersBench: Bench = {
  summary: "onnxruntime-web, jax-js, onnxruntime-node and PyTorch beside ours, in turns",
  run,
};
