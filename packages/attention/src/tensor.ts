/** Tensors: the caller's typed arrays with a shape, a dtype and strides. Nothing is copied. */
import { checkNames, describe, nearestName, rangeError, typeError } from "./errors.ts";

/** Storage types of query, key, value and output. */
export type FloatType = "f32" | "f16" | "bf16";

export type DType = FloatType | "i32" | "bool";

export type TensorData = Float32Array | Float16Array | Uint16Array | Int32Array | Uint8Array;

/** What holds each dtype; f16 also comes as raw bits, where the engine has no Float16Array. */
const holders: { readonly [K in DType]: readonly string[] } = {
  f32: ["Float32Array"],
  f16: ["Float16Array", "Uint16Array"],
  bf16: ["Uint16Array"],
  i32: ["Int32Array"],
  bool: ["Uint8Array"],
};

const defaultType: Readonly<Record<string, DType>> = {
  Float32Array: "f32",
  Float16Array: "f16",
  Int32Array: "i32",
  Uint8Array: "bool",
};

export interface TensorOptions {
  /** Default: by the array's type; a Uint16Array needs "f16" or "bf16" here. */
  readonly dtype?: DType;
  /** Elements from one index to the next, per axis. Default: row-major without gaps. 0 repeats; negative is refused. */
  readonly strides?: readonly number[];
  /** Elements before the first one. Default 0. */
  readonly offset?: number;
}

const optionNames: readonly (keyof TensorOptions)[] = ["dtype", "strides", "offset"];

/** Elements from one index to the next in a row-major array without gaps. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  }
  return strides;
}

const isLength = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

const lengthRemedies = {
  shape: "write one length per axis, for example [2, 8, 512, 64]",
  strides: "write one per axis, or leave them out; copy the elements if they run backwards",
} as const;

/** A shape or strides, as a list of its own. */
function checkedLengths(name: keyof typeof lengthRemedies, lengths: unknown): readonly number[] {
  const got = describe(lengths);
  const remedy = lengthRemedies[name];
  if (!Array.isArray(lengths))
    throw typeError({ name, expected: "an array of integers", got, remedy });
  const list = Object.freeze(Array.from<unknown>(lengths));
  if (list.every(isLength)) return list;
  throw rangeError({ name, expected: "integers of at least 0", got, remedy });
}

function checkedType(data: unknown, dtype: DType | undefined): DType {
  const holder = ArrayBuffer.isView(data) ? data.constructor.name : "";
  const type = dtype ?? defaultType[holder];
  if (type === undefined) {
    throw typeError({
      name: "data",
      expected: "Float32Array, Float16Array, Int32Array, Uint8Array, or Uint16Array with a dtype",
      got: describe(data),
      remedy: 'pass { dtype: "f16" } or { dtype: "bf16" } with a Uint16Array of raw bits',
    });
  }
  if (!Object.hasOwn(holders, type)) {
    const known = Object.keys(holders);
    const remedy = `write ${JSON.stringify(nearestName(type, known) ?? "f32")}`;
    const expected = `one of ${known.join(", ")}`;
    throw typeError({ name: "dtype", expected, got: describe(type), remedy });
  }
  if (holders[type].includes(holder)) return type;
  const expected = holders[type].join(" or ");
  const remedy = "convert the elements, or correct the dtype";
  throw typeError({
    name: `data of dtype ${describe(type)}`,
    expected,
    got: describe(data),
    remedy,
  });
}

/**
 * A view of a typed array: `element [i, j, ...] = data[offset + i * strides[0] + j * strides[1] + ...]`.
 *
 * f32 lives in a Float32Array, f16 in a Float16Array or a Uint16Array of raw bits, bf16 in a Uint16Array of
 * raw bits, i32 in an Int32Array, bool in a Uint8Array of 0 and 1.
 *
 * @throws TypeError   the array does not hold the dtype
 * @throws RangeError  a length or stride is not an integer of at least 0, or an element lies outside the array
 */
export class Tensor {
  readonly data: TensorData;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;

  constructor(data: TensorData, shape: readonly number[], options: TensorOptions = {}) {
    checkNames(options, optionNames);
    this.dtype = checkedType(data, options.dtype);
    this.data = data;
    this.shape = checkedLengths("shape", shape);
    this.strides = checkedLengths("strides", options.strides ?? contiguousStrides(this.shape));
    this.offset = options.offset ?? 0;
    this.#checkExtent();
  }

  /** Number of elements: the product of the shape. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  /** Whether the elements lie row-major without gaps. */
  get isContiguous(): boolean {
    const dense = contiguousStrides(this.shape);
    return (
      this.size === 0 ||
      this.shape.every((n, axis) => n === 1 || this.strides[axis] === dense[axis])
    );
  }

  /**
   * The same elements with two axes swapped; no copy. For example [B, M, Hq, D] as [B, Hq, M, D]: `transpose(1, 2)`.
   *
   * @throws RangeError  an axis is not one of the tensor's
   */
  transpose(first: number, second: number): Tensor {
    const swap = (values: readonly number[]): number[] =>
      values.map(
        (value, axis) => values[axis === first ? second : axis === second ? first : axis] ?? value,
      );
    for (const [name, axis] of [
      ["first", first],
      ["second", second],
    ] as const) {
      if (!isLength(axis) || axis >= this.shape.length) {
        throw rangeError({
          name,
          expected: `an axis below ${this.shape.length}`,
          got: describe(axis),
          remedy: "count axes from 0",
        });
      }
    }
    const { dtype, offset } = this;
    return new Tensor(this.data, swap(this.shape), { dtype, strides: swap(this.strides), offset });
  }

  #checkExtent(): void {
    const { shape, strides, offset, data } = this;
    if (strides.length !== shape.length) {
      throw rangeError({
        name: "strides",
        expected: `one per axis of [${shape.join(", ")}]`,
        got: describe(strides),
        remedy: "leave them out for a row-major array without gaps",
      });
    }
    if (!isLength(offset)) {
      const remedy = "count elements, not bytes, from the start of data";
      const expected = "an integer of at least 0";
      throw rangeError({ name: "offset", expected, got: describe(offset), remedy });
    }
    if (this.size === 0) return;
    const last = shape.reduce(
      (at, length, axis) => at + (length - 1) * (strides[axis] ?? 0),
      offset,
    );
    if (last < data.length) return;
    throw rangeError({
      name: "data",
      expected: `at least ${last + 1} elements for shape [${shape.join(", ")}]`,
      got: `${data.length}`,
      remedy: "pass an array that holds the whole shape, or correct shape, strides and offset",
    });
  }
}
