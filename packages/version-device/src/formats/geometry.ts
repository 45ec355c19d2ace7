/**
 * The sizes that everything else is made of (Toleo, arXiv 2410.12749, sections 4.2 and 4.3).
 *
 * A page is 64 lines; what a line measures is the host's affair. A line's full version has 64 bits:
 * the upper 37 lie beside the data, where nobody is trusted, and the lower 27, the stealth version,
 * only here.
 */

export const LINES_PER_PAGE = 64;

/** Of a line number: its page is `line >>> LINE_BITS`, its place in the page `line & LINE_MASK`. */
export const LINE_BITS = 6;
export const LINE_MASK: number = LINES_PER_PAGE - 1;

/** Line numbers are 32-bit, so that batches are plain `Uint32Array`s. */
export const MAX_PAGES: number = 2 ** (32 - LINE_BITS);

export const STEALTH_BITS = 27;

/** Stealth versions are added modulo 2^27; every sum is cut with this. */
export const STEALTH_MASK: number = 2 ** STEALTH_BITS - 1;

/** Upper versions are integers below this: 37 bits, which a double holds exactly. */
export const UPPER_LIMIT: number = 2 ** 37;

export const isUpper = (upper: number): boolean =>
  Number.isInteger(upper) && upper >= 0 && upper < UPPER_LIMIT;

/**
 * Bytes of trusted memory: one entry for every page, and one block more for an uneven or a full
 * page.
 */
export const ENTRY_BYTES = 12;
export const UNEVEN_BYTES = 56;
export const FULL_BYTES = 216;
