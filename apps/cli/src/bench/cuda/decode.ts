/** `vigil bench decode --device cuda`: one query row per head, so that reading keys and values is all there is. */
import { attention, causal, compile, openDevice } from "@vigil/attention";
import type { CompiledAttention, ResidentDevice } from "@vigil/attention";
import { cut } from "@vigil/attention/testing";
import type { Inputs, Mods, Shape } from "@vigil/attention/testing";
import { shapeText } from "../../input/shape.ts";
import { checkRows } from "../../measure/check-rows.ts";
import { rounded } from "../../measure/statistics.ts";
import { formatFigure, formatMs } from "../../terminal/format.ts";
import type { Column } from "../../terminal/table.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import { UsageError } from "../../usage-error.ts";
import { printRows, wanted } from "../bench.ts";
import type { Bench, BenchOptions, BenchResult } from "../bench.ts";
import { shapesOf } from "./attention.ts";
import { largeInputs, ResidentInputs } from "./tensors.ts";
import { GpuTimer, type Launch, orNull } from "./timing.ts";

const DEFAULT_SHAPES =
  "B=8,Hq=32,Hkv=8,M=1,N=4096,D=128 B=8,Hq=32,Hkv=8,M=1,N=16384,D=128 B=2,Hq=32,Hkv=8,M=1,N=131072,D=128";

const variants: Readonly<Record<string, Mods>> = { noop: {}, causal: { mask: causal } };

interface DecodeRow {
  readonly variant: string;
  readonly shape: Shape;
  readonly dtype: "bf16";
  readonly burstMs: number;
  /** Bytes of keys and values, each read once, in the burst's time. */
  readonly terabytesPerSecond: number;
  readonly sustainedMs: number;
  /** Of the calling thread, for one launch through the public API. */
  readonly queueMs: number;
  readonly tile: Readonly<Record<string, number>>;
}

const BYTES = 2;
const bytesOf = ({ B, Hkv, N, D, Dv }: Shape): number => B * Hkv * N * (D + Dv) * BYTES;

/** Keeps the GPU busy for some milliseconds: queueing a launch can take longer than a short kernel. */
async function newBlocker(device: ResidentDevice): Promise<Launch> {
  const shape = { B: 1, Hq: 32, Hkv: 32, M: 8192, N: 8192, D: 128, Dv: 128 };
  const { query, key, value, out } = await ResidentInputs.upload(device, largeInputs(shape));
  return () => attention(query, key, value, { out, device });
}

const firstOf = ({ query, key, value }: Inputs, group: number): Inputs => ({
  query: cut(cut(query, 0, 0, 1), 1, 0, group),
  key: cut(cut(key, 0, 0, 1), 1, 0, 1),
  value: cut(cut(value, 0, 0, 1), 1, 0, 1),
});

/** The heads that share the first key head, against float64. The last token sees every key: a mask changes nothing. */
async function problemOf(
  kernel: CompiledAttention,
  shape: Shape,
  inputs: Inputs,
  { query, key, value }: ResidentInputs,
): Promise<string | null> {
  const group = shape.Hq / shape.Hkv;
  using out = await kernel.run(query, key, value, { queryOffset: shape.N - shape.M });
  const mine = cut(cut(await out.read(), 0, 0, 1), 1, 0, group);
  return checkRows(firstOf(inputs, group), {}, { out: mine, lse: null, max: null }).problem;
}

interface Context {
  readonly device: ResidentDevice;
  readonly timer: GpuTimer;
  readonly terminal: Terminal;
  readonly blocker: Launch;
}

async function measure(
  variant: string,
  shape: Shape,
  inputs: Inputs,
  resident: ResidentInputs,
  { device, timer, terminal, blocker }: Context,
): Promise<DecodeRow | null> {
  const label = `${variant} ${shapeText(shape)}`;
  terminal.progress(label);
  const { D, Dv, N, M } = shape;
  const mods = variants[variant] ?? {};
  const { mask } = mods;
  const common = { D, Dv, dtype: "bf16", schedule: "decode", device } as const;
  const kernel = await compile({ ...common, ...(mask && { mask }) });
  const problem = await problemOf(kernel, shape, inputs, resident);
  if (problem !== null) {
    terminal.print(`${label}: WRONG, not timed: ${problem}`);
    return null;
  }
  const { query, key, value, out } = resident;
  const options = { out, queryOffset: N - M };
  const launch = (): Promise<unknown> => kernel.run(query, key, value, options);
  const { burstMs, sustainedMs, queueMs } = await timer.measure(launch, blocker);
  return {
    variant,
    shape,
    dtype: "bf16",
    burstMs: rounded(burstMs),
    terabytesPerSecond: rounded(bytesOf(shape) / burstMs / 1e9),
    sustainedMs: rounded(sustainedMs),
    queueMs: rounded(queueMs),
    tile: kernel.tile,
  };
}

const columns: readonly Column<DecodeRow>[] = [
  { title: "variant", cell: (row) => row.variant },
  { title: "shape", cell: (row) => shapeText(row.shape) },
  { title: "time", align: "right", cell: (row) => formatMs(row.burstMs) },
  { title: "TB/s", align: "right", cell: (row) => formatFigure(row.terabytesPerSecond) },
  { title: "sustained", align: "right", cell: (row) => formatMs(row.sustainedMs) },
  { title: "queueing", align: "right", cell: (row) => formatMs(row.queueMs) },
];

async function run(options: BenchOptions, terminal: Terminal): Promise<BenchResult> {
  if (options.device !== "cuda") {
    const remedy = "write vigil bench decode --device cuda";
    throw new UsageError({ name: "--device", expected: "cuda", got: options.device, remedy });
  }
  await using device = await openDevice("cuda", options.open);
  const timer = new GpuTimer(device);
  const context = { device, timer, terminal, blocker: await newBlocker(device) };
  const measured: (DecodeRow | null)[] = [];
  for (const shape of shapesOf(options.shapes ?? DEFAULT_SHAPES)) {
    const names = Object.keys(variants).filter((name) =>
      wanted(options, `${name} ${shapeText(shape)}`),
    );
    if (names.length === 0) continue;
    const inputs = largeInputs(shape);
    using resident = await ResidentInputs.upload(device, inputs);
    for (const name of names) {
      const work = () => measure(name, shape, inputs, resident, context);
      measured.push(await orNull(`${name} ${shapeText(shape)}`, terminal, work));
    }
  }
  const rows = measured.filter((row) => row !== null);
  printRows(terminal, `decode on ${device.name}`, columns, rows);
  terminal.print(
    "time: median of 25 launches, queued while the GPU was busy, by its clock; TB/s: keys and values, each once",
  );
  return { rows, more: { device: device.name }, correct: rows.length === measured.length };
}

export const decodeBench: Bench = {
  summary: "one query row on a GPU (--device cuda): bytes of keys and values per second",
  run,
};
