/** Small arrays that most launches of a kernel share: uploaded again only when their bytes have changed. */
import type { Allocator, Block } from "./allocator.ts";
import type { Driver } from "./driver.ts";

/** Up to here, comparing with what was uploaded last is cheaper than uploading. */
const COMPARED_BYTES = 2 ** 20;

interface Slot {
  readonly block: Block;
  /** What was uploaded last; null where it is too long to be worth comparing. */
  content: Uint8Array | null;
  bytes: number;
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
  place(name: string, array: ArrayBufferView): bigint {
    const bytes = bytesIn(array);
    const slot = this.#slots.get(name);
    if (slot !== undefined && this.#holds(slot, bytes)) return slot.block.address;
    const block = this.#roomIn(name, slot, bytes.length);
    // Forgotten first: a copy that fails leaves the block with who knows what.
    this.#slots.set(name, { block, content: null, bytes: 0 });
    this.#copy(name, block.address, bytes);
    const content = bytes.length <= COMPARED_BYTES ? bytes.slice() : null;
    this.#slots.set(name, { block, content, bytes: bytes.length });
    return block.address;
  }

  #holds({ content, bytes: length }: Slot, bytes: Uint8Array): boolean {
    return content !== null && length === bytes.length && Buffer.compare(content, bytes) === 0;
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
