/** Launches as jobs for a program, and what is right: for the tests of this folder. */
import { compileElement } from "../../ir/evaluate.ts";
import type { CaptureValues, Expression } from "../../ir/types.ts";
import type { BlockMask } from "../../mask/block-mask.ts";
import { buildBlockMask } from "../../mask/build.ts";
import { needsBits } from "../../mask/needs-bits.ts";
import { referenceAttention } from "../../reference/attention.ts";
import type { Problem } from "../../reference/attention.ts";
import { decode, encode } from "../../reference/formats.ts";
import { sameDtypeAttention } from "../../reference/same-dtype.ts";
import type { KernelSpec, Shape } from "../../runtime/device.ts";
import { decodeWork } from "../../schedule/decode.ts";
import { forwardWork } from "../../schedule/forward.ts";
import { wholeLaunch } from "../../schedule/parts.ts";
import { Tensor } from "../../tensor.ts";
import type { FloatType } from "../../tensor.ts";
import { judge } from "../../testing/budget.ts";
import { random } from "../../variants/random.ts";
import {
  captureLayout,
  LAUNCH,
  PACK_KEYS,
  packNeeds,
  partialBytes,
  queryLanes,
  splitKeys,
  tileQueries,
} from "./abi.ts";
import type { NativeTarget } from "./abi.ts";
import type { Job, Word } from "./test-harness.ts";

/** How rows lie: head after head, token after token, or with gaps between rows. */
export type Layout = "dense" | "interleaved" | "padded";

export interface TestLaunch {
  readonly schedule: KernelSpec["schedule"];
  readonly shape: Shape;
  readonly dtype?: FloatType;
  readonly score?: Expression | null;
  readonly mask?: Expression | null;
  readonly captures?: CaptureValues;
  readonly blockSize?: number;
  readonly scale?: number;
  readonly queryOffset?: readonly number[];
  readonly kvLength?: readonly number[];
  readonly sinks?: readonly number[];
  readonly seed?: number;
  readonly layout?: Layout;
  readonly threads?: number;
  /** Changes inputs before the launch; row-major without gaps. */
  readonly touch?: (inputs: Inputs) => void;
}

export interface Inputs {
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

const noCaptures: CaptureValues = { uniforms: new Map(), tensors: new Map() };

export function specOf({ schedule, shape, score, mask, dtype }: TestLaunch): KernelSpec {
  const maskBits = Boolean(mask) && needsBits(mask as Expression);
  return {
    schedule,
    score: score ?? null,
    mask: maskBits ? null : (mask ?? null),
    maskBits,
    D: shape.D,
    Dv: shape.Dv,
    dtype: dtype ?? "f32",
  };
}

function rounded(dtype: FloatType, value: number): number {
  return dtype === "f32" ? Math.fround(value) : decode(dtype, encode(dtype, value));
}

function inputsOf({ shape, seed = 1, dtype = "f32", touch }: TestLaunch): Inputs {
  const { B, Hq, Hkv, M, N, D, Dv } = shape;
  const rng = random(seed);
  const some = (length: number): Float32Array => Float32Array.from({ length }, rng.normal);
  const inputs = {
    query: some(B * Hq * M * D),
    key: some(B * Hkv * N * D),
    value: some(B * Hkv * N * Dv),
  };
  touch?.(inputs);
  for (const part of Object.values(inputs)) {
    part.forEach((value, n) => (part[n] = rounded(dtype, value)));
  }
  return inputs;
}

const offsetsOf = ({ shape, queryOffset }: TestLaunch): Int32Array =>
  Int32Array.from({ length: shape.B }, (_, b) => queryOffset?.[b] ?? 0);

const lengthsOf = ({ shape, kvLength }: TestLaunch): Int32Array =>
  Int32Array.from({ length: shape.B }, (_, b) => kvLength?.[b] ?? shape.N);

function blockMaskOf(launch: TestLaunch): BlockMask | null {
  const { shape, mask, captures = noCaptures, blockSize = 128 } = launch;
  if (!mask) return null;
  const lengths = { queryOffset: offsetsOf(launch), kvLength: lengthsOf(launch) };
  const { B, Hq: H, M, N } = shape;
  const blocks = { blockQ: blockSize, blockKv: blockSize };
  return buildBlockMask({ expression: mask, captures, B, H, M, N, ...blocks, ...lengths });
}

/** Strides of [B, H, rows, width] in elements, and how many elements that spans. */
interface Place {
  readonly strides: readonly [number, number, number];
  readonly span: number;
}

function placeOf(layout: Layout, B: number, H: number, rows: number, width: number): Place {
  const row = layout === "interleaved" ? H * width : width + (layout === "padded" ? 3 : 0);
  const head = layout === "interleaved" ? width : rows * row;
  const batch = rows * H * (layout === "interleaved" ? width : row);
  const last = (B - 1) * batch + (H - 1) * head + (rows - 1) * row + width;
  return { strides: [batch, head, row], span: last };
}

/** Calls with the position of each element, in row-major order. */
function eachElement(
  [B, H, rows, width]: readonly [number, number, number, number],
  { strides }: Place,
  visit: (at: number, n: number) => void,
): void {
  let n = 0;
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let row = 0; row < rows; row++)
        for (let d = 0; d < width; d++)
          visit(b * strides[0] + h * strides[1] + row * strides[2] + d, n++);
}

