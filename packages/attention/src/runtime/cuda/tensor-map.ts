/** TMA maps: how the GPU's copy engine finds a tile of a tensor. */
import { TENSOR_MAP_BYTES, type TensorMapShape } from "../../emit/cuda/abi.ts";
import type { FloatType } from "../../tensor.ts";
import type { Driver } from "./driver.ts";
import { TENSOR_MAP } from "./functions.ts";
import type { PlacedTensor } from "./params-block.ts";

/** How much of a tensor a map covers: [B, H, rows, columns]. */
export interface MapExtent {
  readonly dtype: Exclude<FloatType, "f32">;
  readonly B: number;
  readonly H: number;
  readonly rows: number;
}

const RANK = 5;
const ELEMENT_BYTES = 2n;

const sameExtent = (a: MapExtent, b: MapExtent): boolean =>
  a.B === b.B && a.H === b.H && a.rows === b.rows && a.dtype === b.dtype;

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
  #covers: { readonly tensor: PlacedTensor; readonly extent: MapExtent } | null = null;

  constructor(driver: Driver, shape: TensorMapShape, map: Uint8Array) {
    this.#driver = driver;
    this.shape = shape;
    this.#map = map.subarray(0, TENSOR_MAP_BYTES);
    const slabs = shape.columns / shape.boxColumns;
    this.#box = Uint32Array.of(shape.boxColumns, shape.boxRows, slabs, 1, 1);
  }

  /**
   * Describes a tensor, unless it is the one that is described already.
   *
   * @throws CudaError  the driver refuses the address or a stride
   */
  cover(tensor: PlacedTensor, extent: MapExtent): void {
    if (this.#covers?.tensor === tensor && sameExtent(this.#covers.extent, extent)) return;
    this.#covers = null;
    this.#encode(tensor, extent);
    this.#covers = { tensor, extent };
  }

  #encode(tensor: PlacedTensor, { dtype, B, H, rows }: MapExtent): void {
    const { boxColumns, columns, swizzle } = this.shape;
    this.#dimensions.set([boxColumns, rows, columns / boxColumns, H, B].map(BigInt));
    const { rowStride, headStride, batchStride } = tensor;
    const strides = [rowStride, BigInt(boxColumns), headStride, batchStride];
    this.#strides.set(strides.map((stride) => stride * ELEMENT_BYTES));
    this.#driver.call.cuTensorMapEncodeTiled(
      () => `describing ${this.shape.tensor} [${B}, ${H}, ${rows}, ${columns}] to the copy engine`,
      this.#map,
      TENSOR_MAP[dtype],
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
  }
}
