/**
 * The 12-byte entry that every page has (Toleo, section 4.3, figure 3).
 *
 * ```text
 * word 0   bits 0-1 type | bits 2-28 base, 27 bits | bit 29 a reset is pending | bits 30-31 zero
 * words 1-2, the 64-bit field:
 *   empty         the page's upper version, 37 bits
 *   flat          one bit per line: its version is base + bit
 *   uneven, full  bits 0-47 pointer to the block | 48-49 zero | 50-56 MIN | 57-63 MAX
 * ```
 *
 * The paper's 93 bits are all here; the pending mark takes one of the three that 12 bytes leave
 * over. MIN and MAX are of an uneven page's offsets; a full page has them zero, and its base is the
 * leading version. The base of an empty page is zero, or where a reset is pending the
 * version to come.
 */
import { ENTRY_BYTES, STEALTH_MASK } from "./geometry.ts";

/**
 * Type codes. The paper has three formats; the fourth code is a page without data. It is zero, so
 * that fresh memory is a device of empty pages.
 */
export const TYPE = { empty: 0, flat: 1, uneven: 2, full: 3 } as const;

export type Type = (typeof TYPE)[keyof typeof TYPE];

export const TYPE_MASK = 3;
export const PENDING: number = 1 << 29;

const BASE_SHIFT = 2;
const BASE_FIELD: number = STEALTH_MASK << BASE_SHIFT;
const MAX_SHIFT = 25;
const MIN_SHIFT = 18;
const OFFSET_MASK = 0x7f;
const WORD = 2 ** 32;

/** Where a page's entry starts. */
export const entryAt = (page: number): number => page * ENTRY_BYTES;

export const head = (view: DataView, at: number): number => view.getUint32(at, true);

export const setHead = (view: DataView, at: number, word: number): void =>
  view.setUint32(at, word, true);

export const headOf = (type: Type, base: number): number => type | (base << BASE_SHIFT);

export const baseOf = (word: number): number => (word >>> BASE_SHIFT) & STEALTH_MASK;

export const withBase = (word: number, base: number): number =>
  (word & ~BASE_FIELD) | ((base & STEALTH_MASK) << BASE_SHIFT);

/** A flat page's bits come as two halves; lines 0 to 31 are in the first. */
export const halfAt = (at: number, line: number): number => at + 4 + ((line >>> 5) << 2);

export const half = (view: DataView, at: number): number => view.getInt32(at, true);

export const setHalf = (view: DataView, at: number, bits: number): void =>
  view.setInt32(at, bits, true);

/** The entry of a flat page in which every line has version `base`. */
export function setFlat(view: DataView, at: number, base: number): void {
  setHead(view, at, headOf(TYPE.flat, base));
  setHalf(view, at + 4, 0);
  setHalf(view, at + 8, 0);
}

/** The entry of an empty page, whose next data will be sealed under `upper`. */
export function setEmpty(view: DataView, at: number, upper: number): void {
  setHead(view, at, TYPE.empty);
  setHalf(view, at + 4, upper % WORD);
  setHalf(view, at + 8, Math.floor(upper / WORD));
}

/** Of an empty page's entry. */
export const upperOf = (view: DataView, at: number): number =>
  view.getUint32(at + 4, true) + view.getUint32(at + 8, true) * WORD;

/**
 * Offset in the arena of an uneven or full page's block, in bytes. The arena has at most 2^32, so
 * the upper 16 of the pointer's 48 bits are zero.
 */
export const pointerOf = (view: DataView, at: number): number => view.getUint32(at + 4, true);

/** Changes the pointer and nothing else. */
export const setPointer = (view: DataView, at: number, pointer: number): void =>
  view.setUint32(at + 4, pointer, true);

/** The word that holds MIN and MAX. */
export const extremes = (view: DataView, at: number): number => view.getUint32(at + 8, true);

export const maximumOf = (word: number): number => word >>> MAX_SHIFT;

export const minimumOf = (word: number): number => (word >>> MIN_SHIFT) & OFFSET_MASK;

export const setExtremes = (view: DataView, at: number, minimum: number, maximum: number): void =>
  setHalf(view, at + 8, (minimum << MIN_SHIFT) | (maximum << MAX_SHIFT));
