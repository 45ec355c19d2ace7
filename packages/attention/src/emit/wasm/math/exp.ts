/** Exponentials. `functions.test.ts` holds the error of each against float64, in units in the last place. */
import { op } from "../asm/expression.ts";
import type { V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { add, larger, mul, sub } from "../lanes.ts";
import { ROUNDING_MAGIC, horner, powerOf2, roundedBits, roundedValue, scaled } from "./emitter.ts";
import type { Emitter, LaneFunction } from "./emitter.ts";

/**
 * 2^f on [-1/2, 1/2] as 1 + c1 f + ... + c5 f^5: minimax relative error 9.1e-8 with the constant term held at 1, so that
 * 2^0 is exactly 1; 1.7e-7 with every operation rounded to f32. Another term (2.0e-9) made the softmax a seventh slower,
 * and its results no better: the sums around it round as much.
 */
const exp2Coefficients: readonly number[] = [
  0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957,
  0.001326472731307149,
];

/** 2^f, f from -1/2 to 1/2. */
export function exp2Fraction(e: Emitter, fraction: V128): V128 {
  return e.fma(horner(e, fraction, exp2Coefficients), fraction, e.f.lanes(1));
}

/** 2^(factor * x): the factor, and -127 / factor, in all lanes. */
export interface Exponential {
  readonly factor: Local<"v128">;
  readonly floor: Local<"v128">;
}

/** e^x as such. */
export const natural = (f: FunctionBuilder): Exponential => ({
  factor: f.lanes(Math.LOG2E),
  floor: f.lanes(-127 / Math.LOG2E),
});

/**
 * The softmax's exponential, in place, for factor * x below 127: `x` is overwritten. -Infinity and all that would be below 2^-126.5
 * give exactly 0, 0 gives exactly 1. NaN stays NaN, because the power of two is multiplied in, not added to the exponent.
 */
export function exponentialInPlace(
  e: Emitter,
  x: Local<"v128">,
  { factor, floor }: Exponential,
): V128 {
  const { f, fma } = e;
  const bits = f.local("v128", "bits");
  f.set(x, larger(x, floor));
  f.set(bits, fma(x, factor, f.lanes(ROUNDING_MAGIC)));
  f.set(x, fma(x, factor, sub(f.lanes(ROUNDING_MAGIC), bits)));
  f.set(bits, powerOf2(bits));
  // 2^n + (2^n r) q(r): both products by 2^n are exact, and the chain of operations is one shorter.
  return fma(horner(e, x, exp2Coefficients), mul(x, bits), bits);
}

/** ln 2 in two parts; the first has so few bits that n times it is exact. Cephes, expf.c. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;

/** (e^r - 1 - r) / r^2 on |r| <= ln(2)/2. Cephes, expf.c. */
const expCoefficients: readonly number[] = [
  5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3,
  1.98756915e-4,
];

interface Reduced {
  /** n in the low bits, x = n ln 2 + r. */
  readonly bits: Local<"v128">;
  /** e^r - 1. */
  readonly rest: Local<"v128">;
}

function reduced(e: Emitter, x: Local<"v128">): Reduced {
  const { f, fma } = e;
  const bits = f.let("bits", roundedBits(f, mul(x, f.lanes(Math.LOG2E))));
  const n = f.let("whole", roundedValue(f, bits));
  const r = f.let("r", fma(n, f.lanes(-LN2_HIGH), x));
  f.set(r, fma(n, f.lanes(-LN2_LOW), r));
  const square = mul(r, r);
  return { bits, rest: f.let("rest", fma(horner(e, r, expCoefficients), square, r)) };
}

/** The rounded integer as an integer. */
const integerOf = (f: FunctionBuilder, bits: V128): V128 =>
  op("i32x4.sub", bits, f.words(floatBits(ROUNDING_MAGIC)));

function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0] ?? 0;
}

/** x kept within [low, high]; NaN stays. */
export const clamped = (f: FunctionBuilder, x: V128, low: number, high: number): Local<"v128"> =>
  f.let("x", op("f32x4.pmin", larger(x, f.lanes(low)), f.lanes(high)));

/** e^x; overflows to Infinity, underflows through the subnormals. */
export const exp: LaneFunction = (e, argument) => {
  const { f } = e;
  const x = clamped(f, argument, -105, 89);
  const { bits, rest } = reduced(e, x);
  return scaled(f, add(rest, f.lanes(1)), integerOf(f, bits));
};

/** e^x - 1, without cancellation near 0: 2^n * (e^r - 1 + (1 - 2^-n)). */
export const expm1: LaneFunction = (e, argument) => {
  const { f } = e;
  const x = clamped(f, argument, -18, 89);
  const { bits, rest } = reduced(e, x);
  const n = f.let("power", integerOf(f, bits));
  const missing = sub(f.lanes(1), inversePower(f, n));
  return scaled(f, add(rest, missing), n);
};

/** 2^-n, n at most 128: the last of these is the subnormal 2^-128, which nothing notices, taken as 0. */
function inversePower(f: FunctionBuilder, n: V128): V128 {
  return powerOf2(op("i32x4.sub", f.words(127), op("i32x4.min_s", n, f.words(127))));
}

/** tanh x = t / (t + 2), t = e^2x - 1: no cancellation, no second branch near 0. */
export const tanh: LaneFunction = (e, argument) => {
  const { f } = e;
  const x = clamped(f, mul(argument, f.lanes(2)), -20, 20);
  const { bits, rest } = reduced(e, x);
  const power = f.let("power", powerOf2(bits));
  const t = f.let("t", e.fma(rest, power, sub(power, f.lanes(1))));
  return op("f32x4.div", t, add(t, f.lanes(2)));
};
