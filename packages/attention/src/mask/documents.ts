/**
 * Packed documents: which document each position of a sequence belongs to.
 *
 * Mask functions compare document ids; data loaders know lengths, or offsets (`cu_seqlens`). These
 * turn one into the other. Intervals decide blocks of a document mask quickly because neighbours
 * share an id.
 */
import { describe, rangeError, typeError } from "../errors.ts";

const MOST_POSITIONS = 2 ** 31 - 1;

function checkedIntegers(name: string, values: unknown): readonly number[] {
  const isList =
    Array.isArray(values) || (ArrayBuffer.isView(values) && !(values instanceof DataView));
  if (!isList) {
    const expected = "an array of integers, or an Int32Array";
    const remedy = `write [3, 2], or pass the Int32Array itself`;
    throw typeError({ name, expected, got: describe(values), remedy });
  }
  const list = Array.from(values as ArrayLike<unknown>);
  const wrong = list.findIndex(
    (value) =>
      typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > MOST_POSITIONS,
  );
  if (wrong < 0) return list as readonly number[];
  const error = typeof list[wrong] === "number" ? rangeError : typeError;
  const expected = `an integer from 0 to ${MOST_POSITIONS}`;
  const remedy = "count whole tokens";
  throw error({ name: `${name}[${wrong}]`, expected, got: describe(list[wrong]), remedy });
}

/**
 * Document ids from lengths: `[3, 2]` gives `[0, 0, 0, 1, 1]`. A length of 0 is a document without
 * positions.
 *
 * Unit: tokens. Cost: O(total).
 *
 * @throws TypeError   not a list of numbers
 * @throws RangeError  a length that is not an integer of at least 0, or no positions at all
 */
export function documentIdsFromLengths(lengths: ArrayLike<number>): Int32Array {
  const checked = checkedIntegers("lengths", lengths);
  const total = checked.reduce((sum, length) => sum + length, 0);
  if (total < 1 || total > MOST_POSITIONS) {
    const expected = `lengths that add up to 1 .. ${MOST_POSITIONS}`;
    const remedy = "give at least one document that has positions";
    throw rangeError({ name: "lengths", expected, got: String(total), remedy });
  }
  const ids = new Int32Array(total);
  let start = 0;
  for (const [document, length] of checked.entries()) {
    ids.fill(document, start, start + length);
    start += length;
  }
  return ids;
}

/**
 * Document ids from offsets: `[0, 3, 5]` gives `[0, 0, 0, 1, 1]`. Document i covers `offsets[i]` up
 * to `offsets[i + 1]`; the last offset is the length of the sequence (`cu_seqlens` elsewhere).
 *
 * Unit: tokens. Cost: O(total).
 *
 * @throws TypeError   not a list of numbers
 * @throws RangeError  offsets that do not begin at 0, that fall, or that hold no position
 */
export function documentIdsFromOffsets(offsets: ArrayLike<number>): Int32Array {
  const checked = checkedIntegers("offsets", offsets);
  if (checked[0] !== 0) {
    const remedy = "put the start of the first document in front";
    const got = checked.length === 0 ? "no offsets" : String(checked[0]);
    throw rangeError({ name: "offsets[0]", expected: "0", got, remedy });
  }
  const falls = checked.findIndex((offset, i) => i > 0 && offset < (checked[i - 1] ?? 0));
  if (falls > 0) {
    const expected = `at least ${checked[falls - 1]}, the offset before it`;
    const remedy = "pass running totals, or call documentIdsFromLengths with lengths";
    throw rangeError({ name: `offsets[${falls}]`, expected, got: String(checked[falls]), remedy });
  }
  const lengths = checked.slice(1).map((offset, i) => offset - (checked[i] ?? 0));
  if (checked.at(-1) !== 0) return documentIdsFromLengths(lengths);
  const remedy = "end with the length of the sequence";
  throw rangeError({ name: "offsets", expected: "a last offset of at least 1", got: "0", remedy });
}
