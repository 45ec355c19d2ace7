import fc from "fast-check";
import { expect, test } from "vitest";
import { ALWAYS, compileIntervals, MAYBE, NEVER } from "../ir/intervals.ts";
import { BoxList } from "./box-list.ts";
import { IntervalBatch } from "./interval-batch.ts";
import { graphCases } from "../ir/testing-graphs.ts";
import { randomMask } from "./test-random-mask.ts";
import { ints, testMask } from "./test-masks.ts";

/** Small numbers meet each other's ends; those near 2^31 leave 32 bits. */
const range = fc
  .tuple(fc.constantFrom(0, -4, 0, 4990, 2 ** 31 - 40, -(2 ** 31) + 2), fc.nat(9), fc.nat(6))
  .map(([from, start, length]) => [from + start, from + start + length] as const);

test("a batch of boxes gets the verdicts that the boxes get one by one", () => {
  const boxes = fc.array(fc.tuple(range, range), { minLength: 1, maxLength: 300 });
  const head = fc.tuple(fc.nat(2), fc.nat(2));
  const property = fc.property(
    fc.oneof(randomMask({ withFloats: true }), graphCases({ kind: "mask" })),
    boxes,
    head,
    (mask, ranges, [b, h]) => {
      const one = compileIntervals(mask.expression.root, mask.captures);
      const many = new IntervalBatch(mask.expression.root, mask.captures);
      const list = new BoxList();
      for (const [[q0, q1], [kv0, kv1]] of ranges) list.push(q0, q1, kv0, kv1);
      many.setHead(b, h);
      many.decide(list);
      const expected = ranges.map(([[qLo, qHi], [kvLo, kvHi]]) =>
        one.verdict({ bLo: b, bHi: b, hLo: h, hHi: h, qLo, qHi, kvLo, kvHi }),
      );
      expect([...list.verdict.subarray(0, list.length)]).toEqual(expected);
    },
  );
  fc.assert(property, { numRuns: 400 });
});

test("a load sees every range of its index, whatever the box before it saw", () => {
  const values = ints([4, -2, 7, 7, 0, 9]);
  const ranges = Array.from({ length: 36 }, (_, i) => [i % 6, Math.floor(i / 6)] as const);
  const list = new BoxList();
  const boxes = ranges.filter(([lo, hi]) => lo <= hi);
  for (const [lo, hi] of boxes) list.push(lo, hi, 0, 0);
  const { expression, captures } = testMask(
    (ir) => ir.make("le", ir.load("values", "i32", [ir.index("q")]), ir.constant("i32", 4)),
    { values },
  );
  new IntervalBatch(expression.root, captures).decide(list);
  const expected = boxes.map(([lo, hi]) => {
    const kept = values.data.slice(lo, hi + 1).map((value) => (value <= 4 ? 1 : 0));
    return kept.includes(0) ? (kept.includes(1) ? MAYBE : NEVER) : ALWAYS;
  });
  expect([...list.verdict.subarray(0, list.length)]).toEqual(expected);
});

test("a square is never negative, and a sum that leaves 32 bits may be anything", () => {
  const isNegative = (op: "add" | "mul", axis: "q" | "kv") =>
    testMask((ir) =>
      ir.make("lt", ir.make(op, ir.index(axis), ir.index(axis)), ir.constant("i32", 0)),
    );
  const list = new BoxList();
  list.push(-3, 2, 2 ** 30 - 1, 2 ** 30);
  for (const [mask, verdict] of [
    [isNegative("mul", "q"), NEVER],
    [isNegative("add", "kv"), MAYBE],
  ] as const) {
    new IntervalBatch(mask.expression.root, mask.captures).decide(list);
    expect(list.verdict[0]).toBe(verdict);
  }
});
