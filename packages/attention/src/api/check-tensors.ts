/** Checks the tensors of a call: their kind, shapes, dtypes and memory, and that all of them are in one place. */
import { bytesOf, DeviceTensor, type TensorHome } from "../device-tensor.ts";
import { describe, rangeError, typeError } from "../errors.ts";
import type { Shape } from "../runtime/device.ts";
import { type FloatType, Tensor } from "../tensor.ts";
import { checkHeadSize, isFloat } from "./validate.ts";

/** A tensor in the caller's own arrays, or in a device's memory. */
export type AnyTensor = Tensor | DeviceTensor;

interface Checked<T> {
  readonly query: T;
  readonly key: T;
  readonly value: T;
  readonly out: T | null;
  readonly shape: Shape;
  readonly dtype: FloatType;
}

/** Tensors of the caller's arrays have no home; others are in the memory of one device. */
export type Inputs =
  | (Checked<Tensor> & { readonly home: null })
  | (Checked<DeviceTensor> & { readonly home: TensorHome });

const shapeText = (tensor: AnyTensor): string => `[${tensor.shape.join(", ")}]`;

function checkedTensor(name: string, value: unknown, axes: string): AnyTensor {
  if (!(value instanceof Tensor) && !(value instanceof DeviceTensor)) {
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

/** Refuses a tensor whose memory was freed, transferred or made smaller since. */
function inMemory(name: string, tensor: AnyTensor): AnyTensor {
  if (tensor instanceof DeviceTensor) {
    if (!tensor.isFreed) return tensor;
    const remedy = "free it after its last use";
    throw typeError({ name, expected: "a tensor in use", got: "a freed one", remedy });
  }
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

function checkedFloat(query: AnyTensor, key: AnyTensor, value: AnyTensor): FloatType {
  const { dtype } = query;
  if (!isFloat(dtype)) {
    const remedy = "convert the elements to floating point";
    throw typeError({ name: "query.dtype", expected: "f32, f16 or bf16", got: dtype, remedy });
  }
  for (const [name, tensor] of Object.entries({ key, value })) {
    if (tensor.dtype === dtype) continue;
    const remedy = "convert one of them: all three share one dtype";
    const expected = `${dtype}, as query`;
    throw typeError({ name: `${name}.dtype`, expected, got: tensor.dtype, remedy });
  }
  return dtype;
}

interface Agreement {
  readonly name: string;
  readonly expected: number;
  readonly got: number;
}

/** @param remedy  written only where it is needed: calls are many, mistakes few */
function agree(checks: readonly Agreement[], remedy: () => string): void {
  for (const { name, expected, got } of checks) {
    if (expected === got) continue;
    throw rangeError({ name, expected: String(expected), got: String(got), remedy: remedy() });
  }
}

/** One key/value batch serves every query batch: the axis is repeated with stride 0. */
function repeatBatch(tensor: AnyTensor, B: number): AnyTensor {
  if (tensor.shape[0] !== 1 || B === 1) return tensor;
  const shape = [B, ...tensor.shape.slice(1)];
  const strides = [0, ...tensor.strides.slice(1)];
  if (tensor instanceof DeviceTensor) return tensor.view(shape, strides);
  const { dtype, offset } = tensor;
  return new Tensor(tensor.data, shape, { dtype, strides, offset });
}

const isHost = (tensor: AnyTensor | null): tensor is Tensor | null =>
  tensor === null || tensor instanceof Tensor;
const isResident = (tensor: AnyTensor | null): tensor is DeviceTensor | null =>
  tensor === null || tensor instanceof DeviceTensor;

const placeText = (tensor: AnyTensor | null): string =>
  tensor instanceof DeviceTensor ? `on ${tensor.home.name}` : "in an array";

interface Together {
  readonly query: AnyTensor;
  readonly key: AnyTensor;
  readonly value: AnyTensor;
  readonly out: AnyTensor | null;
}

/** All in the caller's arrays, or all in the memory of one device. */
function inOnePlace(
  tensors: Together,
  rest: { readonly shape: Shape; readonly dtype: FloatType },
): Inputs {
  const { query, key, value, out } = tensors;
  if (query instanceof Tensor && isHost(key) && isHost(value) && isHost(out)) {
    return { query, key, value, out, ...rest, home: null };
  }
  if (
    query instanceof DeviceTensor &&
    isResident(key) &&
    isResident(value) &&
    isResident(out) &&
    [key, value, out ?? query].every(({ home }) => home === query.home)
  ) {
    return { query, key, value, out, ...rest, home: query.home };
  }
  const given = Object.entries(tensors).filter(([, tensor]) => tensor !== null);
  const got = given.map(([name, tensor]) => `${name} ${placeText(tensor)}`).join(", ");
  throw typeError({
    name: given.map(([name]) => name).join(", "),
    expected: "tensors in one place",
    got,
    remedy: "copy with await device.upload(tensor), or back with await tensor.read()",
  });
}

/**
 * Query [B, Hq, M, D], key [B or 1, Hkv, N, D], value [B or 1, Hkv, N, Dv] as one shape; out [B, Hq, M, Dv], if given, with memory of
 * its own and no element that two indices share.
 *
 * @throws TypeError   not a tensor, dtypes that are not one of f32, f16, bf16 throughout, or tensors in different places
 * @throws RangeError  ranks, lengths, head counts or memory that do not fit together
 */
export function checkInputs(
  queryArg: unknown,
  keyArg: unknown,
  valueArg: unknown,
  outArg?: unknown,
): Inputs {
  const query = checkedTensor("query", queryArg, "[B, Hq, M, D]");
  const keyGiven = checkedTensor("key", keyArg, "[B, Hkv, N, D]");
  const valueGiven = checkedTensor("value", valueArg, "[B, Hkv, N, Dv]");
  const dtype = checkedFloat(query, keyGiven, valueGiven);
  const [B = 0, Hq = 0, M = 0, D = 0] = query.shape;
  const key = repeatBatch(keyGiven, B);
  const value = repeatBatch(valueGiven, B);
  const [keyB = 0, Hkv = 0, N = 0, keyD = 0] = key.shape;
  const [valueB = 0, valueHeads = 0, valueN = 0, Dv = 0] = value.shape;
  const remedy = (): string =>
    "make them [B, Hq, M, D], [B, Hkv, N, D] and [B, Hkv, N, Dv]: " +
    `query is ${shapeText(query)}, key ${shapeText(keyGiven)}, value ${shapeText(valueGiven)}`;
  const agreements = [
    { name: "key's batch (axis 0)", expected: B, got: keyB },
    { name: "value's batch (axis 0)", expected: B, got: valueB },
    { name: "value's heads (axis 1)", expected: Hkv, got: valueHeads },
    { name: "value's length (axis 2)", expected: N, got: valueN },
    { name: "key's head size (axis 3)", expected: D, got: keyD },
  ];
  agree(agreements, remedy);
  checkHeadSize("query's head size (axis 3)", D);
  checkHeadSize("value's head size (axis 3)", Dv);
  if (Hq % Hkv !== 0) {
    const expected = `a multiple of key's ${Hkv} heads`;
    throw rangeError({
      name: "query's heads (axis 1)",
      expected,
      got: String(Hq),
      remedy: remedy(),
    });
  }
  const shape = { B, Hq, Hkv, M, N, D, Dv };
  const out = checkOut(outArg, { query, key, value }, { shape, dtype });
  return inOnePlace({ query, key, value, out }, { shape, dtype });
}

interface Extent {
  /** What two tensors have in common where they may share memory. */
  readonly in: unknown;
  readonly from: number;
  readonly to: number;
}

/** Bytes that a tensor's elements can touch. Addresses of memory are below 2^53 on every GPU. */
function extentOf(tensor: AnyTensor): Extent {
  if (tensor instanceof DeviceTensor) {
    const { memory, home, byteOffset, extentBytes } = tensor;
    const isAddress = typeof memory === "bigint";
    const from = (isAddress ? Number(memory) : 0) + byteOffset;
    return { in: isAddress ? home : memory, from, to: from + extentBytes };
  }
  const { data, dtype, offset, shape, strides } = tensor;
  const last = shape.reduce((at, length, axis) => at + (length - 1) * (strides[axis] ?? 0), offset);
  const at = (element: number): number => data.byteOffset + element * bytesOf(dtype);
  return { in: data.buffer, from: at(offset), to: at(last + 1) };
}

function sharesMemory(a: AnyTensor, b: AnyTensor): boolean {
  const [first, second] = [extentOf(a), extentOf(b)];
  return first.in === second.in && first.from < second.to && second.from < first.to;
}

/** A caller's output tensor: right shape and dtype, memory of its own, and no element shared by two indices. */
function checkOut(
  out: unknown,
  inputs: Omit<Together, "out">,
  { shape, dtype }: { readonly shape: Shape; readonly dtype: FloatType },
): AnyTensor | null {
  if (out === undefined) return null;
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
  for (const [name, input] of Object.entries(inputs)) {
    if (!sharesMemory(tensor, input)) continue;
    const [got, remedy] = [`memory shared with ${name}`, "pass another array"];
    throw rangeError({ name: "out", expected: "memory of its own", got, remedy });
  }
  if (!overlaps(tensor)) return tensor;
  const got = `[${tensor.strides.join(", ")}]`;
  const remedy = "leave out the strides: two indices would share one element";
  throw rangeError({ name: "out.strides", expected: "strides without overlap", got, remedy });
}

/** Sufficient for tensors made by slicing and transposing: each stride clears the extent of all smaller ones. */
function overlaps(tensor: AnyTensor): boolean {
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
