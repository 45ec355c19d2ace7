/**
 * The end of a row: from running maximum m and sum l to what is written.
 *
 *     out = O / l,   lse = ln 2 * (m + log2 l),   m in base-2 logits;   max = m in natural logits
 *
 * A sink s joins here and nowhere else: l' = l * 2^(m - m') + 2^(s - m'), m' = max(m, s). A row with neither keys nor a sink gives
 * out = 0, lse = -Infinity; a NaN among its scores makes all three NaN.
 */
import { f32, i32, load, op, shuffle, store } from "./asm/expression.ts";
import type { F32, I32, V128 } from "./asm/expression.ts";
import type { FunctionBuilder, Local } from "./asm/function.ts";
import { emitterOf, HALVES, param } from "./context.ts";
import type { KernelContext } from "./context.ts";
import { choose, div, larger, mul, plus, splat, sub, times } from "./lanes.ts";
import { exp2InPlace } from "./math/exp.ts";
import { log2 } from "./math/log.ts";
import { multiplier, naturalMaximum } from "./scale.ts";
import { OWN, STATE } from "./softmax.ts";

/** The head's sink as a base-2 logit; -Infinity, which changes nothing, where there are none. */
function sinkLogit(context: KernelContext, f: FunctionBuilder): Local<"f32"> {
  const sink = f.let("sink", f32(-Infinity));
  const sinks = param(context, "sinksAt");
  f.if(op("i32.ne", sinks, i32(0)), () => {
    const own: F32 = load("f32.load", plus(sinks, times(context.registers.head, 4)));
    f.set(sink, op("f32.mul", own, f32(Math.LOG2E)));
  });
  return sink;
}

/** Lanes of one vector of rows: factor for O, lse and natural maximum, from m and l. */
function finishLanes(
  context: KernelContext,
  f: FunctionBuilder,
  sink: V128,
  at: { readonly state: I32; readonly own: I32; readonly half: number },
): void {
  const e = emitterOf(context, f);
  const maximum = f.let("max", load("v128.load", at.state, STATE.maximum + at.half));
  const sum = f.let("sum", load("v128.load", at.state, STATE.sum + at.half));
  const isNan = f.let("isNan", op("f32x4.ne", sum, sum));
  const own = f.let("own", mul(maximum, multiplier(context, f)));
  const joint = f.let("joint", larger(own, sink));
  f.set(joint, op("v128.andnot", joint, op("f32x4.eq", joint, f.lanes(-Infinity))));
  const x = f.let("x", sub(own, joint));
  const alpha = f.let("alpha", exp2InPlace(e, x));
  f.set(x, sub(sink, joint));
  f.set(sum, e.fma(sum, alpha, exp2InPlace(e, x)));
  const empty = f.let("empty", op("f32x4.eq", sum, f.lanes(0)));
  f.do(store("v128.store", at.own, op("v128.andnot", div(alpha, sum), empty), OWN.inverse + at.half));
  const lse = naturalSum(f, joint, f.let("log", log2(e, sum, sum)));
  f.do(store("v128.store", at.own, lse, OWN.lse + at.half));
  const natural = naturalMaximum(context, f, maximum);
  f.do(store("v128.store", at.own, choose(isNan, sum, natural), OWN.natural + at.half));
}

/** ln 2 * (a + b), in float64: a may be hundreds, and its every digit counts. */
function naturalSum(f: FunctionBuilder, a: V128, b: V128): V128 {
  const wide = (x: V128): V128 => op("f64x2.promote_low_f32x4", x);
  const two = (x: V128, y: V128): V128 =>
    op("f32x4.demote_f64x2_zero", op("f64x2.mul", op("f64x2.add", wide(x), wide(y)), f.doubles(Math.LN2)));
  const upper = (x: V128): V128 => shuffle(x, x, [2, 3, 2, 3]);
  return shuffle(two(a, b), two(upper(a), upper(b)), [0, 1, 4, 5]);
}

/** `finish(state, own)`: for the 8 rows of a panel, into `OWN.inverse`, `OWN.lse` and `OWN.natural`. */
export function finishFunction(context: KernelContext): FunctionBuilder {
  return context.module.function("finish", { state: "i32", own: "i32" }, (f, { state, own }) => {
    const sink = f.let("sinks", splat(sinkLogit(context, f)));
    for (const half of HALVES) finishLanes(context, f, sink, { state, own, half });
    return undefined;
  });
}
