import fc from "fast-check";
import { expect, test } from "vitest";
import { compileIntervals } from "../ir/intervals.ts";
import { BoxList } from "./box-list.ts";
import { IntervalBatch } from "./interval-batch.ts";
import { randomMask } from "./random-mask.ts";

const range = fc
  .tuple(fc.integer({ min: -50, max: 5000 }), fc.nat(300))
  .map(([start, length]) => [start, start + length] as const);

test("a batch of boxes gets the verdicts that the boxes get one by one", () => {
  const boxes = fc.array(fc.tuple(range, range), { minLength: 1, maxLength: 300 });
  const head = fc.tuple(fc.nat(3), fc.nat(3));
  const property = fc.property(
    randomMask({ withFloats: true }),
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
  fc.assert(property, { numRuns: 300 });
});
