/** Masks, score functions and random launches for the tests of this folder. */
import * as fc from "fast-check";
import { Builder } from "../../ir/builder.ts";
import { expressionOf } from "../../ir/testing-graphs.ts";
import type { CaptureValues, Expression, Node, TensorValue } from "../../ir/types.ts";
import type { FloatType } from "../../tensor.ts";
import type { Layout, TestLaunch } from "./test-launch.ts";

export const ir: Builder = new Builder();
const [b, h, q, kv] = [ir.index("b"), ir.index("h"), ir.index("q"), ir.index("kv")];
const int = (value: number): Node => ir.constant("i32", value);
const num = (value: number): Node => ir.constant("f32", value);
const distance = ir.make("sub", q, kv);
const causalRoot = ir.make("le", kv, q);
const maskOf = (root: Node): Expression => expressionOf("mask", root);
const scoreOf = (root: Node): Expression => expressionOf("score", root);

const tensor = (
  type: TensorValue["type"],
  shape: readonly number[],
  data: TensorValue["data"],
): TensorValue => ({ type, shape, data });

const numbers = (length: number, value: (n: number) => number): number[] =>
  Array.from({ length }, (_, n) => value(n));

export const captures: CaptureValues = {
  uniforms: new Map([
    ["width", 9],
    ["slope", 0.125],
  ]),
  tensors: new Map([
    ["doc", tensor("i32", [200], Int32Array.from(numbers(200, (n) => Math.floor(n / 23))))],
    ["slopes", tensor("f32", [6], Float32Array.from([0.5, 0.25, 0.125, 0.06, 0.03, 0.01]))],
    ["bias", tensor("f32", [64], Float32Array.from(numbers(64, Math.sin)))],
    ["grid", tensor("f32", [7, 40], Float32Array.from(numbers(280, Math.cos)))],
    ["cube", tensor("f32", [2, 5, 40], Float32Array.from(numbers(400, Math.sin)))],
    ["keep", tensor("bool", [150], Uint8Array.from(numbers(150, (n) => (n % 7 === 3 ? 0 : 1))))],
  ]),
};

export const masks: Readonly<Record<string, Expression | null>> = {
  none: null,
  causal: maskOf(causalRoot),
  window: maskOf(ir.make("and", causalRoot, ir.make("lt", distance, ir.uniform("width", "i32")))),
  document: maskOf(ir.make("eq", ir.load("doc", "i32", [q]), ir.load("doc", "i32", [kv]))),
  "some keys": maskOf(ir.load("keep", "bool", [kv])),
  "by head and batch": maskOf(
    ir.make("le", ir.make("rem", kv, ir.make("add", ir.make("add", h, b), int(2))), int(1)),
  ),
  // Compares floats: partial blocks come as bits.
  "by float": maskOf(
    ir.make(
      "lt",
      ir.make("abs", ir.make("sin", ir.make("toF32", ir.make("mul", q, kv)))),
      num(0.6),
    ),
  ),
};

const slope = ir.make("mul", ir.load("slopes", "f32", [h]), ir.make("toF32", distance));

export const scores: Readonly<Record<string, Expression | null>> = {
  none: null,
  alibi: scoreOf(ir.make("sub", ir.score(), slope)),
  "soft-cap": scoreOf(ir.make("mul", num(5), ir.make("tanh", ir.make("div", ir.score(), num(5))))),
  "relative bias": scoreOf(
    ir.make("add", ir.score(), ir.load("bias", "f32", [ir.make("add", distance, int(20))])),
  ),
  "falling bias": scoreOf(
    ir.make("add", ir.score(), ir.load("bias", "f32", [ir.make("sub", kv, q)])),
  ),
  grid: scoreOf(ir.make("add", ir.score(), ir.load("grid", "f32", [h, kv]))),
  "grid of both": scoreOf(
    ir.make("add", ir.score(), ir.load("grid", "f32", [ir.make("rem", q, int(9)), kv])),
  ),
  cube: scoreOf(ir.make("add", ir.score(), ir.load("cube", "f32", [h, q, kv]))),
  masking: scoreOf(ir.make("select", ir.make("lt", distance, int(30)), ir.score(), num(-Infinity))),
};

const named = (options: Readonly<Record<string, unknown>>): fc.Arbitrary<string> =>
  fc.constantFrom(...Object.keys(options));
const length = (most: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: most }));

/** The function names of a launch, and its sizes: what decides its kernel. */
export interface Draw {
  readonly mask: string;
  readonly score: string;
  readonly launch: TestLaunch;
}

export const draws = (dtypes: readonly FloatType[]): fc.Arbitrary<Draw> =>
  fc
    .record({
      schedule: fc.constantFrom("forward" as const, "decode" as const),
      dtype: fc.constantFrom(...dtypes),
      layout: fc.constantFrom<Layout[]>("dense", "interleaved", "padded"),
      B: fc.integer({ min: 1, max: 2 }),
      Hkv: fc.integer({ min: 1, max: 2 }),
      group: fc.integer({ min: 1, max: 3 }),
      M: length(200),
      N: length(500),
      D: length(100),
      Dv: length(100),
      mask: named(masks),
      score: named(scores),
      blockSize: fc.constantFrom(8, 24, 64, 128),
      offset: fc.nat(60),
      shorter: fc.integer({ min: 0, max: 40 }),
      hasSinks: fc.boolean(),
      scale: fc.constantFrom(undefined, 1, -0.5, 0),
      threads: fc.constantFrom(1, 3),
      seed: fc.nat(),
    })
    .map((made) => {
      const { B, Hkv, group, N, D, Dv, offset, shorter, hasSinks, scale, schedule } = made;
      const { mask, score, blockSize, seed, dtype, layout, threads } = made;
      const M = schedule === "decode" ? 1 + (made.M % 6) : made.M;
      const Hq = Hkv * group;
      const sinks = hasSinks ? Array.from({ length: Hq }, (_, n) => n - 2) : undefined;
      return {
        mask,
        score,
        launch: {
          shape: { B, Hkv, Hq, M, N, D, Dv },
          ...{ schedule, dtype, layout, threads, blockSize, seed, captures },
          mask: masks[mask] ?? null,
          score: scores[score] ?? null,
          queryOffset: [offset, 3],
          kvLength: [Math.max(0, N - shorter), N],
          ...(sinks === undefined ? {} : { sinks }),
          ...(scale === undefined ? {} : { scale }),
        },
      };
    });
