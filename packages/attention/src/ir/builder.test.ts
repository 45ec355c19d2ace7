import fc from "fast-check";
import { expect, test } from "vitest";
import { Builder, mapGraph, topological } from "./builder.ts";
import { expressionHash, printExpression, printNode } from "./print.ts";
import { expressionOf, graphCases } from "./testing-graphs.ts";

test("equal structure is one object, in whatever order the operands of a commutative op come", () => {
  const make = new Builder();
  const q = make.index("q");
  const kv = make.index("kv");
  expect(make.make("add", q, kv)).toBe(make.make("add", kv, q));
  expect(make.make("sub", q, kv)).not.toBe(make.make("sub", kv, q));
  expect(make.constant("f32", 0)).not.toBe(make.constant("f32", -0));
  expect(make.constant("i32", 0)).toBe(make.constant("i32", -0));
  expect(make.constant("f32", NaN)).toBe(make.constant("f32", NaN));
  expect(make.constant("f32", 1)).not.toBe(make.constant("i32", 1));
});

test("names and numbers that print alike are not confused", () => {
  const make = new Builder();
  expect(make.uniform("q", "i32")).not.toBe(make.index("q"));
  expect(make.load("a", "i32", [])).not.toBe(make.uniform("a", "i32"));
});

test("operands of the wrong type, or from another builder, are our mistake", () => {
  const make = new Builder();
  const q = make.index("q");
  expect(() => make.make("add", q, make.score())).toThrow("internal: add(i32, f32)");
  expect(() => make.make("neg", q, q)).toThrow("internal");
  expect(() => make.constant("i32", 2 ** 31)).toThrow("internal");
  expect(() => make.constant("bool", 1)).toThrow("internal");
  expect(() => make.load("t", "f32", [make.score()])).toThrow("internal");
  expect(() => new Builder().make("neg", q)).toThrow("another builder");
});

test("a graph copied into another builder has the same text and digest", () => {
  const property = fc.property(graphCases({ kind: "score" }), ({ expression: { root } }) => {
    const builder = new Builder();
    builder.make("mul", builder.score(), builder.constant("f32", 3));
    const copy = mapGraph(root, (node, args) => builder.rebuild(node, args));
    expect(copy.digest).toBe(root.digest);
    expect(printNode(copy)).toBe(printNode(root));
  });
  fc.assert(property, { numRuns: 300 });
});

test("operands come before their users, each once", () => {
  const property = fc.property(graphCases({ kind: "mask" }), ({ expression: { root } }) => {
    const nodes = topological([root]);
    expect(new Set(nodes).size).toBe(nodes.length);
    nodes.forEach((node, at) => {
      for (const arg of node.args) expect(nodes.indexOf(arg)).toBeLessThan(at);
    });
  });
  fc.assert(property, { numRuns: 300 });
});

test("prints an expression with its captures, one node per line", () => {
  const make = new Builder();
  const slopes = make.load("slopes", "f32", [make.index("h")]);
  const shift = make.make(
    "toF32",
    make.make("sub", make.index("kv"), make.uniform("start", "i32")),
  );
  const root = make.make("add", make.score(), make.make("mul", slopes, shift));
  const expression = expressionOf("score", root);
  expect(printExpression(expression)).toMatchInlineSnapshot(`
    "score
    uniform start: i32
    tensor slopes: f32[1]
    %0: f32 = score
    %1: i32 = index h
    %2: f32 = load slopes %1
    %3: i32 = index kv
    %4: i32 = uniform start
    %5: i32 = sub %3 %4
    %6: f32 = toF32 %5
    %7: f32 = mul %2 %6
    %8: f32 = add %0 %7"
  `);
  expect(expressionHash(expression)).toMatchInlineSnapshot(`"fff7d9c51756667a"`);
});
