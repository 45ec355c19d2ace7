/** `vigil bench attention --device cuda`: the forward of eight variants in bf16, checked, then timed in bursts and under load. */
import { blockMask, compile, openDevice } from "@vigil/attention";
import type { CompiledAttention, ResidentDevice, RunOptions, DeviceTensor } from "@vigil/attention";
import { cut, elementsOf } from "@vigil/attention/testing";
import type { Inputs, Mods, Shape } from "@vigil/attention/testing";
import { completeShape, parseShape, shapeText } from "../../input/shape.ts";
import { checkRows } from "../../measure/check-rows.ts";
import { rounded } from "../../measure/statistics.ts";
import { workOf } from "../../measure/work.ts";
import { formatFigure, formatMs, formatPercent } from "../../terminal/format.ts";
import type { Column } from "../../terminal/table.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import { printRows, wanted } from "../bench.ts";
import type { BenchOptions, BenchResult } from "../bench.ts";
import { largeInputs, ResidentInputs } from "./tensors.ts";
import { GpuTimer, orNull } from "./timing.ts";
import { gpuVariants } from "./variants.ts";

/** The shapes that the peers' figures are known for. */
const DEFAULT_SHAPES = "B=4,Hq=16,M=4096,D=128 B=4,Hq=32,M=4096,D=64 B=1,Hq=64,Hkv=8,M=16384,D=128";

const FALLBACK = { B: 4, Hq: 16, M: 4096, D: 128 } as const;

/** Shapes as the command line gives them, parted by spaces. */
export const shapesOf = (text: string): readonly Shape[] =>
  text
    .split(/\s+/)
    .filter((part) => part !== "")
    .map((part) => completeShape(parseShape(part), FALLBACK));

interface GpuRow {
  readonly variant: string;
  readonly shape: Shape;
  readonly dtype: "bf16";
  /** After 0.2 s of idling and 8 launches, the median of 25. */
  readonly burstMs: number;
  readonly burstTflops: number;
  /** After a quarter of a second of launches, the median of 60. */
  readonly sustainedMs: number;
  readonly sustainedTflops: number;
  /** Of the calling thread, for one launch through the public API. */
  readonly queueMs: number;
  readonly skippedShare: number;
  readonly tile: Readonly<Record<string, number>>;
  /** Compiling (or finding on disk), building the block mask, and the first result. */
  readonly firstMs: number;
  readonly approximate: boolean;
}

const teraflops = (flops: number, ms: number): number => rounded(flops / ms / 1e9);

interface Prepared {
  readonly kernel: CompiledAttention;
  readonly mods: Mods;
  readonly firstMs: number;
  readonly launch: (options?: RunOptions<DeviceTensor>) => Promise<unknown>;
}

async function prepare(
  variant: string,
  shape: Shape,
  device: ResidentDevice,
  { query, key, value, out }: ResidentInputs,
): Promise<Prepared> {
  const mods = gpuVariants[variant]?.(shape) ?? {};
  const { score, mask } = mods;
  const { B, Hq, M, N, D, Dv } = shape;
  const start = performance.now();
  const prepared = mask && blockMask(mask, { B, Hq, M, N });
  const functions = { ...(score && { score }), ...(prepared && { mask: prepared }) };
  const kernel = await compile({ ...functions, D, Dv, dtype: "bf16", device });
  const launch = (options: RunOptions<DeviceTensor> = {}): Promise<unknown> =>
    kernel.run(query, key, value, { out, ...options });
  await launch();
  await device.settled();
  return { kernel, mods, firstMs: performance.now() - start, launch };
}

/** The first head of the first batch element: positions and head are what they are in the whole. */
const firstHead = ({ query, key, value }: Inputs): Inputs => {
  const one = (tensor: Inputs["query"]): Inputs["query"] => cut(cut(tensor, 0, 0, 1), 1, 0, 1);
  return { query: one(query), key: one(key), value: one(value) };
};

