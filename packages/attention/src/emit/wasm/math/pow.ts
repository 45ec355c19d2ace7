/** a ** b = 2^(b log2 |a|), the logarithm and the product in float64, so that no accuracy is lost where they are large. */
import { i32, op, shuffle } from "../asm/expression.ts";
import type { V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { choose, mul } from "../lanes.ts";
import { exp2Fraction } from "./exp.ts";
import { scaled } from "./emitter.ts";
import type { Emitter, LaneFunction } from "./emitter.ts";

const product = (a: V128, b: V128): V128 => op("f64x2.mul", a, b);

/** log2(m) = 2/ln 2 * (t + t^3/3 + ... + t^11/11), t = (m - 1)/(m + 1), |t| <= 0.1716: error below 1e-11. */
function log2OfMantissa(f: FunctionBuilder, mantissa: V128): V128 {
  const m = f.let("m", op("f64x2.promote_low_f32x4", mantissa));
  const one = f.doubles(1);
  const t = f.let("t", op("f64x2.div", op("f64x2.sub", m, one), op("f64x2.add", m, one)));
  const square = f.let("t2", op("f64x2.mul", t, t));
  const series = [11, 9, 7, 5, 3, 1]
    .map((n) => 2 / Math.LN2 / n)
    .reduce<V128 | null>(
      (sum, c) =>
        sum === null ? f.doubles(c) : op("f64x2.add", product(sum, square), f.doubles(c)),
      null,
    );
  return product(series ?? one, t);
}

interface Base {
  readonly exponent: Local<"v128">;
  readonly mantissa: Local<"v128">;
}

/** |a| = 2^exponent * mantissa, mantissa in [sqrt(1/2), sqrt(2)); the exponent as an integer. */
function splitBase(f: FunctionBuilder, size: Local<"v128">): Base {
  const tiny = f.let("tiny", op("f32x4.lt", size, f.lanes(2 ** -126)));
  const bits = f.let("bits", choose(tiny, mul(size, f.lanes(2 ** 25)), size));
  const above = op("i32x4.sub", bits, f.words(0x3f35_04f3));
  const whole = f.let("whole", op("i32x4.shr_s", above, i32(23)));
  const mantissa = f.let("mantissa", op("i32x4.sub", bits, op("i32x4.shl", whole, i32(23))));
  const exponent = op("i32x4.add", whole, op("v128.and", tiny, f.words(-25)));
  return { exponent: f.let("exponent", exponent), mantissa };
}

/** n and the fraction of b log2|a| for two lanes, in low halves. */
function productTwo(
  f: FunctionBuilder,
  base: { exponent: V128; mantissa: V128 },
  b: V128,
): { n: V128; rest: V128 } {
  const exponent = op("f64x2.convert_low_i32x4_s", base.exponent);
  const logarithm = op("f64x2.add", exponent, log2OfMantissa(f, base.mantissa));
  const exact = product(op("f64x2.promote_low_f32x4", b), logarithm);
  const kept = op("f64x2.pmin", op("f64x2.pmax", exact, f.doubles(-250)), f.doubles(250));
  const y = f.let("y", kept);
  const n = f.let("n", op("f64x2.nearest", y));
  return {
    n: op("i32x4.trunc_sat_f64x2_s_zero", n),
    rest: op("f32x4.demote_f64x2_zero", op("f64x2.sub", y, n)),
  };
}

const upper = (a: V128): V128 => shuffle(a, a, [2, 3, 2, 3]);
const joined = (low: V128, high: V128): V128 => shuffle(low, high, [0, 1, 4, 5]);

/** |a| ** b for 0 < |a| < Infinity. */
function powerOfSize(e: Emitter, size: Local<"v128">, b: Local<"v128">): V128 {
  const { f } = e;
  const { exponent, mantissa } = splitBase(f, size);
  const low = productTwo(f, { exponent, mantissa }, b);
  const high = productTwo(f, { exponent: upper(exponent), mantissa: upper(mantissa) }, upper(b));
  const rest = f.let("rest", joined(low.rest, high.rest));
  return scaled(f, exp2Fraction(e, rest), joined(low.n, high.n));
}

/** 0 ** b and Infinity ** b for b other than 0: 0 or Infinity; NaN where either is NaN. */
function powerOfEdge(f: FunctionBuilder, size: V128, b: V128): V128 {
  const grows = op("i32x4.eq", op("f32x4.gt", size, f.lanes(0)), op("f32x4.gt", b, f.lanes(0)));
  const unordered = op("v128.or", op("f32x4.ne", size, size), op("f32x4.ne", b, b));
  const value = op("v128.and", grows, f.lanes(Infinity));
  return op("v128.or", value, op("v128.and", unordered, f.lanes(Number.NaN)));
}

export const pow: LaneFunction = (e, a, b) => {
  const { f } = e;
  const and = (x: V128, y: V128): V128 => op("v128.and", x, y);
  const size = f.let("size", op("f32x4.abs", a));
  const regular = f.let(
    "regular",
    and(op("f32x4.gt", size, f.lanes(0)), op("f32x4.lt", size, f.lanes(Infinity))),
  );
  const value = f.let("value", choose(regular, powerOfSize(e, size, b), powerOfEdge(f, size, b)));
  // From 2^24 on every f32 is even.
  const isWhole = f.let("isWhole", op("f32x4.eq", op("f32x4.trunc", b), b));
  const bit = op("i32x4.shl", op("i32x4.trunc_sat_f32x4_s", b), i32(31));
  const isSmall = op("f32x4.lt", op("f32x4.abs", b), f.lanes(2 ** 24));
  const oddSign = and(and(isWhole, isSmall), bit);
  const signed = f.let("signed", op("v128.xor", value, and(oddSign, a)));
  const negative = op("f32x4.lt", a, f.lanes(0));
  const undefinedThere = op("v128.andnot", and(negative, regular), isWhole);
  const result = op("v128.or", signed, and(undefinedThere, f.lanes(Number.NaN)));
  return choose(op("f32x4.eq", b, f.lanes(0)), f.lanes(1), result);
};
