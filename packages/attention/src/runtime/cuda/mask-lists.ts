/** What kernels read of a block mask: lists of work, made and uploaded once for a mask and a shape. */
import type { CudaKernel } from "../../emit/cuda/abi.ts";
import { decodePlan } from "../../emit/cuda/decode/abi.ts";
import type { BlockMask } from "../../mask/block-mask.ts";
import { headGroup, ITEM_WORDS, tileWork } from "../../schedule/tile-work.ts";
import type { KernelSpec, Shape } from "../device.ts";
import type { Allocator, Block } from "./allocator.ts";
import type { Driver } from "./driver.ts";

/** Addresses, 0n for none, and counts. */
export interface UploadedLists {
  readonly items: bigint;
  readonly spans: bigint;
  readonly rowStart: bigint;
  readonly runs: bigint;
  readonly bits: bigint;
  readonly itemCount: number;
  readonly combineCount: number;
  /** Of the partial results between a launch's functions. */
  readonly partialBytes: number;
}

export interface ListRequest {
  readonly spec: KernelSpec;
  readonly kernel: CudaKernel;
  readonly shape: Shape;
  readonly kvLength: Int32Array;
  readonly blockMask: BlockMask | null;
}

/** Lists that are kept for the next call: a model's layers share one, a few masks take turns. */
const KEPT = 32;

type Arrays = { readonly [K in ListName]: ArrayBufferView | null };
type ListName = "items" | "spans" | "rowStart" | "runs" | "bits";
type Counts = Pick<UploadedLists, "itemCount" | "combineCount" | "partialBytes">;

interface Lists extends Counts {
  readonly arrays: Arrays;
}

const none = { items: null, spans: null, rowStart: null, runs: null, bits: null };

export const elementBytes = (spec: KernelSpec): number => (spec.dtype === "f32" ? 4 : 2);

/** Blocks find their keys in the block mask's own lists. */
function decodeLists({ spec, shape, kvLength, blockMask }: ListRequest): Lists {
  const longest = kvLength.reduce((most, length) => Math.max(most, length), 0);
  const { rowStart = null, runs = null, bits = null } = blockMask ?? {};
  return { arrays: { ...none, rowStart, runs, bits }, ...decodePlan(spec, shape, longest) };
}

function forwardLists({ spec, kernel, shape, kvLength, blockMask }: ListRequest): Lists {
  const counts = { combineCount: 0, partialBytes: 0 };
  if (blockMask === null || !kernel.lists) {
    const itemCount = Math.ceil(shape.M / kernel.tile.queries) * shape.B * shape.Hq;
    return { arrays: none, itemCount, ...counts };
  }
  const tiling = { ...kernel.tile, headGroup: headGroup(shape, elementBytes(spec)) };
  const { items, spans } = tileWork(shape, { mask: blockMask, kvLength }, tiling);
  const { bits } = blockMask;
  return {
    arrays: { ...none, items, spans, bits },
    itemCount: items.length / ITEM_WORDS,
    ...counts,
  };
}

const listsOf = (request: ListRequest): Lists =>
  request.kernel.template === "decode" ? decodeLists(request) : forwardLists(request);

export interface Kept {
  readonly lists: UploadedLists;
  readonly block: Block | null;
  /** Whether the lists are still there. */
  isKept: boolean;
}

/** What a kernel asked for last, so that the same launch again finds its lists without a key. */
export interface LastLists {
  readonly request: ListRequest;
  readonly kvLength: Int32Array;
  readonly kept: Kept;
}

const sameLengths = (a: Int32Array, b: Int32Array): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

const sameShape = (a: Shape, b: Shape): boolean =>
  a.B === b.B &&
  a.Hq === b.Hq &&
  a.Hkv === b.Hkv &&
  a.M === b.M &&
  a.N === b.N &&
  a.D === b.D &&
  a.Dv === b.Dv;

