/**
 * The end of a row: from running maximum m, as natural logit, and sum l to what is written.
 *
 *     out = O / l,   lse = m + ln l,   max = m
 *
 * A sink s joins here and nowhere else: l' = l * e^(m - m') + e^(s - m'), m' = max(m, s). A row with neither keys nor a sink gives
 * out = 0, lse = -Infinity; a NaN among its scores makes all three NaN. A score of +Infinity does so to out and lse; max is then +Infinity.
 */
import { f32, i32, load, op, store } from "./asm/expression.ts";
import type { I32, V128 } from "./asm/expression.ts";
import type { FunctionBuilder, Local } from "./asm/function.ts";
import { emitterOf, HALVES, param } from "./context.ts";
import type { KernelContext } from "./context.ts";
import { add, choose, div, larger, plus, splat, sub, times } from "./lanes.ts";
import { exponentialInPlace, natural } from "./math/exp.ts";
import { log } from "./math/log.ts";
import { naturalMaximum } from "./scale.ts";
import { OWN, reference, STATE } from "./state.ts";

/** The head's sink; -Infinity, which changes nothing, where there are none. */
function sinkOf(context: KernelContext, f: FunctionBuilder): Local<"f32"> {
  const sink = f.let("sink", f32(-Infinity));
  const sinks = param(context, "sinksAt");
  f.if(op("i32.ne", sinks, i32(0)), () =>
    f.set(sink, load("f32.load", plus(sinks, times(context.registers.head, 4)))),
  );
  return sink;
}

/** Where four rows have their state, and where what is written goes. */
interface RowsAt {
  readonly state: I32;
  readonly own: I32;
  readonly half: number;
}

/** Divisor for O, lse and maximum of four rows. */
function finishLanes(context: KernelContext, f: FunctionBuilder, sink: V128, at: RowsAt): void {
  const e = emitterOf(context, f);
  const write = (value: V128, to: number): void =>
    f.do(store("v128.store", at.own, value, to + at.half));
  const stored = load("v128.load", at.state, STATE.maximum + at.half);
  const maximum = f.let("max", naturalMaximum(context, f, stored));
  const sum = f.let("sum", load("v128.load", at.state, STATE.sum + at.half));
  const isNaN = op("f32x4.ne", sum, sum);
  const isFinite = op("f32x4.ne", maximum, f.lanes(Infinity));
  write(choose(op("v128.and", isNaN, isFinite), sum, maximum), OWN.maximum);
  const joint = f.let("joint", larger(maximum, sink));
  f.set(joint, reference(f, joint));
  const x = f.let("x", sub(maximum, joint));
  const alpha = f.let("alpha", exponentialInPlace(e, x, natural(f)));
  f.set(x, sub(sink, joint));
  f.set(sum, e.fma(sum, alpha, exponentialInPlace(e, x, natural(f))));
  const empty = op("f32x4.eq", sum, f.lanes(0));
  write(choose(empty, f.lanes(Infinity), div(sum, alpha)), OWN.divisor);
  write(add(joint, log(e, sum, sum)), OWN.lse);
}

/** `finish(state, own)`: for the 8 rows of a panel, into `OWN.divisor`, `OWN.lse` and `OWN.maximum`. */
export function finishFunction(context: KernelContext): FunctionBuilder {
  return context.module.function("finish", { state: "i32", own: "i32" }, (f, { state, own }) => {
    const sink = f.let("sinks", splat(sinkOf(context, f)));
    for (const half of HALVES) finishLanes(context, f, sink, { state, own, half });
    return undefined;
  });
}
