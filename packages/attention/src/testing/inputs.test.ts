import { describe, expect, test } from "vitest";
import { referenceAttention } from "../reference/attention.ts";
import { elementsOf } from "../reference/formats.ts";
import { cut, type Layout, makeInputs, poisonFrom } from "./inputs.ts";

const shape = { B: 2, Hq: 4, Hkv: 2, M: 6, N: 9, D: 5, Dv: 3 };
const layouts: readonly Layout[] = ["dense", "interleaved", "padded", "columns", "shared"];
const plain = { dtype: "f32", numbers: "normal", layout: "dense", seed: 3 } as const;

describe("test inputs", () => {
  test.each(["dense", "interleaved", "padded", "columns"] as const)(
    "hold the same numbers in every layout: %s",
    (layout) => {
      const wanted = makeInputs(shape, plain);
      const inputs = makeInputs(shape, { ...plain, layout });
      for (const name of ["query", "key", "value"] as const) {
        expect(inputs[name].shape).toEqual(wanted[name].shape);
        expect(elementsOf(inputs[name])).toEqual(elementsOf(wanted[name]));
      }
    },
  );

  test("lie in memory as their layout says", () => {
    const strides = (layout: Layout): readonly number[] =>
      makeInputs(shape, { ...plain, layout }).key.strides;
    expect(strides("dense")).toEqual([90, 45, 5, 1]);
    expect(strides("interleaved")).toEqual([90, 5, 10, 1]);
    expect(strides("padded")).toEqual([144, 72, 8, 1]);
    expect(strides("columns")).toEqual([90, 45, 1, 9]);
    expect(strides("shared")).toEqual([0, 45, 5, 1]);
  });

  test("differ between seeds and not between calls", () => {
    const elements = (seed: number): Float64Array =>
      elementsOf(makeInputs(shape, { ...plain, seed }).query);
    expect(elements(3)).toEqual(elements(3));
    expect(elements(3)).not.toEqual(elements(4));
  });

  test.each(["f32", "f16", "bf16"] as const)(
    "of extreme numbers have logits of +80 and -80 in %s",
    (dtype) => {
      const { query, key, value } = makeInputs(shape, { ...plain, dtype, numbers: "extreme" });
      const logits: number[] = [];
      referenceAttention({ query, key, value, score: (score) => (logits.push(score), score) });
      expect(Math.max(...logits)).toBeGreaterThan(70);
      expect(Math.min(...logits)).toBeLessThan(-70);
      expect(Math.max(...logits.map(Math.abs))).toBeLessThan(80.5);
    },
  );

  test("of extreme numbers have them at the scale of the call", () => {
    const { query, key, value } = makeInputs(shape, { ...plain, numbers: "extreme", scale: -0.3 });
    const { max } = referenceAttention({ query, key, value, scale: -0.3 });
    expect(Math.max(...max)).toBeGreaterThan(70);
    expect(Math.max(...max)).toBeLessThan(80.5);
  });

  test("of equal numbers weigh all keys alike", () => {
    const { query, key, value } = makeInputs(shape, { ...plain, numbers: "equal" });
    const { lse, max } = referenceAttention({ query, key, value });
    expect(
      lse.every((natural, row) => Math.abs(natural - (max[row] ?? 0) - Math.log(9)) < 1e-12),
    ).toBe(true);
  });

  test("of NaN spoil one query row of each head, and one key row", () => {
    const { query, key, value } = makeInputs(shape, { ...plain, numbers: "nan" });
    const spoiled = [query, key].map((tensor) => elementsOf(tensor).filter(Number.isNaN).length);
    expect(spoiled).toEqual([2 * 4, 2 * 2]);
    expect(elementsOf(value).some(Number.isNaN)).toBe(false);
  });

  test.each(layouts)("poisoned from a row on keep the rows before: %s", (layout) => {
    const { key } = makeInputs(shape, { ...plain, layout });
    const poisoned = poisonFrom(key, 4);
    expect(elementsOf(cut(poisoned, 2, 0, 4))).toEqual(elementsOf(cut(key, 2, 0, 4)));
    expect(elementsOf(cut(poisoned, 2, 4, 9)).every(Number.isNaN)).toBe(true);
    expect(elementsOf(key).some(Number.isNaN)).toBe(false);
  });
});
