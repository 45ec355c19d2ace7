import { expect, test } from "vitest";
import { Builder, topological } from "../../../ir/builder.ts";
import { expressionOf } from "../../../ir/testing-graphs.ts";
import type { Node } from "../../../ir/types.ts";
import { edgedNodes } from "./edges.ts";
import { modHelpers } from "./helpers.ts";
import { approximates, lowerMod } from "./lower-mod.ts";

const ir = new Builder();
const score = ir.score();
const half = ir.constant("f32", 0.5);
const product = ir.make("mul", score, score);

const textOf = (root: Node): string =>
  lowerMod(expressionOf("score", root), {
    params: "Params",
    captures: { uniform: (name) => name, tensor: (name) => ({ data: name, lengths: ["n"] }) },
    exact: false,
  });

test("a product may fuse with a sum, unless a function with an edge sees it", () => {
  const sum = ir.make("add", product, half);
  expect(textOf(sum)).toContain("score * score");
  for (const op of ["floor", "sqrt", "log", "sign", "acos"] as const) {
    expect(textOf(ir.make(op, sum))).toContain("__fmul_rn(score, score)");
  }
  const chosen = ir.make("select", ir.make("lt", sum, half), product, half);
  expect(textOf(chosen)).toContain("__fmul_rn(score, score)");
});

test("what divides is seen with an edge, what is divided is not", () => {
  const ratio = ir.make("div", product, ir.make("exp", score));
  const edged = edgedNodes(topological([ratio]));
  expect([edged.has(product), edged.has(ratio.args[1] ?? ratio)]).toEqual([false, true]);
});

test("approximate functions stand in where no edge sees them, and the text says so", () => {
  const smooth = textOf(ir.make("tanh", score));
  const seen = textOf(ir.make("floor", ir.make("tanh", score)));
  expect([smooth, seen].map(approximates)).toEqual([true, false]);
  expect(seen).toContain("tanhf(score)");
});

test("helpers come with those that they call, callees first", () => {
  const text = modHelpers(["fastTan", "x = fastSin(y);"]);
  expect(text.indexOf("float fastTurn(")).toBeGreaterThan(-1);
  expect(text.indexOf("float fastTurn(")).toBeLessThan(text.indexOf("float fastSin("));
  expect(modHelpers(["x = y;"])).toBe("");
});
