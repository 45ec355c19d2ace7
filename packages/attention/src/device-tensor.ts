/** Tensors whose elements lie in a device's own memory: GPU memory by its address, or a buffer by its handle. */
import { describe, rangeError, typeError } from "./errors.ts";
import { contiguousStrides, type DType, type Tensor } from "./tensor.ts";

/** What a device tensor needs of the device that holds it. */
export interface TensorHome {
  /** For people. */
  readonly name: string;
  /** The elements as a tensor in this process's memory, in the same order, without gaps. */
  read(tensor: DeviceTensor): Promise<Tensor>;
}

/** Memory as DLPack describes it: where, of what, in which order. */
export interface DeviceTensorParts {
  /** The device that the memory belongs to. */
  readonly home: TensorHome;
  /** Where the memory begins: an address as a bigint (CUDA), or the device's own buffer object. */
  readonly memory: bigint | object;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Elements from one index to the next, per axis. Default: row-major without gaps. 0 repeats. */
  readonly strides?: readonly number[] | undefined;
  /** Bytes from `memory` to the first element. Default 0; a multiple of the element's size. */
  readonly byteOffset?: number | undefined;
  /** Called once by `free()`: for memory that somebody else owns, what tells them that we are done. */
  readonly release?: (() => void) | undefined;
}

const elementBytes: Readonly<Record<DType, number>> = { f32: 4, i32: 4, f16: 2, bf16: 2, bool: 1 };

/** Bytes of one element. */
export const bytesOf = (dtype: DType): number => elementBytes[dtype];

const isLength = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function checkLengths(name: string, values: readonly number[]): readonly number[] {
  if (Array.isArray(values) && values.every(isLength)) return Object.freeze([...values]);
  const remedy = "copy the elements into another order first";
  throw rangeError({
    name,
    expected: "integers of at least 0, one per axis",
    got: describe(values),
    remedy,
  });
}

/**
 * A tensor in a device's memory. `attention` takes it as query, key, value and out on that device, without a copy, and then
 * returns such tensors.
 *
 * Made by `device.upload(tensor)` and by calls, whose memory `free()` gives back; or over memory of somebody else (of PyTorch in
 * the same process, for example) by `device.wrap(...)`, who has to keep it until `free()`. `using` frees it at the end of a block.
 */
export class DeviceTensor implements Disposable {
  readonly home: TensorHome;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly byteOffset: number;
  readonly #memory: bigint | object;
  readonly #release: (() => void) | null;
  /** Whose memory this is a view of. */
  #owner: DeviceTensor | null = null;
  #freed = false;

  /** @throws RangeError a length or stride is not an integer of at least 0, or the offset lies inside an element */
  constructor(parts: DeviceTensorParts) {
    this.home = parts.home;
    this.dtype = parts.dtype;
    this.shape = checkLengths("shape", parts.shape);
    this.strides = checkLengths("strides", parts.strides ?? contiguousStrides(this.shape));
    this.byteOffset = parts.byteOffset ?? 0;
    this.#memory = parts.memory;
    this.#release = parts.release ?? null;
    if (this.strides.length !== this.shape.length) {
      const [expected, got] = [`${this.shape.length} of them`, `${this.strides.length}`];
      throw rangeError({ name: "strides", expected, got, remedy: "give one per axis" });
    }
    if (!isLength(this.byteOffset) || this.byteOffset % bytesOf(this.dtype) !== 0) {
      const expected = `a multiple of ${bytesOf(this.dtype)} bytes, the size of ${this.dtype}`;
      const remedy = "begin at an element";
      throw rangeError({ name: "byteOffset", expected, got: describe(this.byteOffset), remedy });
    }
  }

  /** Number of elements: the product of the shape. */
  get size(): number {
    return this.shape.reduce((product, length) => product * length, 1);
  }

  /** Whether its memory has been given back, by it or by the tensor that it is a view of. */
  get isFreed(): boolean {
    return this.#freed || this.#owner?.isFreed === true;
  }

  /** Where the memory begins; `byteOffset` comes on top. @throws TypeError it has been freed */
  get memory(): bigint | object {
    if (!this.isFreed) return this.#memory;
    const remedy = "free it after its last use";
    throw typeError({ name: "tensor", expected: "a tensor in use", got: "a freed one", remedy });
  }

  /** The first element's address, where memory is addresses. */
  get address(): bigint {
    const { memory } = this;
    if (typeof memory === "bigint") return memory + BigInt(this.byteOffset);
    const remedy = "use memory and byteOffset";
    throw typeError({ name: "memory", expected: "an address", got: describe(memory), remedy });
  }

  /** Bytes from the first element to the end of the last. */
  get extentBytes(): number {
    if (this.size === 0) return 0;
    const last = this.shape.reduce((at, n, axis) => at + (n - 1) * (this.strides[axis] ?? 0), 0);
    return (last + 1) * bytesOf(this.dtype);
  }

  /** The same elements in another shape or order; they are there until this tensor is freed. */
  view(shape: readonly number[], strides: readonly number[]): DeviceTensor {
    const { home, memory, dtype, byteOffset } = this;
    const view = new DeviceTensor({ home, memory, dtype, byteOffset, shape, strides });
    view.#owner = this;
    return view;
  }

  /** The elements as a tensor in this process's memory, row-major without gaps. Waits for calls that write them. */
  async read(): Promise<Tensor> {
    return this.home.read(this);
  }

  /** Gives the memory back; the device may go on with calls that were begun before. Calling it again does nothing. */
  free(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#release?.();
  }

  [Symbol.dispose](): void {
    this.free();
  }
}
