import { describe, expect, test } from "vitest";
import { type Case, conformanceCases, testVariants } from "./cases.ts";

const pairwise = conformanceCases("pairwise");
const full = conformanceCases("full");

const count = (cases: readonly Case[], name: keyof Case): Map<unknown, number> => {
  const counts = new Map<unknown, number>();
  for (const one of cases) {
    const value = JSON.stringify(one[name]);
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
};

describe("the conformance cases", () => {
  test("number at least 1,500 in full and 150 to 250 pairwise", () => {
    expect(full.length).toBeGreaterThanOrEqual(1_500);
    expect(pairwise.length).toBeGreaterThanOrEqual(150);
    expect(pairwise.length).toBeLessThanOrEqual(250);
  });

  test.each([
    ["pairwise", pairwise],
    ["full", full],
  ] as const)("have names of their own: %s", (_, cases) => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  test.each([
    ["pairwise", pairwise],
    ["full", full],
  ] as const)("use every value of every axis: %s", (_, cases) => {
    const sizes = (
      ["dtype", "passes", "B", "Hkv", "group", "M", "N", "D", "Dv", "threads"] as const
    ).map((name) => count(cases, name).size);
    expect(sizes).toEqual([3, 3, 2, 3, 5, 12, 12, 9, 9, 2]);
    expect(count(cases, "variant").size).toBe(testVariants.length);
    expect(
      (["numbers", "layout", "blockSize", "positions", "sinks"] as const).map(
        (name) => count(cases, name).size,
      ),
    ).toEqual([4, 5, 4, 4, 2]);
  });

  test("pass every causal variant in chunks, in full and in each dtype", () => {
    for (const dtype of ["f32", "f16", "bf16"]) {
      const chunked = full.filter((one) => one.passes === "chunks" && one.dtype === dtype);
      expect(new Set(chunked.map(({ variant }) => variant))).toEqual(
        new Set(testVariants.filter(({ causal }) => causal).map(({ name }) => name)),
      );
    }
  });

  test("meet every variant with every dtype, way of passing, group and layout, pairwise", () => {
    const meet = (name: "dtype" | "group" | "layout" | "threads"): number =>
      new Set(pairwise.map((one) => `${one.variant} ${one[name]}`)).size;
    const variants = testVariants.length;
    expect([meet("dtype"), meet("group"), meet("layout"), meet("threads")]).toEqual(
      [3, 5, 5, 2].map((values) => values * variants),
    );
  });

  test("are the same each time", () => {
    expect(conformanceCases("pairwise")).toEqual(pairwise);
  });
});
