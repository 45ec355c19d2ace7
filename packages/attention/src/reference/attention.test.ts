import { describe, expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { type Problem, referenceAttention } from "./attention.ts";
import { sameDtypeAttention } from "./same-dtype.ts";

const tensor = (shape: readonly number[], values: readonly number[]): Tensor =>
  new Tensor(Float32Array.from(values), shape);

/** One query of 0, three keys, values 1, 10, 100: every score is 0, so that only the functions decide. */
const flat: Problem = {
  query: tensor([1, 1, 1, 1], [0]),
  key: tensor([1, 1, 3, 1], [1, 1, 1]),
  value: tensor([1, 1, 3, 1], [1, 10, 100]),
};

describe.each([
  ["float64", referenceAttention, 12],
  ["same dtype", sameDtypeAttention, 5],
] as const)("%s reference", (_, compute, digits) => {
  test("equal scores average the values", () => {
    const { out, lse, max } = compute(flat);
    expect(out[0]).toBeCloseTo(37, digits);
    expect(lse[0]).toBeCloseTo(Math.log(3), digits);
    expect(max[0]).toBe(0);
  });

  test("a score of the logarithm of a weight gives that weight", () => {
    const { out, lse, max } = compute({ ...flat, score: (s, { kv }) => s + Math.log(kv + 1) });
    expect(out[0]).toBeCloseTo((1 + 20 + 300) / 6, digits - 1);
    expect(lse[0]).toBeCloseTo(Math.log(6), digits);
    expect(max[0]).toBeCloseTo(Math.log(3), digits);
  });

  test("a mask removes keys, and so does a score of -Infinity", () => {
    const masked = compute({ ...flat, mask: ({ kv }) => kv !== 2 });
    const scored = compute({ ...flat, score: (s, { kv }) => (kv === 2 ? -Infinity : s) });
    expect(masked.out[0]).toBeCloseTo(5.5, digits);
    expect(scored).toEqual(masked);
  });

  test("a fully masked row gives 0, and -Infinity for lse and max", () => {
    const { out, lse, max } = compute({ ...flat, mask: () => false });
    expect([out[0], lse[0], max[0]]).toEqual([0, -Infinity, -Infinity]);
  });

  test("a sink joins the denominator and the lse, not the max", () => {
    const { out, lse, max } = compute({ ...flat, sinks: [Math.log(5)] });
    expect(out[0]).toBeCloseTo(111 / 8, digits - 1);
    expect(lse[0]).toBeCloseTo(Math.log(8), digits);
    expect(max[0]).toBe(0);
  });

  test("a fully masked row with a sink has the sink as its lse", () => {
    const { out, lse, max } = compute({ ...flat, sinks: [2.5], mask: () => false });
    expect([out[0], lse[0], max[0]]).toEqual([0, 2.5, -Infinity]);
  });

  test("keys from kvLength on do not exist, whatever they hold", () => {
    const value = tensor([1, 1, 3, 1], [1, 10, NaN]);
    expect(compute({ ...flat, value, kvLength: [2] }).out[0]).toBeCloseTo(5.5, digits);
    expect(compute({ ...flat, kvLength: [0] }).lse[0]).toBe(-Infinity);
  });

  test("score and mask see the row plus the offset of its batch element", () => {
    const seen: number[][] = [];
    const record = ({ b, h, q, kv }: { b: number; h: number; q: number; kv: number }): boolean =>
      seen.push([b, h, q, kv]) > 0;
    compute({
      query: tensor([2, 1, 1, 1], [0, 0]),
      key: tensor([2, 1, 1, 1], [0, 0]),
      value: tensor([2, 1, 1, 1], [0, 0]),
      queryOffset: [7, 70],
      mask: record,
    });
    expect(seen).toEqual([
      [0, 0, 7, 0],
      [1, 0, 70, 0],
    ]);
  });

  test("query heads share key heads in neighbouring groups", () => {
    const problem: Problem = {
      query: tensor([1, 4, 1, 1], [0, 0, 0, 0]),
      key: tensor([1, 2, 1, 1], [0, 0]),
      value: tensor([1, 2, 1, 2], [1, 2, 3, 4]),
    };
    expect([...compute(problem).out]).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
  });

  test("the scale defaults to one over the root of the head size", () => {
    const query = tensor([1, 1, 1, 4], [1, 1, 1, 1]);
    const key = tensor([1, 1, 1, 4], [1, 2, 3, 4]);
    const value = tensor([1, 1, 1, 1], [0]);
    expect(compute({ query, key, value }).lse[0]).toBe(5);
    expect(compute({ query, key, value, scale: 2 }).lse[0]).toBe(20);
  });

  test("NaN in a query reaches its row and no other", () => {
    const query = tensor([1, 1, 2, 1], [NaN, 0]);
    const { out, lse } = compute({ ...flat, query });
    expect([out[0], lse[0]]).toEqual([NaN, NaN]);
    expect(out[1]).toBeCloseTo(37, digits);
  });

  test("logits of 80 and -80 neither overflow nor vanish", () => {
    const { out, lse } = compute({ ...flat, score: (_s, { kv }) => [80, -80, 80][kv] ?? 0 });
    expect(out[0]).toBeCloseTo(50.5, digits - 1);
    expect(lse[0]).toBeCloseTo(80 + Math.LN2, digits - 1);
  });
});

describe("same dtype reference", () => {
  test("rounds probabilities to the dtype: a third in bf16 is 0.333984375", () => {
    const bf16 = (values: readonly number[], shape: readonly number[]): Tensor => {
      const bits = new Uint16Array(new Float32Array(values).buffer).filter((_, i) => i % 2 === 1);
      return new Tensor(bits, shape, { dtype: "bf16" });
    };
    const { out } = sameDtypeAttention({
      query: bf16([0], [1, 1, 1, 1]),
      key: bf16([0, 0, 0], [1, 1, 3, 1]),
      value: bf16([1, 0, 0], [1, 1, 3, 1]),
    });
    expect(out[0]).toBe(0.333984375);
  });

  test("accumulates in f32, not in float64", () => {
    const value = tensor([1, 1, 2, 1], [2 ** 25, 2]);
    const key = tensor([1, 1, 2, 1], [0, 0]);
    const { out } = sameDtypeAttention({ ...flat, key, value });
    expect(out[0]).toBe(2 ** 24);
  });
});
