/**
 * The three steps of unfused attention as WebAssembly SIMD: a matrix product, a row-wise softmax, a matrix product.
 *
 * Written to be fast: tiles of 6 rows by 8 columns (12 accumulators), packed panels of 8 columns, fused multiply-add
 * where the engine has it, and the same exponential as the kernels. Only the fusion is missing.
 */
import { extractLane, i32, load, op, store } from "../emit/wasm/asm/expression.ts";
import type { F32, I32, V128 } from "../emit/wasm/asm/expression.ts";
import type { FunctionBuilder, Local } from "../emit/wasm/asm/function.ts";
import { ModuleBuilder } from "../emit/wasm/asm/module.ts";

/** Rows that a product computes at once; callers pad to it. */
export const ROWS = 6;

/** Columns of a packed panel; callers pad to it. */
export const COLUMNS = 8;

const VECTOR = 16;
const PANEL_ROW = COLUMNS * 4;
const UNROLL = 4;

interface Product {
  /** Elements summed over: columns of A, rows of B. */
  readonly inner: number;
  /** Columns of A's and C's rows in memory. */
  readonly strideA: number;
  readonly strideC: number;
}

type Fma = (a: V128, b: V128, c: V128) => V128;

const add = (a: V128, b: V128): V128 => op("f32x4.add", a, b);
const sub = (a: V128, b: V128): V128 => op("f32x4.sub", a, b);
const mul = (a: V128, b: V128): V128 => op("f32x4.mul", a, b);
const larger = (a: V128, b: V128): V128 => op("f32x4.pmax", a, b);
const splat = (value: F32): V128 => op("f32x4.splat", value);
const plus = (a: I32, bytes: number): I32 => op("i32.add", a, i32(bytes));

/** `name(a, b, c, panels)`: C[6][8 * panels] = A[6][inner] * B; B lies in panels of [inner][8], one after the other. */
function productFunction(module: ModuleBuilder, fma: Fma, name: string, shape: Product): void {
  const { inner, strideA, strideC } = shape;
  const params = { a: "i32", b: "i32", c: "i32", panels: "i32" } as const;
  const fill = (f: FunctionBuilder, p: Record<keyof typeof params, Local<"i32">>): undefined => {
    const acc = Array.from({ length: ROWS * 2 }, (_, at) => f.local("v128", `acc${at}`));
    const [low, high] = [f.local("v128", "low"), f.local("v128", "high")];
    const element = f.local("v128", "element");
    const at = f.local("i32", "at");
    const step = (n: number): void => {
      f.set(low, load("v128.load", p.b, n * PANEL_ROW));
      f.set(high, load("v128.load", p.b, n * PANEL_ROW + VECTOR));
      acc.forEach((sum, index) => {
        if (index % 2 === 0) {
          f.set(element, load("v128.load32_splat", at, ((index / 2) * strideA + n) * 4));
        }
        f.set(sum, fma(element, index % 2 === 0 ? low : high, sum));
      });
    };
    const steps = (count: number): void => {
      for (let n = 0; n < count; n++) step(n);
      f.set(p.b, plus(p.b, count * PANEL_ROW));
      f.set(at, plus(at, count * 4));
    };
    const whole = inner - (inner % UNROLL);
    f.loop("panel", (nextPanel) => {
      for (const sum of acc) f.set(sum, f.lanes(0));
      f.set(at, p.a);
      const end = f.let("end", plus(p.a, whole * 4));
      if (whole > 0) {
        f.loop("inner", (again) => {
          steps(UNROLL);
          f.branch(again, op("i32.lt_u", at, end));
        });
      }
      if (inner > whole) steps(inner - whole);
      acc.forEach((sum, index) => {
        const offset = (index >> 1) * strideC * 4 + (index % 2) * VECTOR;
        f.do(store("v128.store", p.c, sum, offset));
      });
      f.set(p.c, plus(p.c, PANEL_ROW));
      f.branch(nextPanel, f.tee(p.panels, op("i32.sub", p.panels, i32(1))));
    });
  };
  module.function(name, params, fill, { exported: true });
}

/** 2^f on [-1/2, 1/2] as 1 + c1 f + ... + c5 f^5; minimax, relative error 9.1e-8. */
const coefficients = [
  0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957,
  0.001326472731307149,
] as const;

/** 1.5 * 2^23: adding it leaves an integer in the low bits. */
const ROUNDING = 12_582_912;

