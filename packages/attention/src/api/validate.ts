/** Checks what a caller passed, once, before anything is compiled or any memory is touched. */
import { describe, rangeError, typeError } from "../errors.ts";
import type { Shape } from "../runtime/device.ts";
import { type FloatType, Tensor } from "../tensor.ts";
import type { BlockSize, PerBatch, RunOptions } from "./options.ts";

/** Largest head size that every target's kernels are written for. */
export const MAX_HEAD_SIZE = 512;

/** Positions are 32-bit integers in every kernel. */
const MAX_POSITION = 2 ** 31 - 1;

export interface Inputs {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly shape: Shape;
  readonly dtype: FloatType;
}

const floatTypes: readonly string[] = ["f32", "f16", "bf16"] satisfies readonly FloatType[];
const isFloat = (dtype: string): dtype is FloatType => floatTypes.includes(dtype);

const shapeText = (tensor: Tensor): string => `[${tensor.shape.join(", ")}]`;

function checkedTensor(name: string, value: unknown, axes: string): Tensor {
  if (!(value instanceof Tensor)) {
    const remedy = `wrap the array: new Tensor(data, ${axes})`;
    throw typeError({ name, expected: "a Tensor", got: describe(value), remedy });
  }
  if (value.shape.length !== 4) {
    const remedy = "give single heads or batches a length of 1";
    throw rangeError({ name, expected: `shape ${axes}`, got: shapeText(value), remedy });
  }
  if (!value.shape.includes(0)) return inMemory(name, value);
  const remedy = "skip the call when there is nothing to attend from or to";
  throw rangeError({
    name,
    expected: `${axes} with lengths from 1`,
    got: shapeText(value),
    remedy,
  });
}

/** Refuses a tensor whose buffer was transferred or made smaller since. */
function inMemory(name: string, tensor: Tensor): Tensor {
  const { data, offset, shape, strides } = tensor;
  const last = shape.reduce((at, length, axis) => at + (length - 1) * (strides[axis] ?? 0), offset);
  if (last < data.length) return tensor;
  throw rangeError({
    name,
    expected: `at least ${last + 1} elements in memory`,
    got: `${data.length}`,
    remedy: "its buffer was transferred or resized: wrap the array that holds the elements now",
  });
}

function checkedFloat(query: Tensor, key: Tensor, value: Tensor): FloatType {
  const { dtype } = query;
  if (!isFloat(dtype)) {
    const remedy = "convert the elements to floating point";
    throw typeError({ name: "query.dtype", expected: "f32, f16 or bf16", got: dtype, remedy });
  }
  for (const [name, tensor] of [
    ["key", key],
    ["value", value],
  ] as const) {
    if (tensor.dtype === dtype) continue;
    const remedy = "convert one of them: all three share one dtype";
    throw typeError({
      name: `${name}.dtype`,
      expected: `${dtype}, as query`,
      got: tensor.dtype,
      remedy,
    });
  }
  return dtype;
}

interface Agreement {
  readonly name: string;
  readonly expected: number;
  readonly got: number;
  readonly remedy: string;
}

function agree(checks: readonly Agreement[]): void {
  const wrong = checks.find(({ expected, got }) => expected !== got);
  if (wrong === undefined) return;
  const { name, expected, got, remedy } = wrong;
  throw rangeError({ name, expected: String(expected), got: String(got), remedy });
}

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

/** One key/value batch serves every query batch: the axis is repeated with stride 0. */
function repeatBatch(tensor: Tensor, B: number): Tensor {
  if (tensor.shape[0] !== 1 || B === 1) return tensor;
  const { dtype, offset } = tensor;
  const strides = [0, ...tensor.strides.slice(1)];
  return new Tensor(tensor.data, [B, ...tensor.shape.slice(1)], { dtype, strides, offset });
}

/**
 * Query [B, Hq, M, D], key [B or 1, Hkv, N, D], value [B or 1, Hkv, N, Dv] as one shape.
 *
 * @throws TypeError   not a Tensor, or dtypes that are not one of f32, f16, bf16 throughout
 * @throws RangeError  ranks, lengths or head counts that do not fit together
 */
