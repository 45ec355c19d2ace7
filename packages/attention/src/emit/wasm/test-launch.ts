/**
 * Drives one kernel module on one thread, without a runtime: for the tests of this folder.
 *
 * Every gap in memory holds NaN, so that a read outside a tensor shows in the result; every gap is looked at
 * afterwards, so that a write outside shows too.
 */
import { buildBlockMask } from "../../mask/build.ts";
import { needsBits } from "../../mask/needs-bits.ts";
import type { BlockMask } from "../../mask/block-mask.ts";
import { compileElement } from "../../ir/evaluate.ts";
import type { CaptureValues, Expression } from "../../ir/types.ts";
import { referenceAttention } from "../../reference/attention.ts";
import type { Answer, Problem } from "../../reference/attention.ts";
import { sameDtypeAttention } from "../../reference/same-dtype.ts";
import type { KernelSpec, Shape } from "../../runtime/device.ts";
import { Tensor } from "../../tensor.ts";
import { judge } from "../../testing/budget.ts";
import { random } from "../../variants/random.ts";
import {
  captureLayout,
  PARAM,
  partialBytes,
  scratchBytes,
  splitKeys,
  TILE_QUERIES,
} from "./abi.ts";
import type { KernelExports, WasmTarget } from "./abi.ts";
import { emitKernel } from "./kernel.ts";

export interface TestLaunch {
  readonly schedule: KernelSpec["schedule"];
  readonly shape: Shape;
  readonly target?: Partial<WasmTarget>;
  readonly score?: Expression | null;
  readonly mask?: Expression | null;
  readonly captures?: CaptureValues;
  readonly blockSize?: number;
  readonly scale?: number;
  readonly queryOffset?: readonly number[];
  readonly kvLength?: readonly number[];
  readonly sinks?: readonly number[];
  readonly seed?: number;
  /** Changes inputs before the launch. */
  readonly touch?: (inputs: Inputs) => void;
}

export interface Inputs {
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
}

const noCaptures: CaptureValues = { uniforms: new Map(), tensors: new Map() };
const GAP = 64;
const FILLER = 0x7fc0_1234;

/** A memory in which every block is followed by a gap. */
class TestMemory {
  readonly memory = new WebAssembly.Memory({ initial: 64 });
  readonly words: Int32Array = new Int32Array(this.memory.buffer).fill(FILLER);
  readonly floats: Float32Array = new Float32Array(this.memory.buffer);
  readonly #gaps: number[] = [];
  #top = 4096;

  reserve(bytes: number): number {
    const at = this.#top;
    const end = Math.ceil((at + bytes) / 4) * 4;
    this.#gaps.push(end);
    this.#top = Math.ceil((end + GAP) / 64) * 64;
    return at;
  }

  put(data: Float32Array | Int32Array | Uint32Array | Uint8Array): number {
    const at = this.reserve(data.byteLength);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.memory.buffer).set(bytes, at);
    return at;
  }

  /** Bytes past the blocks that no longer hold what was there. */
  damage(): number[] {
    return this.#gaps.filter((end) =>
      this.words.subarray(end / 4, (end + GAP) / 4).some((word) => word !== FILLER),
    );
  }
}