/** Null, or what is wrong: some rows of the first head against float64, and whether the last head is finite. */
async function problemOf(
  { kernel, mods }: Prepared,
  inputs: Inputs,
  { query, key, value }: ResidentInputs,
): Promise<string | null> {
  const results = await kernel.run(query, key, value, { returnLse: true });
  using out = results.out;
  using lse = results.lse;
  const whole = await out.read();
  const rows = lse === null ? null : cut(cut(await lse.read(), 0, 0, 1), 1, 0, 1);
  const head = { out: cut(cut(whole, 0, 0, 1), 1, 0, 1), max: null };
  // What is approximate keeps the budget of its dtype, which lse as f32 does not.
  const checked = { ...head, lse: kernel.approximate ? null : rows };
  const { problem } = checkRows(firstHead(inputs), mods, checked, { products: 2 ** 25 });
  if (problem !== null) return problem;
  const [batches = 1, heads = 1] = whole.shape;
  const lastHead = elementsOf(cut(cut(whole, 0, batches - 1, batches), 1, heads - 1, heads));
  const odd = lastHead.findIndex((element) => !Number.isFinite(element));
  return odd < 0 ? null : `element ${odd} of the last head is ${lastHead[odd]}`;
}

interface Context {
  readonly device: ResidentDevice;
  readonly timer: GpuTimer;
  readonly terminal: Terminal;
}

async function measure(
  variant: string,
  shape: Shape,
  inputs: Inputs,
  resident: ResidentInputs,
  { device, timer, terminal }: Context,
): Promise<GpuRow | null> {
  terminal.progress(`${variant} ${shapeText(shape)}`);
  const prepared = await prepare(variant, shape, device, resident);
  const problem = await problemOf(prepared, inputs, resident);
  if (problem !== null) {
    terminal.print(`${variant} ${shapeText(shape)}: WRONG, not timed: ${problem}`);
    return null;
  }
  const { burstMs, sustainedMs, queueMs } = await timer.measure(() => prepared.launch());
  const { flops, skippedShare } = workOf(prepared.mods, shape);
  const row: GpuRow = {
    variant,
    shape,
    dtype: "bf16",
    burstMs: rounded(burstMs),
    burstTflops: teraflops(flops, burstMs),
    sustainedMs: rounded(sustainedMs),
    sustainedTflops: teraflops(flops, sustainedMs),
    queueMs: rounded(queueMs),
    skippedShare: rounded(skippedShare),
    tile: prepared.kernel.tile,
    firstMs: rounded(prepared.firstMs),
    approximate: prepared.kernel.approximate,
  };
  terminal.progress(`${variant} ${shapeText(shape)}: ${row.burstTflops} TFLOP/s`);
  return row;
}

const columns: readonly Column<GpuRow>[] = [
  { title: "variant", cell: (row) => row.variant },
  { title: "shape", cell: (row) => shapeText(row.shape) },
  { title: "burst", align: "right", cell: (row) => formatMs(row.burstMs) },
  { title: "TFLOP/s", align: "right", cell: (row) => formatFigure(row.burstTflops) },
  { title: "sustained", align: "right", cell: (row) => formatFigure(row.sustainedTflops) },
  { title: "skipped", align: "right", cell: (row) => formatPercent(row.skippedShare) },
  { title: "registers", align: "right", cell: (row) => String(row.tile["registers"] ?? "") },
  { title: "first", align: "right", cell: (row) => formatMs(row.firstMs) },
];

/** Everything of one shape; its tensors are on the GPU meanwhile. */
async function benchShape(
  shape: Shape,
  names: readonly string[],
  context: Context,
): Promise<readonly (GpuRow | null)[]> {
  const inputs = largeInputs(shape);
  using resident = await ResidentInputs.upload(context.device, inputs);
  const rows: (GpuRow | null)[] = [];
  for (const name of names) {
    context.terminal.signal.throwIfAborted();
    const label = `${name} ${shapeText(shape)}`;
    const work = () => measure(name, shape, inputs, resident, context);
    rows.push(await orNull(label, context.terminal, work));
  }
  return rows;
}

export async function benchGpuAttention(
  options: BenchOptions,
  terminal: Terminal,
): Promise<BenchResult> {
  await using device = await openDevice("cuda", options.open);
  const context = { device, timer: new GpuTimer(device), terminal };
  const measured: (GpuRow | null)[] = [];
  for (const shape of shapesOf(options.shapes ?? DEFAULT_SHAPES)) {
    const names = Object.keys(gpuVariants).filter((name) =>
      wanted(options, `${name} ${shapeText(shape)}`),
    );
    if (names.length > 0) measured.push(...(await benchShape(shape, names, context)));
  }
  const rows = measured.filter((row) => row !== null);
  printRows(terminal, `attention on ${device.name}`, columns, rows);
  terminal.print(
    "burst: median of 25 launches after 0.2 s of idling and 8 launches, by the GPU's clock; sustained: median of 60 under load; FLOPs: 4 * D per pair in unskipped 128 x 128 blocks",
  );
  return { rows, more: { device: device.name }, correct: rows.length === measured.length };
}
