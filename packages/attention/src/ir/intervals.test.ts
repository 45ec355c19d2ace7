import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileElement } from "./evaluate.ts";
import { ALWAYS, NEVER, compileIntervals } from "./intervals.ts";
import type { Box } from "./intervals.ts";
import { graphCases } from "./testing-graphs.ts";
import type { Axis, Position } from "./types.ts";

const runs = process.env["VIGIL_TEST"] === "full" ? 50_000 : 1_000;

interface Placed {
  readonly box: Box;
  readonly points: readonly Position[];
}

interface Range {
  readonly lo: number;
  readonly hi: number;
}

/** A range with its ends and some points between. */
const range = (most: number): fc.Arbitrary<Range> =>
  fc
    .tuple(fc.nat(most), fc.oneof(fc.constant(0), fc.nat(16), fc.nat(200)))
    .map(([lo, length]) => ({ lo, hi: lo + length }));

const longRange = fc.oneof(range(64), range(300), range(2 ** 25));

const within = ({ lo, hi }: Range): fc.Arbitrary<number> =>
  fc.oneof(fc.constant(lo), fc.constant(hi), fc.integer({ min: lo, max: hi }));

/** A box and positions inside it. */
const placed: fc.Arbitrary<Placed> = fc
  .record<Record<Axis, Range>>({ b: range(3), h: range(3), q: longRange, kv: longRange })
  .chain(({ b, h, q, kv }) => {
    const point = fc.record({ b: within(b), h: within(h), q: within(q), kv: within(kv) });
    const box: Box = {
      bLo: b.lo,
      bHi: b.hi,
      hLo: h.lo,
      hHi: h.hi,
      qLo: q.lo,
      qHi: q.hi,
      kvLo: kv.lo,
      kvHi: kv.hi,
    };
    return fc.record({
      box: fc.constant(box),
      points: fc.array(point, { minLength: 12, maxLength: 12 }),
    });
  });

describe("soundness", () => {
  test("a mask is false wherever the verdict of the box is NEVER, and true wherever it is ALWAYS", () => {
    const check = fc.property(graphCases({ kind: "mask" }), placed, (graph, { box, points }) => {
      const { root } = graph.expression;
      const verdict = compileIntervals(root, graph.captures).verdict(box);
      const element = compileElement(root, graph.captures);
      const attends = points.map(({ b, h, q, kv }) => element(b, h, q, kv, 0));
      if (verdict === NEVER) expect(attends).not.toContain(true);
      if (verdict === ALWAYS) expect(attends).not.toContain(false);
    });
    fc.assert(check, { numRuns: runs });
  });

  test("every value of a score lies in the interval of its box", () => {
    const scores = fc.oneof(fc.float(), fc.float({ min: -20, max: 20 }));
    const check = fc.property(
      graphCases({ kind: "score" }),
      placed,
      scores,
      (graph, { box, points }, score) => {
        const { root } = graph.expression;
        const { lo, hi, nan } = compileIntervals(root, graph.captures).interval(box);
        const element = compileElement(root, graph.captures);
        for (const { b, h, q, kv } of points) {
          const value = Number(element(b, h, q, kv, score));
          if (Number.isNaN(value)) expect(nan).toBe(true);
          else {
            expect(value).toBeGreaterThanOrEqual(lo);
            expect(value).toBeLessThanOrEqual(hi);
          }
        }
      },
    );
    fc.assert(check, { numRuns: runs });
  });
});
