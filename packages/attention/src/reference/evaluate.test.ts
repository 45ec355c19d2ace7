import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder } from "../ir/builder.ts";
import type { CaptureValues, Node } from "../ir/types.ts";
import { compileExact } from "./evaluate.ts";

const none: CaptureValues = { uniforms: new Map(), tensors: new Map() };
const at = { b: 1, h: 2, q: 30, kv: 4 };

const value = (make: (builder: Builder) => Node, captures = none, score = 0.1): number =>
  compileExact(make(new Builder()), captures)(score, at);

describe("exact evaluation of a graph", () => {
  test("reads coordinates, score and captured numbers without rounding", () => {
    expect(value((g) => g.index("q"))).toBe(30);
    expect(value((g) => g.score())).toBe(0.1);
    const captures = { uniforms: new Map([["slope", 0.3]]), tensors: new Map() };
    expect(value((g) => g.make("mul", g.score(), g.uniform("slope", "f32")), captures)).toBe(
      0.1 * 0.3,
    );
  });

  test("integers stay exact beyond 2^24", () => {
    const big = 2 ** 30 + 1;
    expect(value((g) => g.make("sub", g.constant("i32", big), g.index("b")))).toBe(2 ** 30);
    expect(value((g) => g.make("floorDiv", g.constant("i32", -7), g.index("h")))).toBe(-4);
    expect(value((g) => g.make("rem", g.constant("i32", -7), g.index("kv")))).toBe(-3);
  });

  test("clamps each index of a load to its own dimension", () => {
    const data = Float32Array.of(0, 1, 2, 10, 11, 12);
    const table = { type: "f32", shape: [2, 3], data } as const;
    const captures = { uniforms: new Map(), tensors: new Map([["table", table]]) };
    const load = (row: number, column: number): number =>
      value(
        (g) => g.load("table", "f32", [g.constant("i32", row), g.constant("i32", column)]),
        captures,
      );
    expect([load(1, 2), load(-5, 1), load(9, -9), load(0, 7)]).toEqual([12, 1, 10, 2]);
  });

  test("chooses without being hurt by the side not taken", () => {
    const choose = (g: Builder, cond: boolean): Node =>
      g.make("select", g.constant("bool", cond), g.score(), g.constant("f32", NaN));
    expect(value((g) => choose(g, true))).toBe(0.1);
    expect(value((g) => choose(g, false))).toBeNaN();
  });

  test("every comparison and logic operation means what JavaScript's does, on NaN too", () => {
    const operand = fc.constantFrom(NaN, -Infinity, -0, 0, 1, 2.5);
    fc.assert(
      fc.property(operand, operand, (x, y) => {
        const compare = (op: "lt" | "le" | "eq" | "ne"): number =>
          value((g) => g.make(op, g.constant("f32", x), g.constant("f32", y)));
        expect([compare("lt"), compare("le"), compare("eq"), compare("ne")]).toEqual(
          [x < y, x <= y, x === y, x !== y].map(Number),
        );
      }),
    );
    for (const [x, y] of [
      [false, false],
      [false, true],
      [true, true],
    ] as const) {
      const logic = (op: "and" | "or"): number =>
        value((g) => g.make(op, g.constant("bool", x), g.constant("bool", y)));
      expect([logic("and"), logic("or")]).toEqual([x && y, x || y].map(Number));
      expect(value((g) => g.make("not", g.constant("bool", x)))).toBe(Number(!x));
    }
  });
});
