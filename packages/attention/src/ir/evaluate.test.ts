import { describe, expect, test } from "vitest";
import { Builder } from "./builder.ts";
import { compileElement } from "./evaluate.ts";
import type { CaptureValues, Node, TensorValue } from "./types.ts";

const make = new Builder();
const q = make.index("q");
const kv = make.index("kv");
const score = make.score();
const int = (value: number): Node => make.constant("i32", value);
const float = (value: number): Node => make.constant("f32", value);

const nothing: CaptureValues = { uniforms: new Map(), tensors: new Map() };

const at = (root: Node, q_ = 0, kv_ = 0, captures = nothing, x = 0): number | boolean =>
  compileElement(root, captures)(0, 0, q_, kv_, x);

const withTensor = (name: string, value: TensorValue): CaptureValues => ({
  uniforms: new Map(),
  tensors: new Map([[name, value]]),
});

test("integers are exact beyond 2^24, where single precision is not", () => {
  const odd = 2 ** 24 + 1;
  expect(at(make.make("add", q, int(1)), odd)).toBe(odd + 1);
  expect(at(make.make("mul", q, int(3)), odd)).toBe(3 * odd);
  expect(at(make.make("eq", q, kv), odd, odd - 1)).toBe(false);
  expect(at(make.make("toF32", q), odd)).toBe(odd - 1);
});

test("a product that leaves 32 bits wraps around exactly, not as a rounded double", () => {
  expect(at(make.make("mul", q, kv), 2 ** 31 - 1, 2 ** 31 - 1)).toBe(1);
});

test("every float operation rounds to single precision", () => {
  const tenth = float(0.1);
  expect(at(make.make("add", tenth, float(0.2)))).toBe(Math.fround(0.1 + Math.fround(0.2)));
  expect(at(make.make("mul", float(1e30), float(1e30)))).toBe(Infinity);
  expect(at(make.make("exp", float(1)))).toBe(Math.fround(Math.E));
  const sum = make.make("sub", make.make("add", float(2 ** 24), float(1)), float(2 ** 24));
  expect(at(sum)).toBe(0);
});

test("the score and captured floats enter in single precision", () => {
  expect(at(score, 0, 0, nothing, 0.1)).toBe(Math.fround(0.1));
  const captures: CaptureValues = { uniforms: new Map([["slope", 0.1]]), tensors: new Map() };
  expect(at(make.uniform("slope", "f32"), 0, 0, captures)).toBe(Math.fround(0.1));
});

describe("integer division", () => {
  const cases: readonly (readonly [number, number, number, number, number])[] = [
    // a, b, floor, trunc, remainder
    [7, 2, 3, 3, 1],
    [-7, 2, -4, -3, -1],
    [7, -2, -4, -3, 1],
    [-7, -2, 3, 3, -1],
    [2 ** 31 - 1, 3, 715_827_882, 715_827_882, 1],
    [5, 0, 0, 0, 0],
    [-(2 ** 31), -1, -(2 ** 31), -(2 ** 31), 0],
  ];
  test.each(cases)("%i by %i: floor %i, trunc %i, remainder %i", (a, b, floor, trunc, rest) => {
    expect(at(make.make("floorDiv", int(a), int(b)))).toBe(floor);
    expect(at(make.make("truncDiv", int(a), int(b)))).toBe(trunc);
    expect(at(make.make("rem", int(a), int(b)))).toBe(rest);
  });
});

describe("a cast to integer", () => {
  const cases = [
    [2.9, 2],
    [-2.9, -2],
    [NaN, 0],
    [Infinity, 2 ** 31 - 1],
    [-1e20, -(2 ** 31)],
  ] as const;
  test.each(cases)("of %d is %d", (value, expected) => {
    expect(at(make.make("toI32", float(value)))).toBe(expected);
  });
});

describe("a load", () => {
  const bias: TensorValue = {
    type: "f32",
    shape: [2, 3],
    data: Float32Array.of(0, 1, 2, 10, 11, 12),
  };
  const load = make.load("bias", "f32", [q, kv]);

  test.each([
    [0, 2, 2],
    [1, 0, 10],
    [-5, 1, 1],
    [9, 1, 11],
    [1, -1, 10],
    [1, 3, 12],
  ])("at [%i][%i] is %i: each index is clamped to its own dimension", (row, column, expected) => {
    expect(at(load, row, column, withTensor("bias", bias))).toBe(expected);
  });

  test("sees what the tensor holds when it is called", () => {
    const data = Int32Array.of(1, 2);
    const captures = withTensor("doc", { type: "i32", shape: [2], data });
    const element = compileElement(make.load("doc", "i32", [q]), captures);
    expect(element(0, 0, 1, 0, 0)).toBe(2);
    data[1] = 5;
    expect(element(0, 0, 1, 0, 0)).toBe(5);
  });

  test("of a bool takes anything but 0 as true", () => {
    const data = Uint8Array.of(0, 1, 255);
    const captures = withTensor("keep", { type: "bool", shape: [3], data });
    const keep = make.load("keep", "bool", [q]);
    const alike = make.make("eq", keep, make.constant("bool", true));
    expect([0, 1, 2].map((row) => at(alike, row, 0, captures))).toEqual([false, true, true]);
  });

  test("of a tensor of another type, another rank, or without elements is refused", () => {
    const doc = make.load("doc", "i32", [q]);
    const given =
      (value: TensorValue): (() => unknown) =>
      () =>
        compileElement(doc, withTensor("doc", value));
    expect(given({ type: "f32", shape: [1], data: new Float32Array(1) })).toThrow(
      new TypeError("doc: expected i32 of rank 1, got f32 of rank 1"),
    );
    expect(given({ type: "i32", shape: [1, 1], data: new Int32Array(1) })).toThrow(TypeError);
    expect(given({ type: "i32", shape: [0], data: new Int32Array(0) })).toThrow(RangeError);
  });
});

test("a captured integer that is none is refused", () => {
  const width = make.uniform("width", "i32");
  const given =
    (value: number): (() => unknown) =>
    () =>
      compileElement(width, { uniforms: new Map([["width", value]]), tensors: new Map() });
  expect(given(2 ** 31 - 1)).not.toThrow();
  expect(given(2 ** 31)).toThrow(RangeError);
  expect(given(0.5)).toThrow(RangeError);
  expect(() => compileElement(width, nothing)).toThrow("internal");
});

test("shared operands are computed once: a chain of squarings takes linear time", () => {
  let root: Node = score;
  for (let depth = 0; depth < 2_000; depth++) root = make.make("mul", root, root);
  expect(at(root, 0, 0, nothing, 1)).toBe(1);
});
