import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ScoreMod } from "../api/mods.ts";
import { referenceAttention } from "../reference/attention.ts";
import { elementsOf } from "../reference/formats.ts";
import { Tensor } from "../tensor.ts";
import { makeInputs } from "../testing/inputs.ts";
import { activation, relu, sigmoid } from "./activation.ts";
import { alibi, alibiSlopes } from "./alibi.ts";
import { graphormer } from "./graphormer.ts";
import { distanceBias, headBias, pairBias } from "./learned-bias.ts";
import { mlaRope } from "./mla-rope.ts";
import { relativePosition } from "./relative-position.ts";
import { sandwich } from "./sandwich.ts";
import { sinkLogits } from "./sinks.ts";
import { softCap } from "./soft-cap.ts";

const at = (q: number, kv: number, h = 0, b = 0): Parameters<ScoreMod>[1] => ({ b, h, q, kv });
const anyScore = fc.double({ min: -1e4, max: 1e4, noNaN: true });
const position = fc.integer({ min: 0, max: 5_000 });

const f32 = (shape: readonly number[], values: readonly number[]): Tensor =>
  new Tensor(Float32Array.from(values), shape);
const i32 = (shape: readonly number[], values: readonly number[]): Tensor =>
  new Tensor(Int32Array.from(values), shape);

const shape = { B: 1, Hq: 1, Hkv: 1, M: 3, N: 11, D: 4, Dv: 5 };
const inputs = makeInputs(shape, { dtype: "f32", numbers: "normal", layout: "dense", seed: 2 });

/** What each query and key have in common, scaled: the score before any function. */
function logitsOf(q: number): number[] {
  const [query, key] = [elementsOf(inputs.query), elementsOf(inputs.key)];
  return Array.from({ length: shape.N }, (_, kv) => {
    let dot = 0;
    for (let d = 0; d < 4; d++) dot += (query[q * 4 + d] ?? 0) * (key[kv * 4 + d] ?? 0);
    return dot / 2;
  });
}

/** sum_kv weight[kv] * V[kv, 0] */
const mixed = (weights: readonly number[]): number => {
  const value = elementsOf(inputs.value);
  return weights.reduce((sum, weight, kv) => sum + weight * (value[kv * shape.Dv] ?? 0), 0);
};

describe("relative position", () => {
  test("adds the same for the same distance, and nothing to the token itself", () => {
    const score = relativePosition(-0.5);
    expect(score(1, at(7, 7))).toBe(1);
    expect(score(1, at(9, 5))).toBe(score(1, at(104, 100)));
    expect(score(0, at(9, 5))).toBe(-2);
  });
});

