/** Memory that one launch after another uses for what it computes in between. */
import { addressOf } from "./launch-block.ts";
import type { Koffi } from "./machine.ts";

/** A cache line, and a vector of 16 floats. */
const ALIGNMENT = 64;

/** More than this is given back after each launch: touching new memory costs about as much as filling it. */
const KEEP_BYTES = 2 ** 27;

export class Workspace {
  readonly #koffi: Koffi;
  readonly #buffers = new Map<string, Uint8Array>();

  constructor(koffi: Koffi) {
    this.#koffi = koffi;
  }

  /** The address of at least `bytes` bytes of any contents, aligned to 64; the same memory for the same name. */
  take(name: string, bytes: number): bigint {
    let buffer = this.#buffers.get(name);
    if (buffer === undefined || buffer.length < bytes + ALIGNMENT) {
      buffer = new Uint8Array(bytes + ALIGNMENT);
      this.#buffers.set(name, buffer);
    }
    const start = addressOf(this.#koffi, buffer);
    return start + (-start & BigInt(ALIGNMENT - 1));
  }

  /** Gives back what is too much to keep; nothing may use any of it. */
  trim(): void {
    const bytes = [...this.#buffers.values()].reduce((sum, { length }) => sum + length, 0);
    if (bytes > KEEP_BYTES) this.#buffers.clear();
  }
}