export function checkInputs(queryArg: unknown, keyArg: unknown, valueArg: unknown): Inputs {
  const query = checkedTensor("query", queryArg, "[B, Hq, M, D]");
  const keyGiven = checkedTensor("key", keyArg, "[B, Hkv, N, D]");
  const valueGiven = checkedTensor("value", valueArg, "[B, Hkv, N, Dv]");
  const dtype = checkedFloat(query, keyGiven, valueGiven);
  const [B = 0, Hq = 0, M = 0, D = 0] = query.shape;
  const key = repeatBatch(keyGiven, B);
  const value = repeatBatch(valueGiven, B);
  const [keyB = 0, Hkv = 0, N = 0, keyD = 0] = key.shape;
  const [valueB = 0, valueHeads = 0, valueN = 0, Dv = 0] = value.shape;
  const shapes = `query is ${shapeText(query)}, key ${shapeText(keyGiven)}, value ${shapeText(valueGiven)}`;
  const remedy = `make them [B, Hq, M, D], [B, Hkv, N, D] and [B, Hkv, N, Dv]: ${shapes}`;
  agree([
    { name: "key's batch (axis 0)", expected: B, got: keyB, remedy },
    { name: "value's batch (axis 0)", expected: B, got: valueB, remedy },
    { name: "value's heads (axis 1)", expected: Hkv, got: valueHeads, remedy },
    { name: "value's length (axis 2)", expected: N, got: valueN, remedy },
    { name: "key's head size (axis 3)", expected: D, got: keyD, remedy },
  ]);
  checkHeadSize("query's head size (axis 3)", D);
  checkHeadSize("value's head size (axis 3)", Dv);
  if (Hq % Hkv !== 0) {
    const expected = `a multiple of key's ${Hkv} heads`;
    throw rangeError({ name: "query's heads (axis 1)", expected, got: String(Hq), remedy });
  }
  return { query, key, value, dtype, shape: { B, Hq, Hkv, M, N, D, Dv } };
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

/** Bytes of its buffer that a tensor's elements can touch, from and to. */
function extentInBuffer({ data, offset, shape, strides }: Tensor): readonly [number, number] {
  const last = shape.reduce((at, length, axis) => at + (length - 1) * (strides[axis] ?? 0), offset);
  const bytes = data.BYTES_PER_ELEMENT;
  return [data.byteOffset + offset * bytes, data.byteOffset + (last + 1) * bytes];
}

function sharesMemory(a: Tensor, b: Tensor): boolean {
  if (a.data.buffer !== b.data.buffer) return false;
  const [aFrom, aTo] = extentInBuffer(a);
  const [bFrom, bTo] = extentInBuffer(b);
  return aFrom < bTo && bFrom < aTo;
}

/** A caller's output tensor: right shape and dtype, memory of its own, and no element shared by two indices. */
export function checkOut(out: unknown, inputs: Inputs): Tensor | null {
  if (out === undefined) return null;
  const { shape, dtype } = inputs;
  const tensor = checkedTensor("out", out, "[B, Hq, M, Dv]");
  if (tensor.dtype !== dtype) {
    const remedy = `leave it out for a new tensor, or pass one of ${dtype}`;
    const expectedType = `${dtype}, as query`;
    throw typeError({ name: "out.dtype", expected: expectedType, got: tensor.dtype, remedy });
  }
  const expected = [shape.B, shape.Hq, shape.M, shape.Dv];
  if (expected.some((length, axis) => tensor.shape[axis] !== length)) {
    const want = `shape [${expected.join(", ")}]`;
    const remedy = "leave it out for a new tensor, or pass one of [B, Hq, M, Dv]";
    throw rangeError({ name: "out", expected: want, got: shapeText(tensor), remedy });
  }
  for (const name of ["query", "key", "value"] as const) {
    if (!sharesMemory(tensor, inputs[name])) continue;
    const got = `memory shared with ${name}`;
    throw rangeError({
      name: "out",
      expected: "memory of its own",
      got,
      remedy: "pass another array",
    });
  }
  if (!overlaps(tensor)) return tensor;
  const got = `[${tensor.strides.join(", ")}]`;
  const remedy = "leave out the strides: two indices would share one element";
  throw rangeError({ name: "out.strides", expected: "strides without overlap", got, remedy });
}

/** Sufficient for tensors made by slicing and transposing: each stride clears the extent of all smaller ones. */
function overlaps(tensor: Tensor): boolean {
  const axes = tensor.shape
    .map((length, axis) => ({ length, stride: tensor.strides[axis] ?? 0 }))
    .filter(({ length }) => length > 1)
    .toSorted((a, b) => a.stride - b.stride);
  let reach = 0;
  return axes.some(({ length, stride }) => {
    const collides = stride <= reach;
    reach += (length - 1) * stride;
    return collides;
  });
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
