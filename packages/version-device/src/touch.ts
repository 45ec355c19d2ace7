/**
 * Loads ahead of scattered updates. These loads wait for memory side by side; those of an update,
 * with branches between them, wait one after the other: at random over 1 GiB of 64-byte lines they
 * save about a third of the time.
 */
import { entryAt, head, pointerOf, TYPE, TYPE_MASK } from "./formats/entry.ts";
import { ENTRY_BYTES, LINE_BITS, LINES_PER_PAGE, UNEVEN_BYTES } from "./formats/geometry.ts";

/** Lines whose memory is loaded together. */
export const TOUCHED = 32;

/** Whether lines lie further apart than neighbours in a sweep. */
const isScattered = (lines: Uint32Array, from: number, to: number): boolean =>
  Math.abs((lines[to - 1] ?? 0) - (lines[from] ?? 0)) > 2 * LINES_PER_PAGE;

export class Touch {
  readonly #entries: DataView;
  readonly #memory: DataView;
  readonly #pages: number;
  /** Without a use, the compiler would leave the loads out. Kept is one bit of each: nothing. */
  readonly #seen: Uint8Array = new Uint8Array(1);

  constructor(entries: DataView, memory: DataView) {
    this.#entries = entries;
    this.#memory = memory;
    this.#pages = entries.byteLength / ENTRY_BYTES;
  }

  before(lines: Uint32Array, from: number, to: number): void {
    if (!isScattered(lines, from, to)) return;
    this.#seen[0] = (this.#touchEntries(lines, from, to) ^ this.#touchBlocks(lines, from, to)) & 1;
  }

  #touchEntries(lines: Uint32Array, from: number, to: number): number {
    let seen = 0;
    for (let item = from; item < to; item++) {
      const page = (lines[item] ?? 0) >>> LINE_BITS;
      if (page < this.#pages) seen ^= head(this.#entries, entryAt(page));
    }
    return seen;
  }

  #touchBlocks(lines: Uint32Array, from: number, to: number): number {
    let seen = 0;
    for (let item = from; item < to; item++) {
      const page = (lines[item] ?? 0) >>> LINE_BITS;
      if (page >= this.#pages) continue;
      const at = entryAt(page);
      if ((head(this.#entries, at) & TYPE_MASK) !== TYPE.uneven) continue;
      const block = pointerOf(this.#entries, at);
      seen ^= this.#memory.getUint8(block) ^ this.#memory.getUint8(block + UNEVEN_BYTES - 1);
    }
    return seen;
  }
}
