/** Captured typed arrays, nested arrays and tensors, as one thing: a shape, a type, and elements. */
import { describe, rangeError, typeError } from "../errors.ts";
import type { ScalarType, TensorValue } from "../ir/types.ts";
import { Tensor } from "../tensor.ts";
import type { NestedArray, NumberArray } from "./definition.ts";
import { elementReader } from "./elements.ts";

export interface CapturedArray {
  readonly type: ScalarType;
  readonly shape: readonly number[];
  /** One element by its indices, all of them inside the shape; a bool is 0 or 1. Reads what is there now. */
  readonly at: (indices: readonly number[]) => number;
  /** The elements as a kernel takes them: the caller's memory where it can be used as it is, else a copy. */
  readonly read: () => TensorValue;
}

type Holder = Float32Array | Int32Array | Uint8Array;

const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((size, length) => size * length, 1);

const holders: { readonly [K in ScalarType]: new (size: number) => Holder } = {
  f32: Float32Array,
  i32: Int32Array,
  bool: Uint8Array,
};

/** All elements in row-major order, through `at`, into an array of that many. */
function fill<Into extends Holder | Float64Array>(
  data: Into,
  shape: readonly number[],
  at: CapturedArray["at"],
): Into {
  const indices = shape.map(() => 0);
  for (let flat = 0; flat < data.length; flat++) {
    data[flat] = at(indices);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (indices[axis] ?? 0) + 1;
      indices[axis] = next === shape[axis] ? 0 : next;
      if (next !== shape[axis]) break;
    }
  }
  return data;
}

const gather = (type: ScalarType, shape: readonly number[], at: CapturedArray["at"]): Holder =>
  fill(new holders[type](sizeOf(shape)), shape, at);

/** The elements as a JavaScript function sees them, row-major: of doubles, not rounded to the kernel's type. A copy. */
export const exactElements = ({ shape, at }: CapturedArray): Float64Array =>
  fill(new Float64Array(sizeOf(shape)), shape, at);

const typedArrayTypes: Readonly<Record<string, "f32" | "i32">> = {
  Int8Array: "i32",
  Uint8Array: "i32",
  Uint8ClampedArray: "i32",
  Int16Array: "i32",
  Uint16Array: "i32",
  Int32Array: "i32",
  Uint32Array: "i32",
  Float16Array: "f32",
  Float32Array: "f32",
  Float64Array: "f32",
};

function fromTypedArray(name: string, data: NumberArray): CapturedArray {
  const type = typedArrayTypes[data.constructor.name] ?? "f32";
  const shape = [data.length];
  const at = ([i = 0]: readonly number[]): number => data[i] ?? 0;
  const copy = (): Holder => {
    if (data instanceof Uint32Array) checkWords(name, data);
    return gather(type, shape, at);
  };
  const isNative = data instanceof Float32Array || data instanceof Int32Array;
  return { type, shape, at, read: () => ({ type, shape, data: isNative ? data : copy() }) };
}

function checkWords(name: string, data: Uint32Array): void {
  const large = data.find((word) => word > 0x7fffffff);
  if (large === undefined) return;
  throw rangeError({
    name,
    expected: "integers below 2147483648",
    got: `${large}`,
    remedy: "capture smaller integers, or a Float32Array",
  });
}

function fromTensor(tensor: Tensor): CapturedArray {
  const { data, dtype, shape, strides, offset } = tensor;
  const type: ScalarType = dtype === "i32" || dtype === "bool" ? dtype : "f32";
  const element = elementReader(tensor);
  const at = (indices: readonly number[]): number =>
    element(indices.reduce((sum, index, axis) => sum + index * (strides[axis] ?? 0), offset));
  const isNative =
    tensor.isContiguous &&
    (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array);
  const read = (): TensorValue => ({
    type,
    shape,
    data: isNative ? data.subarray(offset, offset + tensor.size) : gather(type, shape, at),
  });
  return { type, shape, at, read };
}

const isArray = (value: unknown): value is readonly unknown[] => Array.isArray(value);

function shapeOf(value: unknown): number[] {
  return isArray(value) ? [value.length, ...(value.length > 0 ? shapeOf(value[0]) : [])] : [];
}

/** What all elements are; null where the lengths differ or something is neither number nor boolean. */
function elementType(value: unknown, shape: readonly number[]): ScalarType | "none" | null {
  const [length, ...inner] = shape;
  if (length === undefined) {
    if (typeof value === "boolean") return "bool";
    return typeof value === "number" ? (Object.is(value, value | 0) ? "i32" : "f32") : null;
  }
  if (!isArray(value) || value.length !== length) return null;
  let type: ScalarType | "none" = "none";
  for (const item of value) {
    const next = elementType(item, inner);
    if (next === null || ((next === "bool") !== (type === "bool") && type !== "none")) return null;
    if (next === "f32" || type === "none") type = next;
  }
  return type;
}

function fromNested(name: string, value: NestedArray): CapturedArray {
  const shape = shapeOf(value);
  const type = elementType(value, shape);
  if (type === null || type === "none") {
    throw typeError({
      name,
      expected: "numbers, or booleans, in arrays of equal length at each depth",
      got: describe(value),
      remedy: "pad the rows, or capture a Tensor",
    });
  }
  const at = (indices: readonly number[]): number => {
    const element = indices.reduce<unknown>((row, i) => (isArray(row) ? row[i] : undefined), value);
    return Number(element);
  };
  return { type, shape, at, read: () => ({ type, shape, data: gather(type, shape, at) }) };
}

const isTypedArray = (value: unknown): value is NumberArray =>
  ArrayBuffer.isView(value) && Object.hasOwn(typedArrayTypes, value.constructor.name);

/** Null where the value is no array of numbers or booleans. */
export function capturedArray(name: string, value: unknown): CapturedArray | null {
  if (value instanceof Tensor) return fromTensor(value);
  if (isTypedArray(value)) return fromTypedArray(name, value);
  return isArray(value) ? fromNested(name, value as NestedArray) : null;
}
