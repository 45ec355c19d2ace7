/** Checks what a caller passed, once, before anything is compiled or any memory is touched. */
import { describe, rangeError, typeError } from "../errors.ts";
import { type FloatType, Tensor } from "../tensor.ts";
import type { BlockSize, PerBatch, RunOptions } from "./options.ts";

/** Largest head size that every target's kernels are written for. */
export const MAX_HEAD_SIZE = 512;

/** Positions are 32-bit integers in every kernel. */
const MAX_POSITION = 2 ** 31 - 1;

const floatTypes: readonly string[] = ["f32", "f16", "bf16"] satisfies readonly FloatType[];

/** Whether a dtype is one of floating-point storage. */
export const isFloat = (dtype: string): dtype is FloatType => floatTypes.includes(dtype);

const shapeText = (tensor: Tensor): string => `[${tensor.shape.join(", ")}]`;

/** @throws RangeError  not an integer of 1 to 512 */
export function checkHeadSize(name: string, size: unknown): void {
  if (isPosition(size, MAX_HEAD_SIZE) && size > 0) return;
  const remedy = "split the head, or project it down";
  throw rangeError({
    name,
    expected: `an integer from 1 to ${MAX_HEAD_SIZE}`,
    got: describe(size),
    remedy,
  });
}

/** @throws RangeError  not an integer of 1 to 2^31 - 1 */
export function checkLength(name: string, length: unknown): void {
  if (isPosition(length, MAX_POSITION) && length > 0) return;
  throw rangeError({
    name,
    expected: `an integer from 1 to ${MAX_POSITION}`,
    got: describe(length),
    remedy: "pass the length of the tensor's axis",
  });
}

/** @throws TypeError  not a floating-point storage type */
export function checkFloatType(name: string, dtype: unknown): void {
  if (typeof dtype === "string" && isFloat(dtype)) return;
  const remedy = 'write the dtype of query, key and value, or leave it out for "f32"';
  throw typeError({ name, expected: '"f32", "f16" or "bf16"', got: describe(dtype), remedy });
}

/** @throws RangeError  not a schedule that a caller can ask for */
export function checkSchedule(schedule: unknown): void {
  if (schedule === "forward" || schedule === "decode") return;
  throw rangeError({
    name: "schedule",
    expected: '"forward" or "decode"',
    got: describe(schedule),
    remedy: 'write "forward" for many query rows, "decode" for few',
  });
}

/** The factor on the dot product; 1 / sqrt(D) where none is given. */
export function checkScale(scale: unknown, D: number): number {
  if (scale === undefined) return 1 / Math.sqrt(D);
  const remedy = "leave it out for 1 / sqrt(D)";
  if (typeof scale !== "number") {
    throw typeError({ name: "scale", expected: "a number", got: describe(scale), remedy });
  }
  if (Number.isFinite(scale)) return scale;
  throw rangeError({ name: "scale", expected: "a finite number", got: String(scale), remedy });
}

const isPosition = (value: unknown, most: number): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;

interface PerBatchRule {
  readonly B: number;
  readonly most: number;
  readonly initial: number;
  readonly remedy: string;
}

/** `value` for each of `B` batch elements, as integers of 0 to `most`. */
export function checkPerBatch(
  name: string,
  value: PerBatch | undefined,
  { B, most, initial, remedy }: PerBatchRule,
): Int32Array {
  if (value === undefined) return new Int32Array(B).fill(initial);
  const list: unknown = value;
  if (typeof list !== "number" && !Array.isArray(list) && !(list instanceof Int32Array)) {
    throw typeError({
      name,
      expected: "an integer, or one per batch element",
      got: describe(list),
      remedy: "write one number for all, or an array or Int32Array with one each",
    });
  }
  const each: readonly unknown[] = typeof list === "number" ? Array(B).fill(list) : [...list];
  if (each.length !== B) {
    throw rangeError({
      name,
      expected: `one integer, or ${B} of them`,
      got: `${each.length}`,
      remedy: `give one per batch element, or one number for all`,
    });
  }
  const wrong = each.find((item) => !isPosition(item, most));
  if (wrong === undefined && each.every((item) => item !== undefined))
    return Int32Array.from(each as number[]);
  throw rangeError({ name, expected: `integers from 0 to ${most}`, got: describe(wrong), remedy });
}

