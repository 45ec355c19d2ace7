/** GPU memory of one piece of work, given back together however the work ends. */
import type { Allocator, Block } from "./allocator.ts";

export class Scope implements Disposable {
  readonly #allocator: Allocator;
  readonly #blocks = new Set<Block>();

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  allocate(bytes: number): Block {
    const block = this.#allocator.allocate(bytes);
    this.#blocks.add(block);
    return block;
  }

  /** Leaves a block to the caller, who gives it back. */
  keep(block: Block): Block {
    this.#blocks.delete(block);
    return block;
  }

  [Symbol.dispose](): void {
    for (const block of this.#blocks) this.#allocator.release(block);
    this.#blocks.clear();
  }
}