/** 2^x for x <= 0, overwriting x; exactly 0 below -126.5. */
function exp2(f: FunctionBuilder, fma: Fma, x: Local<"v128">): V128 {
  const rounded = f.local("v128", "rounded");
  const sum = f.local("v128", "sum");
  f.set(x, larger(x, f.lanes(-127)));
  f.set(rounded, add(x, f.lanes(ROUNDING)));
  f.set(x, sub(x, sub(rounded, f.lanes(ROUNDING))));
  const [constant, ...higher] = coefficients;
  f.set(sum, f.lanes(higher.at(-1) ?? 0));
  for (const c of higher.slice(0, -1).toReversed()) f.set(sum, fma(sum, x, f.lanes(c)));
  f.set(sum, fma(sum, x, f.lanes(constant)));
  const power = op("i32x4.add", op("i32x4.shl", rounded, i32(23)), f.words(0x3f80_0000));
  return mul(fma(sum, x, f.lanes(1)), power);
}

/** One number from four lanes. */
function reduce(f: FunctionBuilder, value: V128, join: (a: F32, b: F32) => F32): F32 {
  const lanes = f.let("lanes", value);
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) => extractLane("f32x4", lanes, lane));
  return a && b && c && d ? join(join(a, b), join(c, d)) : extractLane("f32x4", lanes, 0);
}

/**
 * `softmax(row, bias, bytes, sink)`: s = row + bias; row = exp(s - max) / (sum + exp(sink - max)). A row of -Infinity becomes zeros.
 * `bias` is where a mask enters, as 0 and -Infinity; `sink` is -Infinity for none.
 */
function softmaxFunction(module: ModuleBuilder, fma: Fma): void {
  const params = { row: "i32", bias: "i32", bytes: "i32", sink: "f32" } as const;
  const fill = (
    f: FunctionBuilder,
    {
      row,
      bias,
      bytes,
      sink,
    }: { row: Local<"i32">; bias: Local<"i32">; bytes: Local<"i32">; sink: Local<"f32"> },
  ): undefined => {
    const end = f.let("end", op("i32.add", row, bytes));
    const at = f.local("i32", "at");
    const x = f.local("v128", "x");
    const max = f.let("max", splat(sink));
    f.set(at, row);
    f.countUp("largest", at, end, VECTOR, () => {
      f.set(x, add(load("v128.load", at), load("v128.load", bias)));
      f.do(store("v128.store", at, x));
      f.set(max, larger(max, x));
      f.set(bias, plus(bias, VECTOR));
    });
    f.set(max, splat(reduce(f, max, (a, b) => op("f32.max", a, b))));
    // A row without any score is weighed against 0.
    f.set(max, op("v128.andnot", max, op("f32x4.eq", max, f.lanes(-Infinity))));
    const sum = f.let("sum", f.lanes(0));
    const weigh = (value: V128): V128 => {
      f.set(x, mul(sub(value, max), f.lanes(Math.LOG2E)));
      return exp2(f, fma, x);
    };
    f.set(at, row);
    f.countUp("weigh", at, end, VECTOR, () => {
      f.set(x, weigh(load("v128.load", at)));
      f.do(store("v128.store", at, x));
      f.set(sum, add(sum, x));
    });
    const total = f.let("total", splat(reduce(f, sum, (a, b) => op("f32.add", a, b))));
    f.set(total, add(total, weigh(splat(sink))));
    const inverse = f.let("inverse", op("f32x4.div", f.lanes(1), total));
    f.set(inverse, op("v128.andnot", inverse, op("f32x4.eq", total, f.lanes(0))));
    f.set(at, row);
    f.countUp("normalise", at, end, VECTOR, () => {
      f.do(store("v128.store", at, mul(load("v128.load", at), inverse)));
    });
  };
  module.function("softmax", params, fill, { exported: true });
}

export interface UnfusedShape {
  readonly D: number;
  readonly Dv: number;
  /** Keys, padded to a multiple of COLUMNS. */
  readonly keys: number;
  /** Columns of the output's rows, Dv padded to a multiple of COLUMNS. */
  readonly columns: number;
}

/** A module that imports `env.memory` and exports `scores`, `softmax` and `values`. */
export function unfusedModule(
  { D, keys, columns }: UnfusedShape,
  relaxed: boolean,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.useMemory({ shared: false });
  // Plain SIMD rounds the product as well.
  const fma: Fma = relaxed
    ? (a, b, c) => op("f32x4.relaxed_madd", a, b, c)
    : (a, b, c) => add(mul(a, b), c);
  productFunction(module, fma, "scores", { inner: D, strideA: D, strideC: keys });
  softmaxFunction(module, fma);
  productFunction(module, fma, "values", { inner: keys, strideA: keys, strideC: columns });
  return module.encode();
}