/** Positions of query rows stay below 2^31: `offset + M` too. */
export const checkQueryOffset = (value: PerBatch | undefined, B: number, M: number): Int32Array =>
  checkPerBatch("queryOffset", value, {
    B,
    most: MAX_POSITION - M,
    initial: 0,
    remedy: "pass the position of the first query in its sequence",
  });

export const checkKvLength = (value: PerBatch | undefined, B: number, N: number): Int32Array =>
  checkPerBatch("kvLength", value, {
    B,
    most: N,
    initial: N,
    remedy: "count the keys that exist, at most the length of key",
  });

/** [Hq] logits as f32, or null for none. -Infinity is a sink that does nothing; NaN and +Infinity are refused. */
export function checkSinks(sinks: RunOptions["sinks"], Hq: number): Float32Array | null {
  if (sinks === undefined) return null;
  const remedy = `pass an array or Float32Array of ${Hq} logits, or an f32 tensor of shape [${Hq}]`;
  const values = sinks instanceof Tensor ? sinksOfTensor(sinks) : sinks;
  if (!Array.isArray(values) && !(values instanceof Float32Array)) {
    throw typeError({
      name: "sinks",
      expected: "numbers, one per query head",
      got: describe(values),
      remedy,
    });
  }
  if (values.length !== Hq) {
    throw rangeError({ name: "sinks", expected: `${Hq} numbers`, got: `${values.length}`, remedy });
  }
  const given: readonly unknown[] = Array.from<unknown>(values);
  const odd = given.findIndex((logit) => typeof logit !== "number");
  if (odd >= 0) {
    const got = describe(given[odd]);
    throw typeError({ name: `sinks[${odd}]`, expected: "a number", got, remedy });
  }
  const logits = Float32Array.from(given as readonly number[]);
  const wrong = logits.findIndex((logit) => Number.isNaN(logit) || logit === Infinity);
  if (wrong < 0) return logits;
  throw rangeError({
    name: `sinks[${wrong}]`,
    expected: "a number below Infinity",
    got: String(given[wrong]),
    remedy: "write -Infinity for a head without a sink",
  });
}

function sinksOfTensor(tensor: Tensor): Float32Array {
  if (tensor.dtype !== "f32" || tensor.shape.length !== 1) {
    const got = `${tensor.dtype} of shape ${shapeText(tensor)}`;
    const remedy = "pass new Tensor(Float32Array.from(logits), [Hq])";
    throw typeError({ name: "sinks", expected: "an f32 tensor of shape [Hq]", got, remedy });
  }
  const [length = 0] = tensor.shape;
  const [stride = 1] = tensor.strides;
  return Float32Array.from({ length }, (_, h) => Number(tensor.data[tensor.offset + h * stride]));
}

/** Block sizes are multiples of 8, the fewest queries that every kernel handles together. */
export function checkBlockSize(size: BlockSize | undefined): { blockQ: number; blockKv: number } {
  const given: unknown = size ?? 128;
  const [blockQ, blockKv] = Array.isArray(given) ? given : [given, given];
  const isBlock = (value: unknown): value is number =>
    isPosition(value, 4096) && value >= 8 && value % 8 === 0;
  if (isBlock(blockQ) && isBlock(blockKv)) return { blockQ, blockKv };
  const expected = "a multiple of 8 from 8 to 4096, or [queries, keys] of such";
  throw rangeError({
    name: "blockSize",
    expected,
    got: describe(size),
    remedy: "128 suits most masks",
  });
}
