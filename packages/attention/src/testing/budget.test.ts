import { describe, expect, test } from "vitest";
import { type Problem, referenceAttention } from "../reference/attention.ts";
import { roundTo } from "../reference/formats.ts";
import { sameDtypeAttention } from "../reference/same-dtype.ts";
import type { FloatType } from "../tensor.ts";
import { judge } from "./budget.ts";
import { makeInputs, type Numbers } from "./inputs.ts";

const shape = { B: 1, Hq: 2, Hkv: 1, M: 33, N: 65, D: 17, Dv: 8 };
const dtypes = ["f32", "f16", "bf16"] as const;

const problemOf = (dtype: FloatType, numbers: Numbers = "normal"): Problem => ({
  ...makeInputs(shape, { dtype, numbers, layout: "dense", seed: 11 }),
  mask: ({ q, kv }) => q + 32 >= kv,
});

/** What is said about a kernel that computes `wrong` where `right` was asked for, for out and lse. */
function verdicts(right: Problem, wrong: Problem): (string | null)[] {
  const dtype = right.query.dtype as FloatType;
  const [exact, sameDtype, kernel] = [
    referenceAttention(right),
    sameDtypeAttention(right),
    sameDtypeAttention(wrong),
  ];
  return (["out", "lse"] as const).map(
    (name) =>
      judge({
        name,
        dtype: name === "out" ? dtype : "f32",
        exact: exact[name],
        sameDtype: sameDtype[name],
        kernel: kernel[name],
      }).problem,
  );
}

/** One query, many keys: enough additions for a narrow sum to show. */
const longShape = { B: 1, Hq: 1, Hkv: 1, M: 4, N: 509, D: 8, Dv: 16 };

/** The output where the sum over keys is rounded to the dtype after every addition. */
function narrowSum(problem: Problem): Float64Array {
  const dtype = problem.query.dtype as FloatType;
  const { lse } = referenceAttention(problem);
  const sum = new Float64Array(longShape.M * longShape.Dv);
  for (let only = 0; only < longShape.N; only++) {
    const part = referenceAttention({ ...problem, mask: ({ kv }) => kv === only });
    for (const [i, value] of part.out.entries()) {
      const row = Math.floor(i / longShape.Dv);
      const weight = Math.exp((part.lse[row] ?? 0) - (lse[row] ?? 0));
      sum[i] = roundTo(dtype, (sum[i] ?? 0) + weight * value);
    }
  }
  return sum;
}

describe.each(dtypes)("the error budget in %s", (dtype) => {
  const right = problemOf(dtype);

  test("accepts the unfused computation, and the exact one rounded", () => {
    expect(verdicts(right, right)).toEqual([null, null]);
    const exact = referenceAttention(right).out;
    const sameDtype = sameDtypeAttention(right).out;
    const kernel = exact.map((x) => roundTo(dtype, x));
    expect(judge({ name: "out", dtype, exact, sameDtype, kernel }).problem).toBeNull();
  });

  test("refuses a mask that is off by one", () => {
    const [out, lse] = verdicts(right, { ...right, mask: ({ q, kv }) => q + 32 > kv });
    expect(out).toContain("over budget");
    expect(lse).toContain("over budget");
  });

  test("refuses a missing scale", () => {
    for (const problem of verdicts(right, { ...right, scale: 1 }))
      expect(problem).toContain("over budget");
  });

  test("refuses one key that is left out", () => {
    const left = {
      ...right,
      mask: ({ q, kv }: { q: number; kv: number }) => q + 32 >= kv && kv !== 3,
    };
    for (const problem of verdicts(right, left)) expect(problem).toContain("over budget");
  });
});

test.each(["f16", "bf16"] as const)("the error budget refuses a sum kept in %s", (dtype) => {
  const options = { dtype, numbers: "normal", layout: "dense", seed: 5 } as const;
  const problem = makeInputs(longShape, options);
  const exact = referenceAttention(problem).out;
  const sameDtype = sameDtypeAttention(problem).out;
  const kernel = narrowSum(problem);
  expect(judge({ name: "out", dtype, exact, sameDtype, kernel }).problem).toContain("over budget");
});

test("the error budget refuses an f32 output that was summed in bf16", () => {
  const options = { dtype: "bf16", numbers: "normal", layout: "dense", seed: 5 } as const;
  const problem = makeInputs(longShape, options);
  const exact = referenceAttention(problem).out;
  const kernel = narrowSum(problem);
  expect(
    judge({ name: "out", dtype: "f32", exact, sameDtype: exact.map(Math.fround), kernel }).problem,
  ).toContain("over budget");
});

describe("the error budget", () => {
  const runs = {
    name: "lse",
    dtype: "f32",
    exact: Float64Array.of(1, NaN, -Infinity, 2),
    sameDtype: Float64Array.of(1, NaN, -Infinity, 2),
  } as const;

  test("asks for NaN and infinities where float64 has them, and nowhere else", () => {
    const problem = (...kernel: number[]): string | null =>
      judge({ ...runs, kernel: Float64Array.from(kernel) }).problem;
    expect(problem(1, NaN, -Infinity, 2)).toBeNull();
    expect(problem(1, 0, -Infinity, 2)).toBe(
      "lse: element 1: expected NaN (float64), got 0 (kernel)",
    );
    expect(problem(1, NaN, Infinity, 2)).toContain("expected -Infinity (float64), got Infinity");
    expect(problem(NaN, NaN, -Infinity, 2)).toContain("element 0: expected 1 (float64), got NaN");
    expect(problem(1, NaN, -Infinity)).toContain("expected 4 elements, got 3");
  });

  test("prints every number of a failure", () => {
    const { problem } = judge({ ...runs, kernel: Float64Array.of(1, NaN, -Infinity, 2.5) });
    expect(problem).toBe(
      "lse: mean and max over budget; " +
        "mean error 2.500e-1 of 4.768e-7 allowed (same dtype 0.000e+0, band 4.768e-7); " +
        "max error 5.000e-1 of 4.768e-7 allowed (same dtype 0.000e+0, band 4.768e-7); " +
        "element 3: float64 2, same dtype 2, kernel 2.5",
    );
  });

  test("refuses a case whose same-dtype reference says nothing", () => {
    const sameDtype = Float64Array.of(NaN, NaN, -Infinity, 2);
    expect(judge({ ...runs, sameDtype, kernel: runs.exact }).problem).toContain("tests nothing");
  });
});