describe("ALiBi", () => {
  test("has the published slopes for 8 heads, and those between for 12", () => {
    expect([...alibiSlopes(8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((i) => 2 ** -i));
    const between = [0.5, 1.5, 2.5, 3.5].map((i) => Math.fround(2 ** -i));
    expect([...alibiSlopes(12)]).toEqual([...alibiSlopes(8), ...between]);
    expect([...alibiSlopes(1)]).toEqual([2 ** -8]);
  });

  test("takes slope times distance off the score, by head", () => {
    const score = alibi([0.5, 0.25]);
    expect(score(3, at(10, 4, 0))).toBe(0);
    expect(score(3, at(10, 4, 1))).toBe(1.5);
  });
});

describe("soft-cap", () => {
  test("stays within the cap, keeps the order, and barely changes small scores", () => {
    const score = softCap(30);
    fc.assert(
      fc.property(anyScore, anyScore, (x, y) => {
        const [low, high] = [Math.min(x, y), Math.max(x, y)];
        return score(low, at(0, 0)) <= score(high, at(0, 0)) && Math.abs(score(x, at(0, 0))) <= 30;
      }),
    );
    expect(score(0.1, at(0, 0))).toBeCloseTo(0.1, 5);
    expect(score(1e9, at(0, 0))).toBe(30);
  });
});

describe("an activation instead of exp", () => {
  test.each([
    ["relu", relu],
    ["sigmoid", sigmoid],
  ] as const)("weighs by %s over its sum, and exp(lse) is that sum", (_, f) => {
    const { out, lse } = referenceAttention({ ...inputs, score: activation(f) });
    for (let q = 0; q < shape.M; q++) {
      const weights = logitsOf(q).map(f);
      const total = weights.reduce((a, b) => a + b);
      expect(Math.exp(lse[q] ?? 0)).toBeCloseTo(total, 10);
      expect((out[q * shape.Dv] ?? 0) * total).toBeCloseTo(mixed(weights), 10);
    }
  });

  test("masks keys whose activation is 0", () => {
    expect(activation(relu)(-1, at(0, 0))).toBe(-Infinity);
  });
});

describe("MLA", () => {
  test("equals attention on the concatenation of both parts", () => {
    const [R, D] = [3, 4];
    const parts = { ...shape, D: R };
    const options = { dtype: "f32", numbers: "normal", layout: "dense", seed: 9 } as const;
    const rope = makeInputs(parts, options);
    const scale = 1 / Math.sqrt(D + R);
    const key = new Tensor(rope.key.data, [1, shape.N, R]);
    const split = referenceAttention({
      ...inputs,
      scale,
      score: mlaRope({ query: rope.query, key, scale }),
    });
    const joined = referenceAttention({
      query: joinColumns(inputs.query, rope.query),
      key: joinColumns(inputs.key, rope.key),
      value: inputs.value,
    });
    for (const [i, value] of joined.out.entries()) expect(split.out[i]).toBeCloseTo(value, 10);
  });
});

/** [1, 1, rows, a] and [1, 1, rows, b] as [1, 1, rows, a + b]. */
function joinColumns(left: Tensor, right: Tensor): Tensor {
  const [rows = 0, a = 0, b = 0] = [left.shape[2], left.shape[3], right.shape[3]];
  const [x, y] = [elementsOf(left), elementsOf(right)];
  const joined = Array.from({ length: rows }, (_, row) => [
    ...x.subarray(row * a, (row + 1) * a),
    ...y.subarray(row * b, (row + 1) * b),
  ]).flat();
  return f32([1, 1, rows, a + b], joined);
}

describe("Sandwich", () => {
  const score = sandwich(4, 16);

  test("is symmetric in query and key, and nothing to the token itself", () => {
    fc.assert(
      fc.property(position, position, (q, kv) => score(0, at(q, kv)) === score(0, at(kv, q))),
    );
    expect(score(2, at(77, 77, 3))).toBeCloseTo(2, 10);
  });

  test("is largest at distance 0, and falls slower in later heads", () => {
    fc.assert(fc.property(position, position, (q, kv) => score(0, at(q, kv)) <= 1e-9));
    expect(score(0, at(9, 0, 3))).toBeCloseTo(score(0, at(9, 0, 0)) / 4, 10);
  });
});

describe("Graphormer", () => {
  const graph = {
    distance: i32([3, 3], [0, 1, 2, 1, 0, 1, 2, 1, 0]),
    spatial: f32([2, 3], [0, 10, 20, 0, 100, 200]),
    path: i32([3, 3, 2], [0, 0, 1, 0, 1, 2, 1, 0, 0, 0, 2, 0, 2, 1, 2, 0, 0, 0]),
    edge: f32([2, 2, 3], [0, 1, 2, 0, 4, 8, 0, 1, 1, 0, 1, 1]),
  };
  const score = graphormer(graph);

  test("adds the bias of the distance, and the mean over the path's edges", () => {
    expect(score(0, at(1, 1))).toBe(0);
    expect(score(0, at(0, 1))).toBe(10 + 1);
    expect(score(0, at(0, 2))).toBe(20 + (1 + 8) / 2);
    expect(score(0, at(2, 0, 1))).toBe(200 + 1);
  });
});

describe("learned biases", () => {
  test("by distance: the middle of the table is distance 0, its ends serve all beyond", () => {
    const score = distanceBias(f32([5], [1, 2, 3, 4, 5]));
    expect(
      [at(4, 4), at(5, 4), at(4, 5), at(90, 4), at(4, 90)].map((place) => score(0, place)),
    ).toEqual([3, 4, 2, 5, 1]);
  });

  test("by pair, and by head and pair", () => {
    expect(pairBias(f32([2, 3], [0, 1, 2, 3, 4, 5]))(10, at(1, 2))).toBe(15);
    const perHead = headBias(f32([2, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7]));
    expect(perHead(0, at(1, 0, 1))).toBe(6);
  });
});

describe("sinks", () => {
  test("of logit 0 add one to the sum of every row", () => {
    const sinks = sinkLogits(1);
    const plain = referenceAttention(inputs);
    const { lse, out } = referenceAttention({ ...inputs, sinks });
    for (let q = 0; q < shape.M; q++) {
      const total = Math.exp(plain.lse[q] ?? 0);
      expect(Math.exp(lse[q] ?? 0)).toBeCloseTo(total + 1, 10);
      const share = total / (total + 1);
      expect(out[q * shape.Dv]).toBeCloseTo((plain.out[q * shape.Dv] ?? 0) * share, 10);
    }
  });
});