/** Whether a kernel asks for what it asked for last, and that is still there. */
const isAgain = (last: LastLists, { blockMask, shape, kvLength }: ListRequest): boolean =>
  last.kept.isKept &&
  last.request.blockMask === blockMask &&
  sameShape(last.request.shape, shape) &&
  sameLengths(last.kvLength, kvLength);

const ALIGNMENT = 16;
const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

export class MaskLists {
  readonly #driver: Driver;
  readonly #allocator: Allocator;
  readonly #stream: bigint;
  readonly #kept = new Map<string, Kept>();
  readonly #numbers = new WeakMap<BlockMask, number>();
  #nextNumber = 1;

  constructor(driver: Driver, allocator: Allocator, stream: bigint) {
    this.#driver = driver;
    this.#allocator = allocator;
    this.#stream = stream;
  }

  /**
   * Lists of a launch, in GPU memory until many others have been asked for. Block masks do not change once they are built.
   *
   * @param last  what this returned for the same kernel before, or null
   */
  lists(request: ListRequest, last: LastLists | null): LastLists {
    if (last !== null && isAgain(last, request)) return last;
    const key = this.#keyOf(request);
    const known = this.#kept.get(key) ?? this.#upload(listsOf(request));
    this.#kept.delete(key);
    this.#kept.set(key, known);
    this.#forgetOldest();
    return { request, kvLength: request.kvLength.slice(), kept: known };
  }

  #keyOf({ spec, kernel, shape, kvLength, blockMask }: ListRequest): string {
    const { B, Hq, Hkv, M, N, D, Dv } = shape;
    const { template, tile, lists } = kernel;
    const tiling = [template, lists, tile.queries, tile.keys, spec.dtype];
    return [...tiling, B, Hq, Hkv, M, N, D, Dv, this.#numberOf(blockMask), ...kvLength].join(" ");
  }

  #numberOf(blockMask: BlockMask | null): number {
    if (blockMask === null) return 0;
    const number = this.#numbers.get(blockMask) ?? this.#nextNumber++;
    this.#numbers.set(blockMask, number);
    return number;
  }

  /** All lists in one block, with one copy. */
  #upload({ arrays, ...counts }: Lists): Kept {
    const entries = Object.entries(arrays) as [ListName, ArrayBufferView | null][];
    const offsets = new Map<ListName, number>();
    let total = 0;
    for (const [name, array] of entries) {
      if (array === null) continue;
      offsets.set(name, total);
      total += Math.max(aligned(array.byteLength), ALIGNMENT);
    }
    const block = total === 0 ? null : this.#allocator.allocate(total);
    if (block !== null) this.#fill(block, entries, offsets, total);
    const at = (name: ListName): bigint => {
      const offset = offsets.get(name);
      return offset === undefined || block === null ? 0n : block.address + BigInt(offset);
    };
    const lists = {
      ...{ items: at("items"), spans: at("spans"), rowStart: at("rowStart") },
      ...{ runs: at("runs"), bits: at("bits") },
      ...counts,
    };
    return { lists, block, isKept: true };
  }

  #fill(
    block: Block,
    entries: readonly (readonly [ListName, ArrayBufferView | null])[],
    offsets: ReadonlyMap<ListName, number>,
    total: number,
  ): void {
    const bytes = new Uint8Array(total);
    for (const [name, array] of entries) {
      if (array === null) continue;
      const { buffer, byteOffset, byteLength } = array;
      bytes.set(new Uint8Array(buffer, byteOffset, byteLength), offsets.get(name) ?? 0);
    }
    try {
      const doing = "copying a block mask's lists to the GPU";
      this.#driver.call.cuMemcpyHtoDAsync_v2(doing, block.address, bytes, total, this.#stream);
    } catch (error) {
      this.#allocator.release(block);
      throw error;
    }
  }

  #forgetOldest(): void {
    for (const [key, kept] of this.#kept) {
      if (this.#kept.size <= KEPT) return;
      this.#kept.delete(key);
      kept.isKept = false;
      if (kept.block !== null) this.#allocator.release(kept.block);
    }
  }
}
