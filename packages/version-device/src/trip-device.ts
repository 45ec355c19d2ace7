/**
 * The device itself: a state machine over real bytes (Toleo, sections 4.2 and 4.3), synchronous and
 * alone.
 *
 * Where the paper is open, this is what holds:
 *
 * - The largest offset of an uneven page is 127; the update that would make it 128 normalises, or
 *   upgrades.
 * - A version leads if it equals the page's leading version, so leading needs no order on the ring
 *   of 2^27.
 * - An update whose coin falls on reset is not added to the old version: the page waits for its
 *   commit with all versions as they were, and each of its lines, the updated one too, gets the new
 *   base.
 * - An empty page is one that the coin always resets.
 */
import { Arena } from "./arena.ts";
import type { BlockKind, Relocate } from "./arena.ts";
import { REFUSED } from "./errors.ts";
import type { Refusal } from "./errors.ts";
import {
  baseOf,
  entryAt,
  extremes,
  half,
  halfAt,
  head,
  headOf,
  maximumOf,
  minimumOf,
  PENDING,
  pointerOf,
  setEmpty,
  setExtremes,
  setFlat,
  setHalf,
  setHead,
  setPointer,
  TYPE,
  TYPE_MASK,
  upperOf,
  withBase,
} from "./formats/entry.ts";
import { setVersion, versionOf } from "./formats/full.ts";
import {
  ENTRY_BYTES,
  FULL_BYTES,
  LINE_BITS,
  LINE_MASK,
  LINES_PER_PAGE,
  STEALTH_MASK,
  UNEVEN_BYTES,
} from "./formats/geometry.ts";
import {
  leastOffset,
  lowerOffsets,
  MAX_OFFSET,
  offsetOf,
  raiseOffset,
  setOffset,
} from "./formats/uneven.ts";
import { RandomWords } from "./random.ts";
import type { RandomSource } from "./random.ts";
import { Touch, TOUCHED } from "./touch.ts";
import { EMPTY_FLAG, PENDING_FLAG, RESET_FLAG } from "./version-device.ts";
import type { Capacity, Statistics } from "./version-device.ts";

/** A leading increment resets its page with probability 2^-20 (Toleo, section 4.2). */
export const RESET_BITS = 20;

export interface TripOptions {
  readonly capacity: Capacity;
  /** Where bases and coins come from; by default the platform's cryptographic generator. */
  readonly random?: RandomSource | undefined;
  /**
   * Minus the logarithm of the coin's probability, 0 to 20: fewer bits make more resets, for tests
   * and simulators.
   */
  readonly resetBits?: number | undefined;
}

const BLOCKS: readonly { readonly type: number; readonly kind: BlockKind }[] = [
  { type: TYPE.uneven, kind: "uneven" },
  { type: TYPE.full, kind: "full" },
];

/** Tails: nothing happens. A refusal is negative, and everything else a result. */
const TAILS = 0;

/**
 * The methods are those of `VersionDevice`, but synchronous: each returns how many items it has
 * done, and leaves why it stopped in `refusal`. Arguments are the caller's to check.
 */
export class TripDevice {
  readonly capacity: Capacity;
  readonly #entries: DataView;
  readonly #arena: Arena;
  readonly #random: RandomWords;
  readonly #coinMask: number;
  /** Bases to come, of pages with data; an empty page keeps its own in its entry. */
  readonly #bases = new Map<number, number>();
  #emptyPending = 0;
  #empty: number;
  #refusal: Refusal | 0 = 0;
  #stopped = false;
  readonly #touch: Touch;
  readonly #events = { toUneven: 0, toFull: 0, normalised: 0, coinResets: 0 };

  constructor({ capacity, random, resetBits = RESET_BITS }: TripOptions) {
    this.capacity = capacity;
    this.#entries = new DataView(new ArrayBuffer(capacity.pages * ENTRY_BYTES));
    this.#arena = new Arena(capacity.dynamicBytes);
    this.#random = new RandomWords(random);
    this.#coinMask = 2 ** resetBits - 1;
    this.#empty = capacity.pages;
    this.#touch = new Touch(this.#entries, this.#arena.memory);
  }

  /**
   * Why the last call stopped before the end of its batch; 0 where it did not, or stopped for a
   * reset.
   */
  get refusal(): Refusal | 0 {
    return this.#refusal;
  }

  /** Cost: O(1) a line. */
  read(lines: Uint32Array, versions: Uint32Array): number {
    return this.#each(lines, versions, (line) => this.#readLine(line));
  }

