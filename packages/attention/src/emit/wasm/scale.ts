/**
 * Where the scale goes. Dot products are kept as they are: folding the scale into the queries would round every element, and make
 * sums inexact that are exact (small integers, 16-bit inputs).
 *
 * With a score function, scores become natural logits, scale * dot, before it sees them. Without one, nobody sees them: the
 * tile holds dot products times the scale's sign, so that their maximum is the maximum, and |scale| is multiplied in
 * together with log2(e) where weights are taken: 2^(multiplier * (s - m)).
 */
import { PARAM } from "./abi.ts";
import { f32, f64, op, select } from "./asm/expression.ts";
import type { F32, V128 } from "./asm/expression.ts";
import type { FunctionBuilder, Local } from "./asm/function.ts";
import type { KernelContext } from "./context.ts";
import { floatAt, splat } from "./lanes.ts";

/** Whether tiles hold natural logits. */
export const isNatural = ({ spec }: KernelContext): boolean => spec.score !== null;

const scaleOf = ({ registers }: KernelContext): F32 => floatAt(registers.params, PARAM.scale);

/** What dot products are multiplied by as they are made: 1, or -1 or 0 for such a scale. Exact. */
export function dotFactor(context: KernelContext): F32 {
  if (isNatural(context)) return f32(1);
  const scale = scaleOf(context);
  return select(op("f32.eq", scale, f32(0)), f32(0), op("f32.copysign", f32(1), scale));
}

/** The size of the scale, 1 where that is 0: from what the tile holds to natural logits. */
function scaleSize(context: KernelContext): F32 {
  const scale = scaleOf(context);
  return select(op("f32.eq", scale, f32(0)), f32(1), op("f32.abs", scale));
}

/** From what the tile holds to base-2 logits, in all lanes. */
export function multiplier(context: KernelContext, f: FunctionBuilder): Local<"v128"> {
  if (isNatural(context)) return f.lanes(Math.LOG2E);
  const exact = op("f64.mul", op("f64.promote_f32", scaleSize(context)), f64(Math.LOG2E));
  return f.constant("multiplier", () => splat(op("f32.demote_f64", exact)));
}

/** From dot products to the natural logits that a score function sees. */
export const naturalLogit = (context: KernelContext, f: FunctionBuilder, dot: V128): V128 =>
  op("f32x4.mul", dot, f.constant("scale", () => splat(scaleOf(context))));

/** From a maximum as the tile holds it to one of natural logits. */
export const naturalMaximum = (context: KernelContext, f: FunctionBuilder, maximum: V128): V128 =>
  isNatural(context)
    ? maximum
    : op("f32x4.mul", maximum, f.constant("scaleSize", () => splat(scaleSize(context))));
