/** What a block mask is built for, checked. */
import type { CaptureValues, Expression } from "../ir/types.ts";
import { describe, rangeError, typeError } from "../errors.ts";

export interface BuildOptions {
  /** Of kind "mask". */
  readonly expression: Expression;
  readonly captures: CaptureValues;
  /** Batch elements and query heads that the mask function sees. */
  readonly B: number;
  readonly H: number;
  /** Lengths in tokens: queries and keys. */
  readonly M: number;
  readonly N: number;
  /** Queries and keys per block. */
  readonly blockQ: number;
  readonly blockKv: number;
  /** [B]: position of query row 0. */
  readonly queryOffset: Int32Array;
  /** [B], each 0..N: keys from there on do not exist. */
  readonly kvLength: Int32Array;
}

const LARGEST = 2 ** 31 - 1;

function checkCount(name: string, value: unknown): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= LARGEST)
    return;
  const error = typeof value === "number" ? rangeError : typeError;
  const expected = `an integer from 1 to ${LARGEST}`;
  const remedy = "pass the length of the tensor's axis, or a block size";
  throw error({ name, expected, got: describe(value), remedy });
}

function checkPerBatch(
  name: string,
  values: unknown,
  { B, least, most }: { readonly B: number; readonly least: number; readonly most: number },
): void {
  if (!(values instanceof Int32Array)) {
    const remedy = "write Int32Array.of(...) with one number per batch element";
    throw typeError({ name, expected: `an Int32Array of ${B}`, got: describe(values), remedy });
  }
  if (values.length !== B) {
    const remedy = "give one number per batch element";
    throw rangeError({ name, expected: `${B} numbers`, got: `${values.length}`, remedy });
  }
  const wrong = values.find((value) => value < least || value > most);
  if (wrong === undefined) return;
  const expected = `integers from ${least} to ${most}`;
  const remedy = "correct it, or the lengths that bound it";
  throw rangeError({ name, expected, got: String(wrong), remedy });
}

/**
 * @throws TypeError or RangeError with the name of the wrong option, what was expected, and what
 *                   came.
 */
export function checkBuildOptions(options: BuildOptions): void {
  const { expression, B, M, N, queryOffset, kvLength } = options;
  if (expression.kind !== "mask") {
    const remedy = "use maskMod for a function that returns a boolean";
    throw typeError({ name: "mask", expected: "a mask function", got: "a score function", remedy });
  }
  for (const name of ["B", "H", "M", "N", "blockQ", "blockKv"] as const) {
    checkCount(name, options[name]);
  }
  checkPerBatch("queryOffset", queryOffset, { B, least: -LARGEST, most: LARGEST - M });
  checkPerBatch("kvLength", kvLength, { B, least: 0, most: N });
}