function inputsOf({ shape, seed = 1, touch }: TestLaunch): Inputs {
  const { B, Hq, Hkv, M, N, D, Dv } = shape;
  const rng = random(seed);
  const some = (length: number): Float32Array => Float32Array.from({ length }, rng.normal);
  const inputs = {
    query: some(B * Hq * M * D),
    key: some(B * Hkv * N * D),
    value: some(B * Hkv * N * Dv),
  };
  touch?.(inputs);
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

export function specOf({ schedule, shape, score, mask }: TestLaunch): KernelSpec {
  const maskBits = Boolean(mask) && needsBits(mask as Expression);
  return {
    schedule,
    score: score ?? null,
    mask: maskBits ? null : (mask ?? null),
    maskBits,
    D: shape.D,
    Dv: shape.Dv,
    dtype: "f32",
  };
}

function forwardItems({ shape, blockSize = 128 }: TestLaunch): number[] {
  const items: number[] = [];
  const step = Math.min(blockSize, TILE_QUERIES);
  for (let b = 0; b < shape.B; b++) {
    for (let h = 0; h < shape.Hq; h++) {
      for (let first = 0; first < shape.M;) {
        // Up to the next boundary of blocks.
        const count = Math.min(step, blockSize - (first % blockSize), shape.M - first);
        items.push(b, h, first, count);
        first += count;
      }
    }
  }
  return items;
}

function decodeItems(launch: TestLaunch): { items: number[]; combines: number[] } {
  const { shape } = launch;
  const [items, combines]: [number[], number[]] = [[], []];
  const split = splitKeys(specOf(launch));
  lengthsOf(launch).forEach((length, b) => {
    for (let head = 0; head < shape.Hkv; head++) {
      const first = items.length / 4;
      for (let start = 0; start < length; start += split) {
        items.push(b, head, start, Math.min(start + split, length));
      }
      combines.push(b, head, first, items.length / 4 - first);
    }
  });
  return { items, combines };
}

export interface TestResult {
  readonly out: Float32Array;
  readonly lse: Float32Array;
  readonly max: Float32Array;
  /** Addresses past which something was written that should not have been. */
  readonly damage: readonly number[];
}

function placeCaptures(place: TestMemory, launch: TestLaunch, params: number): void {
  const { captures = noCaptures } = launch;
  const layout = captureLayout(specOf(launch));
  for (const { name, type, word } of layout.uniforms) {
    (type === "f32" ? place.floats : place.words)[params / 4 + word] =
      captures.uniforms.get(name) ?? NaN;
  }
  for (const { name, word } of layout.tensors) {
    const tensor = captures.tensors.get(name);
    if (tensor === undefined) throw new Error(`no value for ${name}`);
    place.words.set([place.put(tensor.data), ...tensor.shape], params / 4 + word);
  }
}

/** Computes the launch. */
export function run(launch: TestLaunch): TestResult {
  const { shape, schedule, sinks, scale = 1 / Math.sqrt(shape.D) } = launch;
  const spec = specOf(launch);
  const target = { relaxed: true, shared: false, ...launch.target };
  const place = new TestMemory();
  const params = place.reserve(captureLayout(spec).words * 4);
  const set = (values: { readonly [K in keyof typeof PARAM]?: number }): void => {
    for (const [name, value] of Object.entries(values)) {
      place.words[params / 4 + PARAM[name as keyof typeof PARAM]] = value;
    }
  };
  place.words.fill(0, params / 4, params / 4 + captureLayout(spec).words);
  const { query, key, value } = inputsOf(launch);
  const { B, Hq, Hkv, M, N, Dv } = shape;
  const rows = B * Hq * M;
  const [outAt, lseAt, maxAt] = [
    place.reserve(rows * Dv * 4),
    place.reserve(rows * 4),
    place.reserve(rows * 4),
  ];
  set({
    queryAt: place.put(query),
    keyAt: place.put(key),
    valueAt: place.put(value),
    outAt,
    lseAt,
    maxAt,
  });
  set({ Hq, Hkv, M, N, sinksAt: sinks === undefined ? 0 : place.put(Float32Array.from(sinks)) });
  place.floats[params / 4 + PARAM.scale] = scale;
  set({ queryOffsetAt: place.put(offsetsOf(launch)), kvLengthAt: place.put(lengthsOf(launch)) });
  const mask = blockMaskOf(launch);
  if (mask !== null) {
    set({ rowStartAt: place.put(mask.rowStart), runsAt: place.put(mask.runs) });
    set({
      maskB: mask.B,
      maskH: mask.H,
      maskRows: mask.rows,
      blockQ: mask.blockQ,
      blockKv: mask.blockKv,
    });
    if (mask.bits !== null) set({ bitsAt: place.put(mask.bits) });
  }
  placeCaptures(place, launch, params);
  const { items, combines } =
    schedule === "forward" ? { items: forwardItems(launch), combines: [] } : decodeItems(launch);
  set({ itemCount: items.length / 4, itemsAt: place.put(Int32Array.from(items)) });
  set({ combineCount: combines.length / 4, combinesAt: place.put(Int32Array.from(combines)) });
  const partialRows = (items.length / 4) * (Hq / Hkv) * M;
  if (schedule === "decode") set({ partialsAt: place.reserve(partialRows * partialBytes(spec)) });
  const scratch = place.reserve(scratchBytes(spec));
  const module = new WebAssembly.Module(emitKernel(spec, target).bytes);
  const math = Math as unknown as WebAssembly.ModuleImports;
  const { exports } = new WebAssembly.Instance(module, { env: { memory: place.memory }, math });
  const kernel = exports as unknown as KernelExports;
  kernel.run(params, scratch);
  kernel.combine?.(params, scratch);
  const floats = (at: number, length: number): Float32Array =>
    place.floats.slice(at / 4, at / 4 + length);
  return {
    out: floats(outAt, rows * Dv),
    lse: floats(lseAt, rows),
    max: floats(maxAt, rows),
    damage: place.damage(),
  };
}

function problemOf(launch: TestLaunch): Problem {
  const { shape, score, mask, captures = noCaptures, scale, sinks } = launch;
  const { B, Hq, Hkv, M, N, D, Dv } = shape;
  const { query, key, value } = inputsOf(launch);
  const scored = score ? compileElement(score.root, captures) : null;
  const masked = mask ? compileElement(mask.root, captures) : null;
  return {
    query: new Tensor(query, [B, Hq, M, D]),
    key: new Tensor(key, [B, Hkv, N, D]),
    value: new Tensor(value, [B, Hkv, N, Dv]),
    ...(scale === undefined ? {} : { scale }),
    score: scored && ((s, { b, h, q, kv }) => Number(scored(b, h, q, kv, s))),
    mask: masked && (({ b, h, q, kv }) => masked(b, h, q, kv, 0) === true),
    queryOffset: offsetsOf(launch),
    kvLength: lengthsOf(launch),
    sinks: sinks ?? null,
  };
}

export const exact = (launch: TestLaunch): Answer => referenceAttention(problemOf(launch));

/** What is wrong with the kernel's results: empty where nothing is. */
export function problems(launch: TestLaunch): string[] {
  const problem = problemOf(launch);
  const [right, unfused, got] = [
    referenceAttention(problem),
    sameDtypeAttention(problem),
    run(launch),
  ];
  const names = ["out", "lse", "max"] as const;
  const wrong = names.map((name) => {
    const sameDtype = unfused[name];
    return judge({
      name,
      dtype: "f32",
      exact: right[name],
      sameDtype,
      kernel: Float64Array.from(got[name]),
    }).problem;
  });
  return [
    ...wrong.filter((text) => text !== null),
    ...got.damage.map((at) => `a write beyond ${at}`),
  ];
}
