/**
 * Checks of what callers pass: one for each kind of argument, with the sentence that says what to
 * do instead.
 */
import { rangeError, typeError } from "../errors.ts";
import { isUpper, MAX_PAGES } from "../formats/geometry.ts";
import type { Capacity } from "../version-device.ts";

const kindOf = (value: unknown): string =>
  typeof value === "object" && value !== null ? value.constructor.name : typeof value;

type Kind = Uint32ArrayConstructor | Float64ArrayConstructor;

function checkArray(name: string, value: unknown, kind: Kind): void {
  if (value instanceof kind) return;
  const remedy = `write for example new ${kind.name}(n)`;
  throw typeError({ name, expected: `a ${kind.name}`, got: kindOf(value), remedy });
}

/** @throws TypeError  no `Uint32Array` */
export const checkItems = (name: string, items: Uint32Array): void =>
  checkArray(name, items, Uint32Array);

/**
 * @throws TypeError   another kind of array
 * @throws RangeError  an array that is too short for one result of each item
 */
export function checkResults(
  name: string,
  results: Uint32Array | Float64Array,
  kind: Kind,
  items: number,
): void {
  checkArray(name, results, kind);
  if (results.length >= items) return;
  const expected = `room for ${items} results`;
  const remedy = "give an array as long as the batch";
  throw rangeError({ name, expected, got: `a length of ${results.length}`, remedy });
}

/** @throws RangeError  one that is no upper version: the message says which, not what it is */
export function checkUppers(uppers: Float64Array): void {
  const wrong = uppers.findIndex((upper) => !isUpper(upper));
  if (wrong < 0) return;
  throw rangeError({
    name: `uppers[${wrong}]`,
    expected: "an integer from 0 to 2^37 - 1",
    got: "another number",
    remedy: "give the upper version that the page's next data will have",
  });
}

export interface CapacityOptions {
  /** Pages of 64 lines, 1 to 2^26. */
  readonly pages: number;
  /**
   * Bytes for uneven and full pages, 0 to 2^32; by default 15 for each page, the paper's
   * proportion.
   */
  readonly dynamicBytes?: number | undefined;
  /** Resets of pages with data that may await their commit, 1 to 2^20; by default 1024. */
  readonly pendingResets?: number | undefined;
}

/** Toleo, section 4.4: 93.4 GB beside an array of 74.6 GB. */
const DYNAMIC_BYTES_PER_PAGE = 15;

function checkInteger(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const expected = `an integer from ${least} to ${most}`;
  throw rangeError({ name, expected, got: String(value), remedy: "choose one between" });
}

/** @throws RangeError  a number that is no integer, or out of its range */
export function checkCapacity({
  pages,
  dynamicBytes = pages * DYNAMIC_BYTES_PER_PAGE,
  pendingResets = 1024,
}: CapacityOptions): Capacity {
  return {
    pages: checkInteger("pages", pages, 1, MAX_PAGES),
    dynamicBytes: checkInteger("dynamicBytes", dynamicBytes, 0, 2 ** 32),
    pendingResets: checkInteger("pendingResets", pendingResets, 1, 2 ** 20),
  };
}

/** @throws RangeError  not 0 to 20: rarer resets than the paper's would let versions repeat */
export const checkResetBits = (bits: number): number => checkInteger("resetBits", bits, 0, 20);
