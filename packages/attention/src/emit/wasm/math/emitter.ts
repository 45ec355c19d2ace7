/** What the lane forms of mathematical functions are written with. */
import { i32, op } from "../asm/expression.ts";
import type { Callee, V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { add, mul, sub } from "../lanes.ts";

export type Fma = (a: V128, b: V128, c: V128) => V128;

/** Fused multiply-add; plain SIMD rounds twice. */
export const fmaOf = (relaxed: boolean): Fma =>
  relaxed ? (a, b, c) => op("f32x4.relaxed_madd", a, b, c) : (a, b, c) => add(mul(a, b), c);

export interface Emitter {
  readonly f: FunctionBuilder;
  readonly fma: Fma;
  /** A scalar function of f32s to f32: the import `math.<name>`, or one of the module's own. */
  scalar(name: string, arity: number): Callee;
}

/** Operands are locals: they may be read any number of times. */
export type LaneFunction = (e: Emitter, x: Local<"v128">, y: Local<"v128">) => V128;

/** c[0] + c[1] x + c[2] x^2 + ... */
export function horner({ f, fma }: Emitter, x: V128, coefficients: readonly number[]): V128 {
  const [highest = 0, ...rest] = coefficients.toReversed();
  return rest.reduce<V128>((sum, c) => fma(sum, x, f.lanes(c)), f.lanes(highest));
}

/**
 * 1.5 * 2^23 + 127: a sum with it is rounded to an integer n, and has n + 127, the exponent field of 2^n, in its low bits.
 */
export const ROUNDING_MAGIC = 12_583_039;

/** x + magic, for |x| up to 2^22. */
export const roundedBits = (f: FunctionBuilder, x: V128): V128 => add(x, f.lanes(ROUNDING_MAGIC));

/** The integer as a float. */
export const roundedValue = (f: FunctionBuilder, bits: V128): V128 =>
  sub(bits, f.lanes(ROUNDING_MAGIC));

/** 2^n from n + 127 in the low bits: n = -127 gives 0, 128 infinity. */
export const powerOf2 = (bits: V128): V128 => op("i32x4.shl", bits, i32(23));

/** value * 2^n, n from -252 to 254, by two factors: right also where the result is subnormal, or 2^n alone too large. */
export function scaled(f: FunctionBuilder, value: V128, n: V128): V128 {
  const whole = f.let("n", n);
  const half = f.let("half", op("i32x4.shr_s", whole, i32(1)));
  const power = (exponent: V128): V128 => powerOf2(op("i32x4.add", exponent, f.words(127)));
  return mul(mul(value, power(half)), power(op("i32x4.sub", whole, half)));
}