  /** Cost: O(1) a line; an upgrade or a normalisation touches the 64 lines of a page. */
  update(lines: Uint32Array, versions: Uint32Array): number {
    this.#refusal = 0;
    for (let from = 0; from < lines.length; from += TOUCHED) {
      const to = Math.min(from + TOUCHED, lines.length);
      this.#touch.before(lines, from, to);
      const done = this.#updateSome(lines, versions, from, to);
      if (done < to || this.#stopped) return done;
    }
    return lines.length;
  }

  /**
   * The inner loop: a flat page's update is written out, because a call for each would double its
   * time.
   */
  #updateSome(lines: Uint32Array, versions: Uint32Array, from: number, to: number): number {
    const entries = this.#entries;
    const { pages } = this.capacity;
    this.#stopped = false;
    for (let item = from; item < to; item++) {
      const number = lines[item] ?? 0;
      const page = number >>> LINE_BITS;
      if (page >= pages) return this.#refuse(-REFUSED.noSuchPage, item);
      const at = entryAt(page);
      const word = head(entries, at);
      const line = number & LINE_MASK;
      if ((word & (TYPE_MASK | PENDING)) === TYPE.flat) {
        const here = halfAt(at, line);
        const bits = half(entries, here);
        const others = half(entries, halfAt(at, line ^ 32));
        const mask = 1 << (line & 31);
        if ((bits & mask) === 0 && (bits | others) !== 0) {
          const version = (baseOf(word) + 1) & STEALTH_MASK;
          if (((bits | mask) & others) === -1) setFlat(entries, at, version);
          else setHalf(entries, here, bits | mask);
          versions[item] = version;
          continue;
        }
      }
      const result = this.#updateLine(page, at, word, line);
      // One comparison for both ways out: a refusal is negative.
      if (result >>> 0 >= RESET_FLAG) {
        if (result < 0) return this.#refuse(result, item);
        versions[item] = result;
        this.#stopped = true;
        return item + 1;
      }
      versions[item] = result;
    }
    return to;
  }

  /** Cost: O(1) a page. */
  reset(pages: Uint32Array, bases: Uint32Array): number {
    return this.#each(pages, bases, (page) => this.#resetPage(page));
  }

  /** Cost: O(1) a page. */
  commit(pages: Uint32Array): number {
    return this.#each(pages, null, (page) => this.#commitPage(page));
  }

  /** Cost: O(1) a page. */
  free(pages: Uint32Array, uppers: Float64Array): number {
    return this.#each(pages, null, (page, item) => this.#freePage(page, uppers[item] ?? 0));
  }

