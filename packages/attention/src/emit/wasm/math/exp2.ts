/** 2^x, the heart of the softmax. */
import { i32, op } from "../asm/expression.ts";
import type { V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import type { KernelContext } from "../context.ts";
import { add, larger, mul, sub } from "../lanes.ts";

/**
 * 2^f on [-1/2, 1/2] as 1 + c1 f + ... + c5 f^5: minimax relative error 9.1e-8 with the constant term fixed at 1, so that
 * 2^0 is exactly 1; 1.7e-7 (1.4 ulp) with every operation rounded to f32.
 */
export const exp2Coefficients: readonly number[] = [
  0.6931470036506653, 0.24022242426872253, 0.05550733581185341, 0.009671512991189957, 0.001326472731307149,
];

/** 1.5 * 2^23: adding it leaves x rounded to an integer in the low bits of the sum. */
const roundingMagic = 12_582_912;

/**
 * 2^x for x <= 0 (up to 127 is right too), in place: `x` is a local, overwritten.
 * -Infinity and everything below -126.5 give exactly 0; NaN stays NaN, because the power is multiplied in, not added to
 * the exponent.
 */
export function exp2InPlace(f: FunctionBuilder, fma: KernelContext["fma"], x: Local<"v128">): V128 {
  const rounded = f.local("v128", "rounded");
  const sum = f.local("v128", "sum");
  f.set(x, larger(x, f.lanes(-127)));
  f.set(rounded, add(x, f.lanes(roundingMagic)));
  f.set(x, sub(x, sub(rounded, f.lanes(roundingMagic))));
  f.set(sum, horner(f, fma, x, exp2Coefficients));
  return mul(fma(sum, x, f.lanes(1)), power(f, rounded));
}

/** c[0] + c[1] x + ... */
export function horner(
  f: FunctionBuilder,
  fma: KernelContext["fma"],
  x: Local<"v128">,
  coefficients: readonly number[],
): V128 {
  return coefficients
    .toReversed()
    .reduce<V128 | null>((sum, c) => (sum === null ? f.lanes(c) : fma(sum, x, f.lanes(c))), null) ?? f.lanes(0);
}

/** 2^n, where n is the integer in the low bits of `rounded`: -127 gives 0. */
const power = (f: FunctionBuilder, rounded: V128): V128 =>
  op("i32x4.add", op("i32x4.shl", rounded, i32(23)), f.words(0x3f80_0000));

