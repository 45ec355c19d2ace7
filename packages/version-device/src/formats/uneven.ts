/**
 * The 56-byte block of an uneven page: 64 offsets of 7 bits, line 0 in the lowest bits; a line's
 * version is base + offset (Toleo, section 4.3).
 */
import { LINE_MASK, LINES_PER_PAGE } from "./geometry.ts";

const OFFSET_BITS = 7;

/** The largest offset, and so the largest stride between the lines of an uneven page. */
export const MAX_OFFSET: number = 2 ** OFFSET_BITS - 1;

/** A 16-bit window that starts here holds the last line, and ends with the block. */
const LAST_WINDOW = 54;

const windowOf = (line: number): number => Math.min((line * OFFSET_BITS) >>> 3, LAST_WINDOW);

export function offsetOf(view: DataView, block: number, line: number): number {
  const window = windowOf(line);
  const shift = line * OFFSET_BITS - window * 8;
  return (view.getUint16(block + window, true) >>> shift) & MAX_OFFSET;
}

export function setOffset(view: DataView, block: number, line: number, offset: number): void {
  const window = windowOf(line);
  const shift = line * OFFSET_BITS - window * 8;
  const others = view.getUint16(block + window, true) & ~(MAX_OFFSET << shift);
  view.setUint16(block + window, others | (offset << shift), true);
}

/** Adds one to an offset below the largest. */
export function raiseOffset(view: DataView, block: number, line: number): void {
  const window = windowOf(line);
  const shift = line * OFFSET_BITS - window * 8;
  view.setUint16(block + window, view.getUint16(block + window, true) + (1 << shift), true);
}

/**
 * The least offset, when no offset is below `bound`. Looks at `line` last: a sweep finds its answer
 * in the line after, random writes in a few lines.
 */
export function leastOffset(view: DataView, block: number, line: number, bound: number): number {
  let least = MAX_OFFSET;
  for (let step = 1; step <= LINES_PER_PAGE; step++) {
    const offset = offsetOf(view, block, (line + step) & LINE_MASK);
    if (offset === bound) return bound;
    if (offset < least) least = offset;
  }
  return least;
}

/** Takes `amount` from every offset: normalisation, when `amount` is the least of them. */
export function lowerOffsets(view: DataView, block: number, amount: number): void {
  for (let line = 0; line < LINES_PER_PAGE; line++) {
    setOffset(view, block, line, offsetOf(view, block, line) - amount);
  }
}