  /** Cost: O(1) a page. */
  uppers(pages: Uint32Array, uppers: Float64Array): number {
    return this.#each(pages, uppers, (page) => {
      if (page >= this.capacity.pages) return -REFUSED.noSuchPage;
      const at = entryAt(page);
      const isEmpty = (head(this.#entries, at) & TYPE_MASK) === TYPE.empty;
      return isEmpty ? upperOf(this.#entries, at) : -REFUSED.notEmpty;
    });
  }

  statistics(): Statistics {
    const [uneven, full] = [this.#arena.live("uneven"), this.#arena.live("full")];
    const { pages } = this.capacity;
    return {
      pages: { empty: this.#empty, flat: pages - this.#empty - uneven - full, uneven, full },
      bytes: {
        entries: pages * ENTRY_BYTES,
        uneven: uneven * UNEVEN_BYTES,
        full: full * FULL_BYTES,
        dynamicFree: this.#arena.freeBytes,
      },
      pendingResets: this.#bases.size + this.#emptyPending,
      events: { ...this.#events },
    };
  }

  /**
   * The bytes themselves, for tests of their layout.
   *
   * @internal
   */
  get memory(): { readonly entries: DataView; readonly arena: Arena } {
    return { entries: this.#entries, arena: this.#arena };
  }

  /** Overwrites all that the device knows. */
  wipe(): void {
    new Uint8Array(this.#entries.buffer).fill(0);
    this.#arena.wipe();
    this.#random.wipe();
    this.#bases.clear();
  }

  #each(
    items: Uint32Array,
    results: Uint32Array | Float64Array | null,
    one: (item: number, index: number) => number,
  ): number {
    this.#refusal = 0;
    let done = 0;
    for (const item of items) {
      const result = one(item, done);
      if (result < 0) return this.#refuse(result, done);
      if (results !== null) results[done] = result;
      done++;
    }
    return done;
  }

  #refuse(result: number, done: number): number {
    this.#refusal = -result as Refusal;
    return done;
  }

  #readLine(number: number): number {
    const page = number >>> LINE_BITS;
    if (page >= this.capacity.pages) return -REFUSED.noSuchPage;
    const at = entryAt(page);
    const word = head(this.#entries, at);
    const type = word & TYPE_MASK;
    if (type === TYPE.empty) return EMPTY_FLAG;
    const flag = (word & PENDING) === 0 ? 0 : PENDING_FLAG;
    return this.#version(at, word, number & LINE_MASK) | flag;
  }

  #version(at: number, word: number, line: number): number {
    const entries = this.#entries;
    const type = word & TYPE_MASK;
    if (type === TYPE.flat) {
      const bit = (half(entries, halfAt(at, line)) >>> (line & 31)) & 1;
      return (baseOf(word) + bit) & STEALTH_MASK;
    }
    const block = pointerOf(entries, at);
    if (type === TYPE.full) return versionOf(this.#arena.memory, block, line);
    return (baseOf(word) + offsetOf(this.#arena.memory, block, line)) & STEALTH_MASK;
  }

  #updateLine(page: number, at: number, word: number, line: number): number {
    switch (word & (TYPE_MASK | PENDING)) {
      case TYPE.flat:
        return this.#updateFlat(page, at, word, line);
      case TYPE.uneven:
        return this.#updateUneven(page, at, word, line);
      case TYPE.full:
        return this.#updateFull(page, at, word, line);
      case TYPE.empty:
        return this.#begin(page, at, word) | RESET_FLAG;
      default:
        return -REFUSED.pending;
    }
  }

  /**
   * A flat page whose update the inner loop left: the line is the first since the base moved, or
   * for the second time.
   */
  #updateFlat(page: number, at: number, word: number, line: number): number {
    const entries = this.#entries;
    const here = halfAt(at, line);
    const mask = 1 << (line & 31);
    if ((half(entries, here) & mask) !== 0) return this.#upgradeToUneven(page, at, word, line);
    const coin = this.#toss(page, at, word);
    if (coin !== TAILS) return coin;
    setHalf(entries, here, mask);
    return (baseOf(word) + 1) & STEALTH_MASK;
  }

  /** The line's bit is set already, so it leads; its offset becomes 2. */
  #upgradeToUneven(page: number, at: number, word: number, line: number): number {
    const coin = this.#toss(page, at, word);
    if (coin !== TAILS) return coin;
    if (!this.#makeRoom("uneven")) return -REFUSED.full;
    const { memory } = this.#arena;
    const entries = this.#entries;
    const block = this.#arena.take("uneven");
    for (let other = 0; other < LINES_PER_PAGE; other++) {
      const bit = (half(entries, halfAt(at, other)) >>> (other & 31)) & 1;
      setOffset(memory, block, other, bit);
    }
    setOffset(memory, block, line, 2);
    setHead(entries, at, headOf(TYPE.uneven, baseOf(word)));
    setPointer(entries, at, block);
    // A flat page has a line without its bit, or all 64 would have become the base.
    setExtremes(entries, at, 0, 2);
    this.#events.toUneven++;
    return (baseOf(word) + 2) & STEALTH_MASK;
  }

  #updateUneven(page: number, at: number, word: number, line: number): number {
    const { memory } = this.#arena;
    const entries = this.#entries;
    const block = pointerOf(entries, at);
    const offset = offsetOf(memory, block, line);
    const span = extremes(entries, at);
    const [least, most] = [minimumOf(span), maximumOf(span)];
    if (offset === MAX_OFFSET && least > 0) {
      this.#normalise(at, word);
      return this.#updateUneven(page, at, head(entries, at), line);
    }
    if (offset === most) {
      const coin = this.#toss(page, at, word);
      if (coin !== TAILS) return coin;
      if (offset === MAX_OFFSET) return this.#upgradeToFull(at, word, line);
    }
    raiseOffset(memory, block, line);
    const minimum = offset === least ? leastOffset(memory, block, line, least) : least;
    if (offset === most) setExtremes(entries, at, minimum, offset + 1);
    else if (minimum !== least) setExtremes(entries, at, minimum, most);
    return (baseOf(word) + offset + 1) & STEALTH_MASK;
  }

  /** Moves MIN from the offsets into the base: no version changes. */
  #normalise(at: number, word: number): void {
    const entries = this.#entries;
    const span = extremes(entries, at);
    const minimum = minimumOf(span);
    lowerOffsets(this.#arena.memory, pointerOf(entries, at), minimum);
    setHead(entries, at, withBase(word, baseOf(word) + minimum));
    setExtremes(entries, at, 0, maximumOf(span) - minimum);
    this.#events.normalised++;
  }

  /** The line's offset is the largest there is, so it leads, and the new base is its version. */
  #upgradeToFull(at: number, word: number, line: number): number {
    if (!this.#makeRoom("full")) return -REFUSED.full;
    const { memory } = this.#arena;
    const entries = this.#entries;
    // Making room may have moved the block.
    const old = pointerOf(entries, at);
    const block = this.#arena.take("full");
    for (let other = 0; other < LINES_PER_PAGE; other++) {
      const version = baseOf(word) + offsetOf(memory, old, other);
      setVersion(memory, block, other, version & STEALTH_MASK);
    }
    const version = (baseOf(word) + MAX_OFFSET + 1) & STEALTH_MASK;
    setVersion(memory, block, line, version);
    this.#arena.give("uneven", old);
    setHead(entries, at, headOf(TYPE.full, version));
    setHalf(entries, at + 8, 0);
    setPointer(entries, at, block);
    this.#events.toFull++;
    return version;
  }

  #updateFull(page: number, at: number, word: number, line: number): number {
    const { memory } = this.#arena;
    const block = pointerOf(this.#entries, at);
    const old = versionOf(memory, block, line);
    const version = (old + 1) & STEALTH_MASK;
    if (old === baseOf(word)) {
      const coin = this.#toss(page, at, word);
      if (coin !== TAILS) return coin;
      setHead(this.#entries, at, headOf(TYPE.full, version));
    }
    setVersion(memory, block, line, version);
    return version;
  }

  /** For a leading increment: `TAILS`, a reset with its base, or a refusal. */
  #toss(page: number, at: number, word: number): number {
    // Refused before the coin is seen: a caller that tries again must not get another throw.
    if (this.#bases.size >= this.capacity.pendingResets) return -REFUSED.tooManyResets;
    if ((this.#random.next() & this.#coinMask) !== 0) return TAILS;
    this.#events.coinResets++;
    return this.#begin(page, at, word) | RESET_FLAG;
  }

  /** Draws the base to come. The versions stay until the commit. */
  #begin(page: number, at: number, word: number): number {
    const base = this.#random.next() & STEALTH_MASK;
    if ((word & TYPE_MASK) === TYPE.empty) {
      setHead(this.#entries, at, headOf(TYPE.empty, base) | PENDING);
      this.#emptyPending++;
    } else {
      setHead(this.#entries, at, word | PENDING);
      this.#bases.set(page, base);
    }
    return base;
  }

  #resetPage(page: number): number {
    if (page >= this.capacity.pages) return -REFUSED.noSuchPage;
    const at = entryAt(page);
    const word = head(this.#entries, at);
    if ((word & PENDING) !== 0) return this.#bases.get(page) ?? baseOf(word);
    const isEmpty = (word & TYPE_MASK) === TYPE.empty;
    if (!isEmpty && this.#bases.size >= this.capacity.pendingResets) {
      return -REFUSED.tooManyResets;
    }
    return this.#begin(page, at, word);
  }

  #commitPage(page: number): number {
    if (page >= this.capacity.pages) return -REFUSED.noSuchPage;
    const at = entryAt(page);
    const word = head(this.#entries, at);
    if ((word & PENDING) === 0) return -REFUSED.notPending;
    const base = this.#bases.get(page) ?? baseOf(word);
    this.#forget(page, at, word);
    setFlat(this.#entries, at, base);
    return 0;
  }

  #freePage(page: number, upper: number): number {
    if (page >= this.capacity.pages) return -REFUSED.noSuchPage;
    const at = entryAt(page);
    const word = head(this.#entries, at);
    if ((word & TYPE_MASK) === TYPE.empty) {
      // Something may have been sealed under the upper version of a page that waits for its commit.
      const least = upperOf(this.#entries, at) + ((word & PENDING) === 0 ? 0 : 1);
      if (upper < least) return -REFUSED.upperBack;
    }
    this.#forget(page, at, word);
    setEmpty(this.#entries, at, upper);
    this.#empty++;
    return 0;
  }

  /** Leaves the count as if the page were flat. */
  #forget(page: number, at: number, word: number): void {
    const type = word & TYPE_MASK;
    const isPending = (word & PENDING) !== 0;
    if (type === TYPE.empty) {
      this.#empty--;
      if (isPending) this.#emptyPending--;
    } else if (isPending) this.#bases.delete(page);
    const block = BLOCKS.find((row) => row.type === type);
    if (block !== undefined) this.#arena.give(block.kind, pointerOf(this.#entries, at));
  }

  /**
   * Whether there is room for a block, after closing the other list's gaps if need be; its own list
   * has none.
   */
  #makeRoom(kind: BlockKind): boolean {
    if (this.#arena.hasRoom(kind)) return true;
    if (!this.#arena.couldHaveRoom(kind)) return false;
    for (const { type, kind: other } of BLOCKS) {
      if (other === kind) continue;
      this.#arena.compact(other, (relocate) => this.#relocateBlocks(type, relocate));
    }
    return true;
  }

  /** Cost: one look at every entry. */
  #relocateBlocks(type: number, relocate: Relocate): void {
    for (let page = 0; page < this.capacity.pages; page++) {
      const at = entryAt(page);
      if ((head(this.#entries, at) & TYPE_MASK) !== type) continue;
      setPointer(this.#entries, at, relocate(pointerOf(this.#entries, at)));
    }
  }
}
