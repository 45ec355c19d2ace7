/** Small arrays that most launches of a kernel share: uploaded again only when their bytes have changed. */
import type { Allocator, Block } from "./allocator.ts";
import type { Driver } from "./driver.ts";

/** What is uploaded: numbers of one kind. */
export type SlotArray = Float32Array | Int32Array | Uint8Array;

/** Up to here, comparing with what was uploaded last is cheaper than uploading. */
const COMPARED_BYTES = 2 ** 20;

/** Up to here, a loop is faster than making views. */
const FEW_ELEMENTS = 128;

interface Slot {
  readonly block: Block;
  /** What was uploaded last; null where it is too long to be worth comparing. */
  readonly content: SlotArray | null;
}

/** Bit by bit where they are long; by value where they are few: then 0 and -0 differ too, and NaN is itself. */
function isSame(a: SlotArray, b: SlotArray): boolean {
  if (a.length !== b.length || a.constructor !== b.constructor) return false;
  if (a.length > FEW_ELEMENTS) return Buffer.compare(bytesIn(a), bytesIn(b)) === 0;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

const bytesIn = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

export class Slots {
  readonly #driver: Driver;
  readonly #allocator: Allocator;
  readonly #stream: bigint;
  readonly #slots = new Map<string, Slot>();

  constructor(driver: Driver, allocator: Allocator, stream: bigint) {
    this.#driver = driver;
    this.#allocator = allocator;
    this.#stream = stream;
  }

  /**
   * The address of an array's bytes on the GPU. The array is read before this returns; a later array of the same name replaces it,
   * for the launches that are queued after that.
   */
  place(name: string, array: SlotArray): bigint {
    const slot = this.#slots.get(name);
    if (slot !== undefined && slot.content !== null && isSame(slot.content, array))
      return slot.block.address;
    const bytes = bytesIn(array);
    const block = this.#roomIn(name, slot, bytes.length);
    // Forgotten first: a copy that fails leaves the block with who knows what.
    this.#slots.set(name, { block, content: null });
    this.#copy(name, block.address, bytes);
    const content = bytes.length <= COMPARED_BYTES ? array.slice() : null;
    this.#slots.set(name, { block, content });
    return block.address;
  }

  #roomIn(name: string, slot: Slot | undefined, bytes: number): Block {
    if (slot !== undefined && slot.block.bytes >= bytes) return slot.block;
    if (slot !== undefined) this.#allocator.release(slot.block);
    this.#slots.delete(name);
    return this.#allocator.allocate(bytes);
  }

  #copy(name: string, address: bigint, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { call } = this.#driver;
    const doing = `copying ${name} to the GPU`;
    // From memory that is not pinned, the driver takes a copy before it returns.
    call.cuMemcpyHtoDAsync_v2(doing, address, bytes, bytes.length, this.#stream);
  }
}
