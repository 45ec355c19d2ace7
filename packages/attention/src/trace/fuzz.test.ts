/**
 * Random functions mean in the compiler what they mean to JavaScript.
 *
 * Each is printed as TypeScript, its types are stripped as Node does, it is called as JavaScript (double precision),
 * and it is traced and evaluated (exact integers, single precision). The two must agree to the bit wherever nothing had to
 * be rounded; elsewhere JavaScript's value must lie in the enclosure that rounding spans (`compileEnclosure`).
 */
import { stripTypeScriptTypes } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { maskMod, scoreMod } from "../api/mods.ts";
import { checkRanges } from "../ir/check-ranges.ts";
import type { AxisRanges } from "../ir/check-ranges.ts";
import { compileElement } from "../ir/evaluate.ts";
import { compileEnclosure } from "../ir/testing-enclosure.ts";
import type { Axis, CaptureValues, Expression, Position } from "../ir/types.ts";
import { verifyExpression } from "../ir/verify.ts";
import { programCaptures, programs } from "./testing-programs.ts";
import { traceMod, traceUnsimplified } from "./trace-mod.ts";

/** Fixed, so that the shares of exact and of open comparisons, asserted below, are the same in every run. */
const seed = 7;

const runs = process.env["VIGIL_TEST"] === "full" ? 20_000 : 200;

interface Range {
  readonly lo: number;
  readonly hi: number;
}

const range = (most: number, length: number): fc.Arbitrary<Range> =>
  fc.tuple(fc.nat(most), fc.nat(length)).map(([lo, more]) => ({ lo, hi: lo + more }));

/** Small positions, and positions beyond 2^24. */
const positions = fc.oneof(range(20, 20), range(2 ** 25, 1_000));

const ranges: fc.Arbitrary<AxisRanges> = fc.record<Record<Axis, Range>>({
  b: range(1, 1),
  h: range(3, 1),
  q: positions,
  kv: positions,
});

/** A point of a box, as shares of its sides. */
const share = fc.double({ min: 0, max: 1, noNaN: true });
const shares = fc.array(fc.tuple(share, share, share, share), { minLength: 8, maxLength: 8 });

const pointOf = (box: AxisRanges, [b, h, q, kv]: readonly number[]): Position => {
  const at = (axis: Axis, part = 0): number =>
    Math.round(box[axis].lo + part * (box[axis].hi - box[axis].lo));
  return { b: at("b", b), h: at("h", h), q: at("q", q), kv: at("kv", kv) };
};

const isLegal = (expression: Expression, captures: CaptureValues, box: AxisRanges): boolean => {
  try {
    checkRanges(expression, captures, box);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
};

const evaluated = (text: string): never => (0, eval)(stripTypeScriptTypes(`(${text})`)) as never;

/** How the comparisons came out, so that a test that compares little does not pass. */
class Tally {
  exact = 0;
  rounded = 0;
  open = 0;

  get all(): number {
    return this.exact + this.rounded + this.open;
  }
}

test("a random mask is what JavaScript says it is", () => {
  const tally = new Tally();
  const property = fc.property(programs("mask"), ranges, shares, (text, box, points) => {
    const mod = maskMod(programCaptures, evaluated(text));
    const { expression, captures } = traceMod(mod);
    verifyExpression(expression);
    if (!isLegal(expression, captures, box)) return;
    const element = compileElement(expression.root, captures);
    const whole = traceUnsimplified(mod);
    const enclosure = compileEnclosure(whole.expression.root, whole.captures);
    for (const point of points) {
      const at = pointOf(box, point);
      const expected = mod(at);
      const { lo, hi } = enclosure(at, 0);
      const decided = lo === hi;
      if (decided)
        expect({ at, value: element(at.b, at.h, at.q, at.kv, 0) }).toEqual({ at, value: expected });
      tally[decided ? "exact" : "open"]++;
    }
  });
  fc.assert(property, { numRuns: runs, seed });
  // Most functions are legal at these lengths, and few comparisons of floats hang on rounding.
  expect(tally.all).toBeGreaterThan(runs * 6);
  expect(tally.exact).toBeGreaterThan(0.85 * tally.all);
});

test("a random score is what JavaScript says it is", () => {
  const tally = new Tally();
  const scores = fc.array(fc.integer({ min: -200, max: 200 }), { minLength: 8, maxLength: 8 });
  const property = fc.property(
    programs("score"),
    ranges,
    shares,
    scores,
    (text, box, points, xs) => {
      const mod = scoreMod(programCaptures, evaluated(text));
      const { expression, captures } = traceMod(mod);
      verifyExpression(expression);
      if (!isLegal(expression, captures, box)) return;
      const element = compileElement(expression.root, captures);
      const whole = traceUnsimplified(mod);
      const enclosure = compileEnclosure(whole.expression.root, whole.captures);
      points.forEach((point, turn) => {
        const at = pointOf(box, point);
        const score = (xs[turn] ?? 0) / 32;
        const expected = mod(score, at);
        const value = Number(element(at.b, at.h, at.q, at.kv, score));
        const { lo, hi, nan } = enclosure(at, score);
        for (const one of [expected, value]) {
          const inside = Number.isNaN(one) ? nan : lo <= one && one <= hi;
          if (!inside) expect({ at, score, one, expected, value, lo, hi, nan }).toBe("inside");
        }
        const width = (hi - lo) / Math.max(1, Math.abs(lo), Math.abs(hi));
        tally[lo === hi && !nan ? "exact" : width < 1e-3 ? "rounded" : "open"]++;
      });
    },
  );
  fc.assert(property, { numRuns: runs, seed });
  expect(tally.all).toBeGreaterThan(runs * 6);
  expect(tally.exact).toBeGreaterThan(0.2 * tally.all);
  expect(tally.open).toBeLessThan(0.35 * tally.all);
});
