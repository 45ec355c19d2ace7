/** Checks of the parameters of variants, when the variant is made and not when it first runs. */
import { describe, rangeError, typeError } from "../errors.ts";

/** Positions are 32-bit integers in every kernel. */
const MOST = 2 ** 31 - 1;

export interface Bounds {
  readonly least?: number;
  readonly most?: number;
  readonly remedy?: string;
}

/**
 * @throws TypeError   not a number
 * @throws RangeError  not an integer, or out of bounds
 */
export function checkInteger(name: string, value: unknown, bounds: Bounds = {}): void {
  const { least = 0, most = MOST, remedy = "round it, and keep it within these bounds" } = bounds;
  const expected = `an integer from ${least} to ${most}`;
  const mistake = { name, expected, got: describe(value), remedy };
  if (typeof value !== "number") throw typeError(mistake);
  if (!Number.isInteger(value) || value < least || value > most) throw rangeError(mistake);
}

/**
 * @throws TypeError   not a number
 * @throws RangeError  NaN or infinite
 */
export function checkFinite(
  name: string,
  value: unknown,
  remedy = "pass a number that is neither NaN nor infinite",
): void {
  const mistake = { name, expected: "a finite number", got: describe(value), remedy };
  if (typeof value !== "number") throw typeError(mistake);
  if (!Number.isFinite(value)) throw rangeError(mistake);
}

/** As `checkFinite`, and above 0. */
export function checkPositive(
  name: string,
  value: unknown,
  remedy = "pass a finite number above 0",
): void {
  checkFinite(name, value, remedy);
  if (Number(value) > 0) return;
  throw rangeError({ name, expected: "a number above 0", got: describe(value), remedy });
}

/** A list as plain numbers. @throws TypeError  not an array or typed array */
function listOf(name: string, values: unknown): readonly unknown[] {
  if (Array.isArray(values)) return values;
  if (ArrayBuffer.isView(values) && Symbol.iterator in values) return [...(values as Int32Array)];
  const expected = "an array or typed array of numbers";
  const remedy = "write [1, 2], or pass the typed array itself";
  throw typeError({ name, expected, got: describe(values), remedy });
}

/** The end of the message about an empty list. */
const nothing = { got: "none", remedy: "leave the variant out where there is nothing to say" };

/**
 * The integers of a list, copied.
 *
 * @throws TypeError   not a list, or an element that is not a number
 * @throws RangeError  an empty list, or an element out of bounds
 */
export function integersOf(name: string, values: unknown, bounds: Bounds = {}): Int32Array {
  const list = listOf(name, values);
  if (list.length === 0) throw rangeError({ name, expected: "at least one integer", ...nothing });
  for (const [at, value] of list.entries()) checkInteger(`${name}[${at}]`, value, bounds);
  return Int32Array.from(list as number[]);
}

/** As `integersOf`, for finite numbers in f32. */
export function floatsOf(name: string, values: unknown): Float32Array {
  const list = listOf(name, values);
  if (list.length === 0) throw rangeError({ name, expected: "at least one number", ...nothing });
  for (const [at, value] of list.entries()) checkFinite(`${name}[${at}]`, value);
  return Float32Array.from(list as number[]);
}
