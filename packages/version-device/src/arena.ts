/**
 * The dynamic memory: uneven blocks from its bottom up, full blocks from its top down, until they
 * meet (Toleo, section 4.4). Freed blocks of each list are chained through their first word.
 *
 * A block keeps its place until `compact` moves it. So a request is refused only where fewer bytes
 * are free than it asks for.
 */
import { FULL_BYTES, UNEVEN_BYTES } from "./formats/geometry.ts";

/** Of a chain of free blocks; a slot is stored as slot + 1. */
const END = 0;

/** One of the two lists. Slots are counted from the end of the memory at which the list starts. */
class BlockList {
  readonly bytes: number;
  readonly #memory: DataView;
  readonly #first: number;
  readonly #step: number;
  #live = 0;
  #extent = 0;
  #free: number = END;

  constructor(memory: DataView, bytes: number, from: "bottom" | "top") {
    this.#memory = memory;
    this.bytes = bytes;
    this.#first = from === "bottom" ? 0 : memory.byteLength - bytes;
    this.#step = from === "bottom" ? bytes : -bytes;
  }

  /** Blocks in use. */
  get live(): number {
    return this.#live;
  }

  /** Slots between the end of the memory and the last block that was ever taken. */
  get extent(): number {
    return this.#extent;
  }

  get hasFree(): boolean {
    return this.#free !== END;
  }

  at(slot: number): number {
    return this.#first + slot * this.#step;
  }

  slotOf(block: number): number {
    return (block - this.#first) / this.#step;
  }

  /** The caller has seen that there is a free block, or room for one more. */
  take(): number {
    this.#live++;
    if (this.#free === END) return this.at(this.#extent++);
    const block = this.at(this.#free - 1);
    this.#free = this.#memory.getUint32(block, true);
    return block;
  }

  /** Wipes the block. */
  give(block: number): void {
    this.wipe(block);
    this.#memory.setUint32(block, this.#free, true);
    this.#free = this.slotOf(block) + 1;
    this.#live--;
  }

  wipe(block: number): void {
    new Uint8Array(this.#memory.buffer, block, this.bytes).fill(0);
  }

  /** The free slots, in the order of their chain. */
  *freeSlots(): Generator<number> {
    for (let next = this.#free; next !== END;) {
      yield next - 1;
      next = this.#memory.getUint32(this.at(next - 1), true);
    }
  }

  /** The blocks in use are the first ones now. */
  close(): void {
    this.#extent = this.#live;
    this.#free = END;
  }
}

export type BlockKind = "uneven" | "full";

/** Moves a block if it has to; gives where it lies now. */
export type Relocate = (block: number) => number;

export class Arena {
  readonly memory: DataView;
  readonly #lists: Readonly<Record<BlockKind, BlockList>>;

  /** `bytes` of memory, at most 2^32. */
  constructor(bytes: number) {
    this.memory = new DataView(new ArrayBuffer(bytes));
    this.#lists = {
      uneven: new BlockList(this.memory, UNEVEN_BYTES, "bottom"),
      full: new BlockList(this.memory, FULL_BYTES, "top"),
    };
  }

  /** Blocks of a kind in use. */
  live(kind: BlockKind): number {
    return this.#lists[kind].live;
  }

  /** Bytes that no block uses, wherever they lie. */
  get freeBytes(): number {
    const { uneven, full } = this.#lists;
    return this.memory.byteLength - uneven.live * uneven.bytes - full.live * full.bytes;
  }

  /** Whether `take` would find a block without `compact`. */
  hasRoom(kind: BlockKind): boolean {
    const { uneven, full } = this.#lists;
    const between =
      this.memory.byteLength - uneven.extent * uneven.bytes - full.extent * full.bytes;
    return this.#lists[kind].hasFree || between >= this.#lists[kind].bytes;
  }

  /** Whether `take` would find a block after `compact`. */
  couldHaveRoom(kind: BlockKind): boolean {
    return this.freeBytes >= this.#lists[kind].bytes;
  }

  /** A block of zeros, but for its first word; only after `hasRoom`. Cost: O(1). */
  take(kind: BlockKind): number {
    return this.#lists[kind].take();
  }

  give(kind: BlockKind, block: number): void {
    this.#lists[kind].give(block);
  }

  /**
   * Closes the gaps in one list: calls `owners` with a function that it has to call with each block
   * of the kind in use. Cost: that of walking the owners, and one copy for each gap.
   */
  compact(kind: BlockKind, owners: (relocate: Relocate) => void): void {
    const list = this.#lists[kind];
    const gaps = [...list.freeSlots()].filter((slot) => slot < list.live);
    owners((block) => {
      if (list.slotOf(block) < list.live) return block;
      const gap = gaps.pop();
      if (gap === undefined)
        throw new Error("internal: blocks outnumber slots; please report this");
      const to = list.at(gap);
      const bytes = new Uint8Array(this.memory.buffer);
      bytes.copyWithin(to, block, block + list.bytes);
      list.wipe(block);
      return to;
    });
    list.close();
  }

  /** Wipes everything. */
  wipe(): void {
    new Uint8Array(this.memory.buffer).fill(0);
  }

  /** For tests: what the chains of free blocks and the extents say of the memory. */
  layout(kind: BlockKind): { readonly extent: number; readonly free: readonly number[] } {
    const list = this.#lists[kind];
    return { extent: list.extent, free: [...list.freeSlots()].map((slot) => list.at(slot)) };
  }
}
