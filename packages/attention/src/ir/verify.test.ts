import { describe, expect, test } from "vitest";
import { Builder } from "./builder.ts";
import { verifyExpression, verifyGraph } from "./verify.ts";
import type { Expression, Node } from "./types.ts";

const make = new Builder();
const q = make.index("q");
const kv = make.index("kv");
const one = make.constant("i32", 1);
const half = make.constant("f32", 0.5);
const score = make.score();
const causal = make.make("le", kv, q);
const sum = make.make("add", q, kv);
const doc = make.load("doc", "i32", [q]);
const width = make.uniform("width", "i32");
const other = new Builder();

/** A node that no builder would make. */
const forged = (node: Node, change: Partial<Node>): Node => Object.freeze({ ...node, ...change });

/** A mask over this operand. */
const over = (operand: Node): Node => forged(causal, { args: [operand, q] });

const both = (a: Node, b: Node): Node => forged(causal, { args: [a, b] });

interface Broken {
  readonly rule: string;
  readonly what: string;
  readonly root: Node;
}

const broken: readonly Broken[] = [
  { rule: "as many operands", what: "one operand", root: forged(causal, { args: [q] }) },
  { rule: "the type follows", what: "mixed types", root: forged(causal, { args: [q, half] }) },
  { rule: "the attribute", what: "an axis on an op", root: forged(causal, { attr: "q" }) },
  { rule: "the attribute", what: "an i32 of 33 bits", root: over(forged(one, { attr: 2 ** 31 })) },
  { rule: "the attribute", what: "an i32 of -0", root: over(forged(one, { attr: -0 })) },
  {
    rule: "the attribute",
    what: "a double in single precision",
    root: over(forged(one, { type: "f32", attr: 0.1 })),
  },
  { rule: "the attribute", what: "an unknown axis", root: over(forged(q, { attr: "m" })) },
  { rule: "the attribute", what: "a float index", root: over(forged(q, { type: "f32" })) },
  { rule: "the attribute", what: "a nameless load", root: over(forged(doc, { attr: null })) },
  { rule: "the attribute", what: "a float as index", root: over(forged(doc, { args: [half] })) },
  {
    rule: "ordered by digest",
    what: "operands turned around",
    root: over(forged(sum, { args: sum.args.toReversed() })),
  },
  { rule: "the digest", what: "another digest", root: forged(causal, { digest: "0" }) },
  { rule: "one object", what: "a node twice", root: both(kv, other.index("kv")) },
  {
    rule: "one type and one rank",
    what: "a uniform of two types",
    root: both(width, other.uniform("width", "f32")),
  },
  {
    rule: "one type and one rank",
    what: "a tensor of two ranks",
    root: both(doc, make.load("doc", "i32", [q, q])),
  },
  { rule: "never reads the score", what: "a score in a mask", root: make.make("lt", score, score) },
  { rule: "frozen", what: "a node that can change", root: { ...causal } },
  { rule: "a mask is bool", what: "a number as mask", root: sum },
];

describe("a graph is refused", () => {
  test.each(broken)("with $what: $rule", ({ rule, root }) => {
    expect(() => verifyGraph(root, "mask")).toThrow(rule);
  });

  test("as a score if it is a mask, and the other way round", () => {
    expect(() => verifyGraph(causal, "mask")).not.toThrow();
    expect(() => verifyGraph(causal, "score")).toThrow("a score is f32");
    expect(() => verifyGraph(score, "score")).not.toThrow();
    expect(() => verifyGraph(score, "mask")).toThrow("a mask is bool");
  });
});

describe("an expression", () => {
  const root = make.make("le", make.make("add", doc, width), make.uniform("a", "i32"));
  const sound: Expression = {
    kind: "mask",
    root,
    uniforms: [
      { name: "a", type: "i32" },
      { name: "width", type: "i32" },
    ],
    tensors: [{ name: "doc", rank: 1, type: "i32" }],
  };

  test("lists what its root reads", () => {
    expect(() => verifyExpression(sound)).not.toThrow();
  });

  const wrong: readonly (readonly [string, Partial<Expression>])[] = [
    ["a missing uniform", { uniforms: [] }],
    ["uniforms out of order", { uniforms: sound.uniforms.toReversed() }],
    [
      "a uniform of another type",
      { uniforms: [{ name: "a", type: "f32" }, ...sound.uniforms.slice(1)] },
    ],
    ["an unused tensor", { tensors: [...sound.tensors, { name: "e", rank: 1, type: "f32" }] }],
    ["a tensor of another rank", { tensors: [{ name: "doc", rank: 2, type: "i32" }] }],
  ];

  test.each(wrong)("is refused with %s", (_, change) => {
    expect(() => verifyExpression({ ...sound, ...change })).toThrow("are those read");
  });
});
