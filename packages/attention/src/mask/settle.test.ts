import fc from "fast-check";
import { expect, test } from "vitest";
import { ALWAYS, MAYBE, NEVER } from "../ir/intervals.ts";
import { BoxList } from "./box-list.ts";
import type { Decider } from "./decide.ts";
import { createSettler } from "./settle.ts";

type Attends = (q: number, kv: number) => boolean;

/**
 * Intervals that decide boxes of up to `size` elements, but not every third, and call all others
 * undecided.
 */
function deciderOf(attends: Attends, size: number): Decider {
  const verdictOf = (q0: number, q1: number, kv0: number, kv1: number): number => {
    const isBlind = size < Infinity && (q0 + kv1) % 3 === 0;
    if (isBlind || (q1 - q0 + 1) * (kv1 - kv0 + 1) > size) return MAYBE;
    const values = new Set<boolean>();
    for (let q = q0; q <= q1; q++) for (let kv = kv0; kv <= kv1; kv++) values.add(attends(q, kv));
    return values.size === 2 ? MAYBE : values.has(true) ? ALWAYS : NEVER;
  };
  return {
    attends,
    decide: (boxes) => {
      for (let at = 0; at < boxes.length; at++) {
        const [q0 = 0, q1 = 0] = [boxes.q0[at], boxes.q1[at]];
        boxes.verdict[at] = verdictOf(q0, q1, boxes.kv0[at] ?? 0, boxes.kv1[at] ?? 0);
      }
    },
  };
}

const rectangle = fc.tuple(fc.nat(30), fc.nat(30), fc.nat(12), fc.nat(12));

test("a box is a mixture exactly if both values occur in it, however little its intervals know", () => {
  const boxes = fc.array(rectangle, { minLength: 1, maxLength: 20 });
  const size = fc.constantFrom(0, 1, 20, 10_000);
  const property = fc.property(rectangle, boxes, size, ([top, left, h, w], rectangles, most) => {
    const inside: Attends = (q, kv) => q >= top && q <= top + h && kv >= left && kv <= left + w;
    const list = new BoxList();
    for (const [q, kv, height, width] of rectangles) list.push(q, q + height, kv, kv + width);
    deciderOf(inside, Infinity).decide(list);
    const exact = list.verdict.slice(0, list.length);
    const decider = deciderOf(inside, most);
    decider.decide(list);
    createSettler(decider)(list);
    expect(list.verdict.slice(0, list.length)).toEqual(exact);
  });
  fc.assert(property);
});