type Axes = readonly [number, number, number, number];

class JobBuilder {
  readonly words = new Map<number, Word>();
  readonly buffers: Uint8Array[] = [];

  put(data: ArrayBufferView): number {
    this.buffers.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return this.buffers.length - 1;
  }

  set(values: { readonly [K in keyof typeof LAUNCH]?: Word }): void {
    for (const [name, word] of Object.entries(values)) {
      this.words.set(LAUNCH[name as keyof typeof LAUNCH], word);
    }
  }

  tensor(
    name: "query" | "key" | "value" | "out",
    axes: Axes,
    layout: Layout,
    dtype: FloatType,
    values: Float32Array | null,
  ): number {
    const place = placeOf(layout, ...axes);
    const data =
      dtype === "f32"
        ? new Float32Array(place.span).fill(NaN)
        : new Uint16Array(place.span).fill(0x7fff);
    if (values !== null) {
      eachElement(axes, place, (at, n) => {
        const value = values[n] ?? NaN;
        data[at] = dtype === "f32" ? value : encode(dtype, value);
      });
    }
    const buffer = this.put(data);
    const [b, h, row] = place.strides;
    this.words.set(LAUNCH[name], { buffer });
    [b, h, row].forEach((stride, n) => this.words.set(LAUNCH[name] + 1 + n, stride));
    return buffer;
  }
}

function placeCaptures(job: JobBuilder, launch: TestLaunch): void {
  const { captures = noCaptures } = launch;
  const layout = captureLayout(specOf(launch));
  for (const { name, type, word } of layout.uniforms) {
    const value = captures.uniforms.get(name) ?? NaN;
    job.words.set(word, type === "f32" ? bitsOf(value) : value);
  }
  for (const { name, word } of layout.tensors) {
    const tensor = captures.tensors.get(name);
    if (tensor === undefined) throw new Error(`no value for ${name}`);
    job.words.set(word, { buffer: job.put(tensor.data) });
    tensor.shape.forEach((length, axis) => job.words.set(word + 1 + axis, length));
  }
}

const bitsOf = (value: number): number => new Int32Array(Float32Array.of(value).buffer)[0] ?? 0;

function placeMask(job: JobBuilder, mask: BlockMask | null): void {
  if (mask === null) return;
  const { B: maskB, H: maskH, rows: maskRows, blockQ, blockKv } = mask;
  job.set({ maskB, maskH, maskRows, blockQ, blockKv });
  job.set({ rowStart: { buffer: job.put(mask.rowStart) }, runs: { buffer: job.put(mask.runs) } });
  if (mask.bits !== null) job.set({ bits: { buffer: job.put(mask.bits) } });
}

