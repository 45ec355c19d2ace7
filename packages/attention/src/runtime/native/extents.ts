/**
 * The last look before addresses cross into compiled code, which checks nothing: whatever a kernel can reach through a launch lies
 * inside the arrays that it was given. Also where somebody calls a device without `attention`.
 */
import { describe, rangeError } from "../../errors.ts";
import type { CaptureValues } from "../../ir/types.ts";
import {
  type BlockMask,
  FULL,
  PARTIAL,
  RUN,
  RUN_STRIDE,
  wordsPerBlock,
} from "../../mask/block-mask.ts";
import type { Tensor } from "../../tensor.ts";
import type { CaptureLayout, TensorSlot } from "../../emit/native/abi.ts";
import type { KernelSpec, Launch, LaunchResult } from "../device.ts";

const isCount = (value: number | undefined): value is number =>
  value !== undefined && Number.isSafeInteger(value) && value >= 0;

function refuse(name: string, expected: string, got: string): never {
  const remedy = "call attention or compile, which make it so";
  throw rangeError({ name, expected, got, remedy });
}

function checkTensor(
  name: string,
  tensor: Tensor,
  shape: readonly number[],
  dtype: KernelSpec["dtype"],
): void {
  const { data, offset, strides } = tensor;
  const isShape = tensor.shape.length === 4 && shape.every((n, axis) => n === tensor.shape[axis]);
  if (!isShape || tensor.dtype !== dtype) {
    const got = `${tensor.dtype} [${tensor.shape.join(", ")}]`;
    refuse(name, `${dtype} [${shape.join(", ")}]`, got);
  }
  if (!isCount(offset) || !shape.every((_, axis) => isCount(strides[axis]))) {
    refuse(name, "strides and an offset that are integers of at least 0", describe(strides));
  }
  const last = shape.reduce((at, length, axis) => at + (length - 1) * (strides[axis] ?? 0), offset);
  if (last < data.length) return;
  throw rangeError({
    name,
    expected: `at least ${last + 1} elements in memory`,
    got: `${data.length}`,
    remedy: "its buffer was transferred or resized: wrap the array that holds the elements now",
  });
}

/** Every number of `values`, and how many there are. */
function checkNumbers(
  name: string,
  values: Int32Array,
  { length, least, most }: { readonly length: number; least: number; most: number },
): void {
  if (values.length < length) refuse(name, `${length} numbers`, `${values.length}`);
  const wrong = values.subarray(0, length).find((value) => value < least || value > most);
  if (wrong !== undefined) refuse(name, `numbers from ${least} to ${most}`, `${wrong}`);
}

/** One run: its keys exist, its kind is one of two, and its bits are there. */
function isRun(mask: BlockMask, run: number, length: number, needsBits: boolean): boolean {
  const at = run * RUN_STRIDE;
  const [start = -1, end = -1] = [mask.runs[at + RUN.start], mask.runs[at + RUN.end]];
  const kind = mask.runs[at + RUN.kind];
  if (start < 0 || end < start || end > length || (kind !== FULL && kind !== PARTIAL)) return false;
  if (!needsBits || kind === FULL) return true;
  const first = mask.runs[at + RUN.bits] ?? -1;
  const blocks = Math.ceil((end - start) / mask.blockKv);
  const words = wordsPerBlock(mask.blockQ, mask.blockKv);
  return first >= 0 && (first + blocks) * words <= (mask.bits?.length ?? 0);
}

function checkBlockMask(mask: BlockMask, { shape }: Launch, maskBits: boolean): void {
  const { B, H, rows, blockQ, blockKv, rowStart, runs } = mask;
  const isOne = (n: number, all: number): boolean => n === 1 || n === all;
  const isBlock = (n: number): boolean => isCount(n) && n > 0 && n < 2 ** 31;
  if (!isOne(B, shape.B) || !isOne(H, shape.Hq) || !isBlock(blockQ) || !isBlock(blockKv)) {
    refuse("blockMask", `B and H of the launch or 1`, `B ${B}, H ${H}, ${blockQ} x ${blockKv}`);
  }
  if (rows * blockQ < shape.M) refuse("blockMask.rows", `rows for M = ${shape.M}`, `${rows}`);
  const planes = B * H * rows;
  const last = runs.length / RUN_STRIDE;
  checkNumbers("blockMask.rowStart", rowStart, { length: planes + 1, least: 0, most: last });
  for (let row = 0; row < planes; row++) {
    const [first = 0, end = 0] = [rowStart[row], rowStart[row + 1]];
    if (end < first) refuse("blockMask.rowStart", "numbers that rise", `${first}, ${end}`);
    for (let run = first; run < end; run++) {
      if (isRun(mask, run, shape.N, maskBits)) continue;
      const got = [...runs.subarray(run * RUN_STRIDE, (run + 1) * RUN_STRIDE)].join(", ");
      refuse(`blockMask.runs[${run}]`, `keys below ${shape.N}, a kind and its bits`, got);
    }
  }
}

const holders = { f32: Float32Array, i32: Int32Array, bool: Uint8Array } as const;

function checkCapture({ name, type, rank }: TensorSlot, captures: CaptureValues): void {
  const tensor = captures.tensors.get(name);
  if (tensor === undefined) return refuse(name, "a captured tensor", "none");
  const { data, shape } = tensor;
  const size = shape.reduce((product, length) => product * length, 1);
  const isShape = shape.length === rank && shape.every((length) => isCount(length) && length > 0);
  if (!isShape || size >= 2 ** 31 || data.length < size || !(data instanceof holders[type])) {
    refuse(name, `${type} of rank ${rank}, with all its elements`, `[${shape.join(", ")}]`);
  }
}

/** @throws RangeError  something does not lie where the launch says */
export function checkExtents(
  { dtype, maskBits }: KernelSpec,
  layout: CaptureLayout,
  launch: Launch,
  result: LaunchResult,
): void {
  const { shape, queryOffset, kvLength, blockMask, sinks, captures } = launch;
  const { B, Hq, Hkv, M, N, D, Dv } = shape;
  const isShape = Object.values(shape).every((n) => isCount(n) && n > 0 && n < 2 ** 31);
  if (!isShape || Hq % Hkv !== 0) refuse("shape", "lengths from 1 to 2^31 - 1", describe(shape));
  checkTensor("query", launch.query, [B, Hq, M, D], dtype);
  checkTensor("key", launch.key, [B, Hkv, N, D], dtype);
  checkTensor("value", launch.value, [B, Hkv, N, Dv], dtype);
  checkTensor("out", result.out, [B, Hq, M, Dv], dtype);
  checkNumbers("queryOffset", queryOffset, { length: B, least: 0, most: 2 ** 31 - 1 - M });
  checkNumbers("kvLength", kvLength, { length: B, least: 0, most: N });
  if (sinks !== null && sinks.length < Hq) refuse("sinks", `${Hq} numbers`, `${sinks.length}`);
  if (blockMask !== null) checkBlockMask(blockMask, launch, maskBits);
  if (blockMask === null && maskBits) refuse("blockMask", "one with bits", "null");
  for (const slot of layout.tensors) checkCapture(slot, captures);
}
