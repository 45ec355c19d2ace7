import fc from "fast-check";
import { expect, test } from "vitest";
import { Builder } from "./builder.ts";
import { compileElement } from "./evaluate.ts";
import { showNode } from "./show.ts";
import { asJavaScript, graphCases, positions } from "./testing-graphs.ts";
import type { Node } from "./types.ts";

const make = new Builder();
const q = make.index("q");
const kv = make.index("kv");
const score = make.score();
const int = (value: number): Node => make.constant("i32", value);
const float = (value: number): Node => make.constant("f32", value);
const distance = make.make("sub", q, kv);
const a = make.make("le", kv, q);
const b = make.make("lt", score, float(0));
const doc = (at: Node): Node => make.load("doc", "i32", [at]);

const texts: readonly (readonly [string, Node])[] = [
  ["q - (q - kv)", make.make("sub", q, distance)],
  ["(q - kv) * 4", make.make("mul", int(4), distance)],
  ["q - 3", make.make("add", q, int(-3))],
  ["q >= 5", make.make("le", int(5), q)],
  ["q > 5", make.make("lt", int(5), q)],
  ["score + 0.1", make.make("add", float(0.1), score)],
  ["-(-0)", make.make("neg", float(-0))],
  ["(-score) ** 2", make.make("pow", make.make("neg", score), float(2))],
  ["score ** -2", make.make("pow", score, float(-2))],
  ["Math.floor(q / 64)", make.make("floorDiv", q, int(64))],
  ["doc[q] === doc[kv]", make.make("eq", doc(q), doc(kv))],
  ["!(score < 0)", make.make("not", b)],
  ["Number(kv <= q)", make.make("toI32", a)],
  ["kv <= q ? score : -Infinity", make.make("select", a, score, float(-Infinity))],
  ["(kv <= q ? q : kv) - 1", make.make("add", make.make("select", a, q, kv), int(-1))],
  ["1e-30", float(1e-30)],
];

test.each(texts)("%s", (text, node) => {
  expect(showNode(node)).toBe(text);
});

test("what is shared over and over is left out of a text that would not end", () => {
  let root: Node = score;
  for (let depth = 0; depth < 100; depth++) root = make.make("mul", root, root);
  expect(showNode(root).length).toBeLessThan(1_000);
  expect(showNode(root, 20)).toContain("… * …");
});

test("the text means the same to JavaScript, for the operations that are exact in both", () => {
  const exact = graphCases({
    kind: "mask",
    types: ["i32"],
    ops: (op) =>
      !["add", "sub", "mul", "neg", "abs", "rem", "floorDiv", "truncDiv", "ushr"].includes(op),
  });
  const property = fc.property(exact, positions, ({ expression, captures }, at) => {
    const { b: b_, h, q: q_, kv: kv_, score: x } = at;
    const evaluated = compileElement(expression.root, captures)(b_, h, q_, kv_, x);
    expect(asJavaScript(expression.root, captures)(b_, h, q_, kv_, x)).toBe(evaluated);
  });
  fc.assert(property, { numRuns: 1_000 });
});
