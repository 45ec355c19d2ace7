import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder } from "./builder.ts";
import { compileElement } from "./evaluate.ts";
import { ALWAYS, MAYBE, NEVER, compileIntervals } from "./intervals.ts";
import type { Box } from "./intervals.ts";
import { graphCases } from "./testing-graphs.ts";
import type { Axis, CaptureValues, Node, Position } from "./types.ts";

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

describe("tightness: the verdict of a block is never MAYBE where the block is empty or full", () => {
  const make = new Builder();
  const q = make.index("q");
  const kv = make.index("kv");
  const int = (value: number): Node => make.constant("i32", value);
  const le = (x: Node, y: Node): Node => make.make("le", x, y);
  const and = (x: Node, y: Node): Node => make.make("and", x, y);
  const doc = (at: Node): Node => make.load("doc", "i32", [at]);
  const distance = make.make("sub", q, kv);
  const causal = le(kv, q);
  const slope = make.constant("f32", 0.3);
  const block = (x: Node): Node => make.make("floorDiv", x, int(16));
  const row = (x: Node): Node => make.make("floorDiv", x, int(8));
  const near = (x: Node, y: Node): Node => le(make.make("abs", make.make("sub", x, y)), int(1));

  const masks: readonly (readonly [string, Node])[] = [
    ["causal", causal],
    ["sliding window", and(causal, le(distance, int(20)))],
    ["prefix", make.make("or", le(kv, int(10)), causal)],
    ["documents", make.make("eq", doc(q), doc(kv))],
    ["causal documents", and(causal, make.make("eq", doc(q), doc(kv)))],
    ["blocks by division", le(block(kv), block(q))],
    ["blocks by shift", le(make.make("shr", kv, int(4)), make.make("shr", q, int(4)))],
    ["rows of an image", near(row(q), row(kv))],
    ["a bias in floats", le(make.make("mul", make.make("toF32", distance), slope), slope)],
    ["allowed keys", make.load("keep", "bool", [kv])],
    ["a dense mask", make.load("dense", "bool", [q, kv])],
    ["the exponential of a distance", le(make.make("exp", make.make("toF32", distance)), slope)],
  ];

  const length = 64;
  const size = 8;
  const captures: CaptureValues = {
    uniforms: new Map(),
    tensors: new Map([
      [
        "doc",
        { type: "i32", shape: [length], data: Int32Array.from({ length }, (_, i) => i / 13) },
      ],
      [
        "keep",
        { type: "bool", shape: [length], data: Uint8Array.from({ length }, (_, i) => +(i > 30)) },
      ],
      [
        "dense",
        {
          type: "bool",
          shape: [length, length],
          data: Uint8Array.from({ length: length ** 2 }, (_, i) => +(i % length <= i / length)),
        },
      ],
    ]),
  };

  const boxAt = (row: number, column: number): Box => ({
    ...{ bLo: 0, bHi: 0, hLo: 0, hHi: 0 },
    ...{ qLo: row, qHi: row + size - 1, kvLo: column, kvHi: column + size - 1 },
  });

  test.each(masks)("%s", (_, root) => {
    const evaluator = compileIntervals(root, captures);
    const element = compileElement(root, captures);
    for (let top = 0; top < length; top += size) {
      for (let left = 0; left < length; left += size) {
        const box = boxAt(top, left);
        const seen = new Set<unknown>();
        for (let at = box.qLo; at <= box.qHi; at++) {
          for (let key = box.kvLo; key <= box.kvHi; key++) seen.add(element(0, 0, at, key, 0));
        }
        const expected = seen.size === 2 ? MAYBE : seen.has(true) ? ALWAYS : NEVER;
        expect({ top, left, verdict: evaluator.verdict(box) }).toEqual({
          top,
          left,
          verdict: expected,
        });
      }
    }
  });
});
