/** TMA maps: how the GPU's copy engine finds a tile of a tensor. */
import { TENSOR_MAP_BYTES, type TensorMapShape } from "../../emit/cuda/abi.ts";
import type { FloatType } from "../../tensor.ts";
import type { Driver } from "./driver.ts";
import { TENSOR_MAP } from "./functions.ts";

/** What a map covers: [B, H, rows, columns] in GPU memory. */
export interface MappedTensor {
  readonly address: bigint;
  readonly dtype: Exclude<FloatType, "f32">;
  readonly B: number;
  readonly H: number;
  readonly rows: number;
  /** Bytes from one to the next; multiples of 16. */
  readonly batchStride: number;
  readonly headStride: number;
  readonly rowStride: number;
}

const RANK = 5;
const ELEMENT_BYTES = 2;

const same = (a: MappedTensor | null, b: MappedTensor): boolean =>
  a !== null &&
  a.address === b.address &&
  a.dtype === b.dtype &&
  a.B === b.B &&
  a.H === b.H &&
  a.rows === b.rows &&
  a.batchStride === b.batchStride &&
  a.headStride === b.headStride &&
  a.rowStride === b.rowStride;

/** One map of a kernel, encoded again only when what it covers has changed. */
export class TensorMap {
  readonly shape: TensorMapShape;
  readonly #driver: Driver;
  /** 128 bytes, aligned to 64. */
  readonly #map: Uint8Array;
  readonly #dimensions = new BigUint64Array(RANK);
  readonly #strides = new BigUint64Array(RANK - 1);
  readonly #box: Uint32Array;
  readonly #steps: Uint32Array = new Uint32Array(RANK).fill(1);
  #covers: MappedTensor | null = null;

  constructor(driver: Driver, shape: TensorMapShape, map: Uint8Array) {
    this.#driver = driver;
    this.shape = shape;
    this.#map = map.subarray(0, TENSOR_MAP_BYTES);
    const slabs = shape.columns / shape.boxColumns;
    this.#box = Uint32Array.of(shape.boxColumns, shape.boxRows, slabs, 1, 1);
  }

  /** @throws CudaError the driver refuses the address or a stride */
  cover(tensor: MappedTensor): void {
    if (same(this.#covers, tensor)) return;
    this.#covers = null;
    const { boxColumns, columns, swizzle } = this.shape;
    const { B, H, rows, batchStride, headStride, rowStride } = tensor;
    this.#dimensions.set([boxColumns, rows, columns / boxColumns, H, B].map(BigInt));
    const slabBytes = boxColumns * ELEMENT_BYTES;
    this.#strides.set([rowStride, slabBytes, headStride, batchStride].map(BigInt));
    this.#driver.call.cuTensorMapEncodeTiled(
      () => `describing ${this.shape.tensor} [${B}, ${H}, ${rows}, ${columns}] to the copy engine`,
      this.#map,
      TENSOR_MAP[tensor.dtype],
      RANK,
      tensor.address,
      this.#dimensions,
      this.#strides,
      this.#box,
      this.#steps,
      0,
      TENSOR_MAP.swizzle[swizzle],
      TENSOR_MAP.promotionOf256,
      0,
    );
    this.#covers = tensor;
  }
}
