/** Every operation on every pair of variables, literals and simple terms keeps its value: no rule is wrong. */
import { expect, test } from "vitest";
import { Builder } from "./builder.ts";
import { compileElement } from "./evaluate.ts";
import { showNode } from "./show.ts";
import { simplify } from "./simplify.ts";
import { signatures } from "./testing-graphs.ts";
import type { CaptureValues, Node, ScalarType } from "./types.ts";

const make = new Builder();
const q = make.index("q");
const kv = make.index("kv");
const score = make.score();

const floats = [0, -0, 1.5, -2, 0.1, 3e38, -1e-40, Infinity, -Infinity, NaN];
const integers = [0, 1, -1, 5, -12, 33, 2 ** 24 + 1, 2 ** 31 - 1, -(2 ** 31)];
const table = make.load("table", "f32", [make.index("b")]);
const captures: CaptureValues = {
  uniforms: new Map(),
  tensors: new Map([
    ["table", { type: "f32", shape: [floats.length], data: Float32Array.from(floats) }],
  ]),
};

const literals = (type: ScalarType, values: readonly (number | boolean)[]): Node[] =>
  values.map((value) => make.constant(type, value));

const cond = make.make("le", kv, q);
const other = make.make("lt", score, table);
const five = make.constant("i32", 5);
const half = make.constant("f32", -2.5);

/** What rules look at: variables, literals that mean something to a rule, and operations on them. */
const operands: { readonly [K in ScalarType]: readonly Node[] } = {
  i32: [
    ...[q, kv, make.make("neg", q), make.make("bitNot", kv)],
    ...(["add", "sub", "mul", "bitAnd", "bitXor"] as const).map((op) => make.make(op, q, five)),
    make.make("sub", q, kv),
    make.make("select", cond, make.constant("i32", 1), make.constant("i32", -3)),
    make.make("select", other, q, five),
    ...literals("i32", [0, 1, -1, 2, 3, 5, 31, 64, 2 ** 31 - 1, -(2 ** 31)]),
  ],
  f32: [
    ...[score, table, make.make("neg", score), make.make("toF32", q), make.make("trunc", table)],
    ...(["add", "mul", "div", "rem"] as const).map((op) => make.make(op, score, half)),
    ...(["mul", "div", "rem"] as const).map((op) => make.make(op, make.make("neg", table), score)),
    make.make("select", cond, score, half),
    ...literals("f32", [0, -0, 1, -1, 2, 0.1, -4, 2 ** 127, 2 ** -127, Infinity, NaN]),
  ],
  bool: [
    ...[cond, other, make.make("not", cond), make.make("and", cond, other)],
    ...literals("bool", [true, false]),
  ],
};

/** Positions and scores: pairs of integers meet pairs of floats. */
const points = integers.flatMap((x, i) =>
  integers.map((y, j) => ({
    b: (i + j) % floats.length,
    q: x,
    kv: y,
    score: floats[(3 * i + 7 * j) % floats.length] ?? 0,
  })),
);

const tuples = (types: readonly ScalarType[]): readonly (readonly Node[])[] =>
  types.reduce<readonly (readonly Node[])[]>(
    (known, type) => known.flatMap((some) => operands[type].map((node) => [...some, node])),
    [[]],
  );

test.each(signatures.map(({ op, args }) => [op, args] as const))(
  "%s of %j is worth the same simplified",
  (op, types) => {
    for (const args of tuples(types)) {
      const node = make.make(op, ...args);
      const simplified = simplify(node);
      if (simplified.digest === node.digest) continue;
      const before = compileElement(node, captures);
      const after = compileElement(simplified, captures);
      for (const at of points) {
        const meant = before(at.b, 0, at.q, at.kv, at.score);
        const got = after(at.b, 0, at.q, at.kv, at.score);
        if (Object.is(meant, got)) continue;
        const text = `${showNode(node)} became ${showNode(simplified)}`;
        expect({ text, at, value: got }).toEqual({ text, at, value: meant });
      }
    }
  },
);
