/** Logarithms, after Cephes (logf.c, log2f.c, log10f.c): x = 2^e m, m in [sqrt(1/2), sqrt(2)), a polynomial in m - 1. */
import { i32, op } from "../asm/expression.ts";
import type { V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { add, choose, div, mul, sub } from "../lanes.ts";
import { horner } from "./emitter.ts";
import type { Emitter, LaneFunction } from "./emitter.ts";

/** (log(1 + x) - x + x^2/2) / x^3. */
const logCoefficients: readonly number[] = [
  3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1,
  -1.2420140846e-1, 1.167699874e-1, -1.151461031e-1, 7.0376836292e-2,
];

interface Split {
  /** The exponent, a float. */
  readonly exponent: Local<"v128">;
  /** m - 1. */
  readonly x: Local<"v128">;
  /** log(m) - (m - 1). */
  readonly tail: Local<"v128">;
}

/** For positive finite arguments; subnormals are scaled up first. */
function split(e: Emitter, argument: Local<"v128">): Split {
  const { f, fma } = e;
  const tiny = f.let("tiny", op("f32x4.lt", argument, f.lanes(2 ** -126)));
  const bits = f.let("mantissa", choose(tiny, mul(argument, f.lanes(2 ** 25)), argument));
  // Subtracting the pattern of sqrt(1/2) leaves the exponent, as it is for m in [sqrt(1/2), sqrt(2)), above bit 23.
  const above = op("i32x4.sub", bits, f.words(0x3f35_04f3));
  const whole = f.let("whole", op("i32x4.shr_s", above, i32(23)));
  const x = f.let("x", sub(op("i32x4.sub", bits, op("i32x4.shl", whole, i32(23))), f.lanes(1)));
  const scale = op("v128.and", tiny, f.lanes(-25));
  const exponent = f.let("exponent", add(op("f32x4.convert_i32x4_s", whole), scale));
  const square = f.let("square", mul(x, x));
  const cubic = mul(mul(x, square), horner(e, x, logCoefficients));
  return { exponent, x, tail: f.let("tail", fma(square, f.lanes(-0.5), cubic)) };
}

/** Negative arguments and NaN give NaN, 0 gives -Infinity, Infinity itself. */
function withEdges(f: FunctionBuilder, argument: Local<"v128">, value: V128): V128 {
  const positive = op("f32x4.gt", argument, f.lanes(0));
  const finite = op("f32x4.lt", argument, f.lanes(Infinity));
  const isZero = op("f32x4.eq", argument, f.lanes(0));
  // Infinity for itself, NaN for NaN and for negatives (their square root).
  const special = f.let("special", choose(isZero, f.lanes(-Infinity), op("f32x4.sqrt", argument)));
  return choose(op("v128.and", positive, finite), value, special);
}

export const log: LaneFunction = (e, argument) => {
  const { f, fma } = e;
  const { exponent, x, tail } = split(e, argument);
  const low = fma(exponent, f.lanes(-2.1219444e-4), tail);
  return withEdges(f, argument, fma(exponent, f.lanes(0.693359375), add(x, low)));
};

/** log2(e) - 1. */
const LOG2_E_FRACTION = 0.44269504088896340736;

export const log2: LaneFunction = (e, argument) => {
  const { f, fma } = e;
  const { exponent, x, tail } = split(e, argument);
  const fraction = f.lanes(LOG2_E_FRACTION);
  const small = fma(x, fraction, mul(tail, fraction));
  return withEdges(f, argument, add(exponent, add(x, add(tail, small))));
};

export const log10: LaneFunction = (e, argument) => {
  const { f, fma } = e;
  const { exponent, x, tail } = split(e, argument);
  // log10(e) and log10(2), each in two parts.
  const [eHigh, eLow] = [f.lanes(4.3359375e-1), f.lanes(7.00731903251827651129e-4)];
  const [twoHigh, twoLow] = [f.lanes(3.0078125e-1), f.lanes(2.48745663981195213739e-4)];
  const terms: readonly (readonly [V128, V128])[] = [
    [tail, eLow],
    [x, eLow],
    [exponent, twoLow],
    [tail, eHigh],
    [x, eHigh],
    [exponent, twoHigh],
  ];
  const sum = terms.reduce<V128>((total, [a, b]) => fma(a, b, total), f.lanes(0));
  return withEdges(f, argument, sum);
};

/** log(1 + x) = log(u) + (x - (u - 1)) / u, u = 1 + x rounded: the second term is what rounding lost. */
export const log1p: LaneFunction = (e, x) => {
  const { f } = e;
  const u = f.let("u", add(x, f.lanes(1)));
  const lost = div(sub(x, sub(u, f.lanes(1))), u);
  const regular = op(
    "v128.and",
    op("f32x4.gt", u, f.lanes(0)),
    op("f32x4.lt", u, f.lanes(Infinity)),
  );
  const correction = f.let("correction", op("v128.and", lost, regular));
  return add(log(e, u, u), correction);
};
