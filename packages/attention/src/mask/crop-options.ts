/** What to keep of a block mask, checked against what the mask was built for. */
import { describe, rangeError, typeError } from "../errors.ts";
import type { BlockMask } from "./block-mask.ts";
import { ownBatch } from "./walk.ts";

/** One integer for every batch element, or one each. */
export type PerBatch = number | readonly number[] | Int32Array;

export interface CropOptions {
  /** First query row to keep, counted from the mask's own row 0. Default 0. */
  readonly first?: PerBatch;
  /** Query rows to keep. Default: all from `first` on. */
  readonly M?: number;
  /** Key length of the tensors that the result is for. Default: the mask's. */
  readonly N?: number;
  /** Keys from here on do not exist. Default: the mask's, or N where that is less. */
  readonly kvLength?: PerBatch;
}

/** Checked options, one number per batch element of the result. */
export interface Crop {
  readonly B: number;
  readonly M: number;
  readonly N: number;
  readonly first: Int32Array;
  readonly kvLength: Int32Array;
}

interface Limits {
  readonly least: number;
  readonly most: number;
  readonly remedy: string;
}

function checkInteger(name: string, value: unknown, { least, most, remedy }: Limits): number {
  if (typeof value !== "number") {
    throw typeError({
      name,
      expected: "an integer",
      got: describe(value),
      remedy: "pass a number",
    });
  }
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  const expected = `an integer from ${least} to ${most}`;
  throw rangeError({ name, expected, got: String(value), remedy });
}

function batchOf(name: string, value: PerBatch, maskB: number): number {
  if (typeof value === "number") return 1;
  if (!Array.isArray(value) && !(value instanceof Int32Array)) {
    const expected = "an integer, or one per batch element";
    const remedy = "write one number for all, or an array or Int32Array with one each";
    throw typeError({ name, expected, got: describe(value), remedy });
  }
  if (value.length > 0 && (maskB === 1 || value.length === maskB)) return value.length;
  const expected = maskB === 1 ? "at least one integer" : `one integer, or ${maskB} of them`;
  const remedy = "give one per batch element, or one number for all";
  throw rangeError({ name, expected, got: `${value.length}`, remedy });
}

const at = (value: PerBatch, b: number): unknown => (typeof value === "number" ? value : value[b]);

/**
 * @throws TypeError or RangeError with the name of the wrong option, what was expected, and what
 *                   came.
 */
export function checkedCrop(mask: BlockMask, options: CropOptions): Crop {
  const rebuild = "build the mask for the lengths that are needed";
  const first = options.first ?? 0;
  const N = checkInteger("N", options.N ?? mask.N, { least: 1, most: mask.N, remedy: rebuild });
  const lengths = options.kvLength ?? mask.kvLength.map((keys) => Math.min(keys, N));
  const counts = [mask.B, batchOf("first", first, mask.B), batchOf("kvLength", lengths, mask.B)];
  const B = Math.max(...counts);
  if (counts.some((count) => count !== 1 && count !== B)) {
    const got = `${counts[1]} and ${counts[2]}`;
    const remedy = "give both one per batch element, or one number for all";
    throw rangeError({
      name: "first and kvLength",
      expected: "equally many integers",
      got,
      remedy,
    });
  }
  const each = <T>(make: (b: number) => T): T[] => Array.from({ length: B }, (_, b) => make(b));
  const firsts = each((b) =>
    checkInteger("first", at(first, b), { least: 0, most: mask.M - 1, remedy: rebuild }),
  );
  const most = mask.M - Math.max(...firsts);
  const M = checkInteger("M", options.M ?? most, { least: 1, most, remedy: rebuild });
  const kvLength = each((b) => {
    const known = Math.min(N, mask.kvLength[ownBatch(mask, b)] ?? 0);
    return checkInteger("kvLength", at(lengths, b), { least: 0, most: known, remedy: rebuild });
  });
  return { B, M, N, first: Int32Array.from(firsts), kvLength: Int32Array.from(kvLength) };
}