function placeWork(
  job: JobBuilder,
  launch: TestLaunch,
  target: NativeTarget,
  blockMask: BlockMask | null,
): void {
  const { shape, schedule, threads = 1 } = launch;
  const spec = specOf(launch);
  const masking = { blockMask, kvLength: lengthsOf(launch) };
  const records = (
    name: "items" | "combines" | "packs",
    count: "itemCount" | "combineCount" | "packCount",
    all: Int32Array,
  ): void => job.set({ [name]: { buffer: job.put(all) }, [count]: all.length / 4 });
  if (schedule === "forward") {
    const tiling = {
      tileQueries: tileQueries(spec, target),
      lanes: queryLanes(spec, target),
      threads,
    };
    records("items", "itemCount", forwardWork(wholeLaunch(shape), masking, tiling).items);
    return;
  }
  const work = decodeWork(wholeLaunch(shape), masking, shape.Hq / shape.Hkv, splitKeys(spec));
  records("items", "itemCount", work.items);
  records("combines", "combineCount", work.combines);
  const rows = (work.items.length / 4) * (shape.Hq / shape.Hkv) * shape.M;
  job.set({ partials: { buffer: job.put(new Uint8Array(rows * partialBytes(spec))) } });
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Forward in 16 bits: keys and values to be packed. */
function placePacks(
  job: JobBuilder,
  launch: TestLaunch,
  target: NativeTarget,
  keyStrides: readonly number[],
): void {
  const { shape } = launch;
  const needs = packNeeds(specOf(launch), target, shape, { address: 0, strides: keyStrides });
  if (needs.keys > 0)
    job.set({ packedKeys: { buffer: job.put(new Uint8Array(needs.keys).fill(0xff)) } });
  if (needs.values === 0) return;
  job.set({ packedValues: { buffer: job.put(new Uint8Array(needs.values).fill(0xff)) } });
  const packs: number[] = [];
  lengthsOf(launch).forEach((length, b) => {
    for (let h = 0; h < shape.Hkv; h++)
      for (let from = 0; from < length; from += PACK_KEYS)
        packs.push(b, h, from, Math.min(from + PACK_KEYS, roundUp(length, 32)));
  });
  job.set({ packs: { buffer: job.put(Int32Array.from(packs)) }, packCount: packs.length / 4 });
}

/** A launch as a job, and how to read its results. */
export interface LaunchJob {
  readonly job: Job;
  readonly read: (buffers: readonly Uint8Array[]) => Results;
}

export interface Results {
  readonly out: Float64Array;
  readonly lse: Float64Array;
  readonly max: Float64Array;
}

export function jobOf(launch: TestLaunch, target: NativeTarget, symbol: string): LaunchJob {
  const { shape, sinks, layout = "dense", dtype = "f32", scale = 1 / Math.sqrt(shape.D) } = launch;
  const { B, Hq, Hkv, M, N, D, Dv } = shape;
  const job = new JobBuilder();
  const { query, key, value } = inputsOf(launch);
  job.tensor("query", [B, Hq, M, D], layout, dtype, query);
  job.tensor("key", [B, Hkv, N, D], layout, dtype, key);
  job.tensor("value", [B, Hkv, N, Dv], layout, dtype, value);
  const outAxes = [B, Hq, M, Dv] as const;
  const out = job.tensor("out", outAxes, layout, dtype, null);
  const rows = B * Hq * M;
  const [lse, max] = [job.put(new Float32Array(rows)), job.put(new Float32Array(rows))];
  job.set({ lse: { buffer: lse }, max: { buffer: max }, Hq, Hkv, M, N, scale: bitsOf(scale) });
  if (sinks !== undefined) job.set({ sinks: { buffer: job.put(Float32Array.from(sinks)) } });
  job.set({
    queryOffset: { buffer: job.put(offsetsOf(launch)) },
    kvLength: { buffer: job.put(lengthsOf(launch)) },
  });
  const blockMask = blockMaskOf(launch);
  placeMask(job, blockMask);
  placeWork(job, launch, target, blockMask);
  placePacks(job, launch, target, placeOf(layout, B, Hkv, N, D).strides);
  placeCaptures(job, launch);
  const read = (buffers: readonly Uint8Array[]): Results => {
    const bytes = (n: number): ArrayBuffer => Uint8Array.from(buffers[n] ?? []).buffer;
    const elements = dtype === "f32" ? new Float32Array(bytes(out)) : new Uint16Array(bytes(out));
    const dense = new Float64Array(rows * Dv);
    eachElement(outAxes, placeOf(layout, ...outAxes), (at, n) => {
      const element = elements[at] ?? NaN;
      dense[n] = dtype === "f32" ? element : decode(dtype, element);
    });
    const floats = (n: number): Float64Array => Float64Array.from(new Float32Array(bytes(n)));
    return { out: dense, lse: floats(lse), max: floats(max) };
  };
  return {
    job: { symbol, threads: launch.threads ?? 1, words: job.words, buffers: job.buffers },
    read,
  };
}

export function problemOf(launch: TestLaunch): Problem {
  const { shape, score, mask, captures = noCaptures, scale, sinks, dtype = "f32" } = launch;
  const { B, Hq, Hkv, M, N, D, Dv } = shape;
  const { query, key, value } = inputsOf(launch);
  const scored = score ? compileElement(score.root, captures) : null;
  const masked = mask ? compileElement(mask.root, captures) : null;
  const stored = (data: Float32Array, axes: Axes): Tensor =>
    dtype === "f32"
      ? new Tensor(data, axes)
      : new Tensor(
          Uint16Array.from(data, (x) => encode(dtype, x)),
          axes,
          { dtype },
        );
  return {
    query: stored(query, [B, Hq, M, D]),
    key: stored(key, [B, Hkv, N, D]),
    value: stored(value, [B, Hkv, N, Dv]),
    ...(scale === undefined ? {} : { scale }),
    score: scored && ((s, { b, h, q, kv }) => Number(scored(b, h, q, kv, s))),
    mask: masked && (({ b, h, q, kv }) => masked(b, h, q, kv, 0) === true),
    queryOffset: offsetsOf(launch),
    kvLength: lengthsOf(launch),
    sinks: sinks ?? null,
  };
}

/** What is wrong with a launch's results: empty where nothing is. */
export function problems(launch: TestLaunch, got: Results): string[] {
  const problem = problemOf(launch);
  const [right, unfused] = [referenceAttention(problem), sameDtypeAttention(problem)];
  return (["out", "lse", "max"] as const)
    .map((name) => {
      const dtype = name === "out" ? (launch.dtype ?? "f32") : "f32";
      const runs = { exact: right[name], sameDtype: unfused[name], kernel: got[name] };
      return judge({ name, dtype, ...runs }).problem;
    })
    .filter((text) => text !== null);
}
