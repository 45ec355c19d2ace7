/** The arguments of one kernel's functions, in memory that stays where it is, so that a launch allocates nothing. */
import type { Driver } from "./driver.ts";
import type { GpuFunction } from "./module.ts";
import { TENSOR_MAP_BYTES } from "../../emit/cuda/abi.ts";

/** TMA maps, and so whatever comes behind them. */
const ALIGNMENT = 64;

/** Buffers smaller than this may lie in the engine's heap, which moves. */
const LEAST_BYTES = 4096;

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/**
 * `maps` TMA maps, then one struct of `bytes` bytes, as the parameters of a function in this order. The driver copies them at the
 * launch, so they may be changed right after it.
 */
export class ArgumentBlock {
  readonly #driver: Driver;
  readonly #buffer: ArrayBuffer;
  readonly #table: bigint;
  readonly #start: number;
  readonly #structAt: number;
  readonly #i32: Int32Array;
  readonly #f32: Float32Array;
  readonly #i64: BigInt64Array;

  constructor(driver: Driver, { maps, bytes }: { readonly maps: number; readonly bytes: number }) {
    this.#driver = driver;
    const table = roundUp((maps + 1) * 8, ALIGNMENT);
    const size = ALIGNMENT + table + maps * TENSOR_MAP_BYTES + roundUp(bytes, 8);
    this.#buffer = new ArrayBuffer(Math.max(roundUp(size, 8), LEAST_BYTES));
    const base = driver.library.addressOf(this.#buffer);
    const skip = Number((BigInt(ALIGNMENT) - (base % BigInt(ALIGNMENT))) % BigInt(ALIGNMENT));
    this.#table = base + BigInt(skip);
    this.#start = skip + table;
    this.#structAt = this.#start + maps * TENSOR_MAP_BYTES;
    this.#i32 = new Int32Array(this.#buffer);
    this.#f32 = new Float32Array(this.#buffer);
    this.#i64 = new BigInt64Array(this.#buffer);
    for (let at = 0; at <= maps; at++) {
      const address = base + BigInt(this.#start + at * TENSOR_MAP_BYTES);
      this.#i64[skip / 8 + at] = address;
    }
  }

  /** The bytes of a TMA map, to encode it in. */
  map(index: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#start + index * TENSOR_MAP_BYTES, TENSOR_MAP_BYTES);
  }

  /** Fields of the struct, by their byte in it. */
  setI32(offset: number, value: number): void {
    this.#i32[(this.#structAt + offset) / 4] = value;
  }

  setF32(offset: number, value: number): void {
    this.#f32[(this.#structAt + offset) / 4] = value;
  }

  setI64(offset: number, value: bigint): void {
    this.#i64[(this.#structAt + offset) / 8] = value;
  }

  /** Queues a function with these arguments. */
  launch(fn: GpuFunction, blocks: number, stream: bigint): void {
    const code = this.#driver.library.functions.cuLaunchKernel(
      fn.handle,
      blocks,
      1,
      1,
      fn.threads,
      1,
      1,
      fn.sharedBytes,
      stream,
      this.#table,
      0n,
    );
    if (code !== 0) this.#driver.check(code, "cuLaunchKernel", `launching ${fn.name}`);
  }
}
