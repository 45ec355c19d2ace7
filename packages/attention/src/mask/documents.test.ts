import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { documentIdsFromLengths, documentIdsFromOffsets } from "./documents.ts";

test("lengths and offsets of the same documents give the same ids", () => {
  const lengths = fc
    .array(fc.nat(20), { minLength: 1, maxLength: 30 })
    .filter((list) => list.some((n) => n > 0));
  const property = fc.property(lengths, (list) => {
    const offsets = [0];
    for (const length of list) offsets.push((offsets.at(-1) ?? 0) + length);
    const ids = documentIdsFromOffsets(offsets);
    expect(ids).toEqual(documentIdsFromLengths(list));
    expect(ids.length).toBe(offsets.at(-1));
    list.forEach((length, document) =>
      expect(ids.filter((id) => id === document).length).toBe(length),
    );
  });
  fc.assert(property);
});

test("typed arrays are lists too", () => {
  expect([...documentIdsFromLengths(Int32Array.of(3, 0, 2))]).toEqual([0, 0, 0, 2, 2]);
  expect([...documentIdsFromOffsets(Int32Array.of(0, 3, 5))]).toEqual([0, 0, 0, 1, 1]);
});

describe("refuses", () => {
  test.each<[string, readonly number[], string]>([
    ["a negative length", [3, -1], "lengths[1]: expected an integer from 0 to 2147483647, got -1"],
    ["half a token", [1.5], "lengths[0]: expected an integer"],
    ["NaN", [NaN], "lengths[0]: expected an integer"],
    ["no lengths", [], "lengths: expected lengths that add up to 1"],
    ["documents without a position", [0, 0], "lengths: expected lengths that add up to 1"],
    ["more positions than 32 bits", [2 ** 31 - 1, 1], "lengths: expected lengths that add up to 1"],
  ])("%s, as lengths", (_, lengths, message) => {
    expect(() => documentIdsFromLengths(lengths)).toThrow(RangeError);
    expect(() => documentIdsFromLengths(lengths)).toThrow(message);
  });

  test.each<[string, readonly number[], string]>([
    ["no offsets", [], "offsets[0]: expected 0, got no offsets; put the start"],
    ["a start after 0", [3, 5], "offsets[0]: expected 0, got 3"],
    [
      "offsets that fall",
      [0, 5, 4],
      "offsets[2]: expected at least 5, the offset before it, got 4",
    ],
    ["no end", [0], "offsets: expected a last offset of at least 1, got 0"],
  ])("%s, as offsets", (_, offsets, message) => {
    expect(() => documentIdsFromOffsets(offsets)).toThrow(RangeError);
    expect(() => documentIdsFromOffsets(offsets)).toThrow(message);
  });

  test("what is not a list of numbers", () => {
    expect(() => documentIdsFromLengths("12" as unknown as number[])).toThrow(TypeError);
    expect(() => documentIdsFromOffsets(["0"] as unknown as number[])).toThrow(
      'offsets[0]: expected an integer from 0 to 2147483647, got "0"',
    );
    expect(() => documentIdsFromOffsets(BigInt64Array.of(0n, 2n) as unknown as number[])).toThrow(
      TypeError,
    );
  });
});
