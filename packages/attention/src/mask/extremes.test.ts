import fc from "fast-check";
import { expect, test } from "vitest";
import { Extremes } from "./extremes.ts";
import { floats, ints } from "./test-masks.ts";

test("a tensor rises exactly if none of its rows falls", () => {
  const row = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 3, maxLength: 3 });
  const property = fc.property(fc.array(row, { minLength: 1, maxLength: 3 }), (rows) => {
    const sorted = rows.map((each) => each.toSorted((a, b) => a - b));
    const rise = sorted.every((each, i) => each.join() === rows[i]?.join());
    expect(new Extremes(ints(rows.flat(), [rows.length, 3])).rises).toBe(rise);
    expect(new Extremes(ints(sorted.flat(), [rows.length, 3])).rises).toBe(true);
  });
  fc.assert(property, { numRuns: 300 });
});

test("floats may be NaN, which has no place in an order", () => {
  expect(new Extremes(floats([1, 2, 3])).rises).toBe(false);
});
