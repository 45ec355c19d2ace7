/**
 * Where the scale goes. Dot products are kept as they are: folding the scale into the queries would round every element, and make
 * sums inexact that are exact (small integers, 16-bit inputs).
 *
 * With a score function, scores become natural logits, scale * dot, before it sees them. Without one, nobody sees them: the
 * tile holds dot products times the scale's sign, so that their maximum is the maximum, and |scale| is multiplied in
 * together with log2(e) where weights are taken: 2^(c (s - m)), c = |scale| log2(e).
 */
import { PARAM } from "./abi.ts";
import { f32, f64, op, select } from "./asm/expression.ts";
import type { F32, I32, V128 } from "./asm/expression.ts";
import type { FunctionBuilder } from "./asm/function.ts";
import type { KernelContext } from "./context.ts";
import { floatAt, splat } from "./lanes.ts";
import { natural } from "./math/exp.ts";
import type { Exponential } from "./math/exp.ts";

/** Whether tiles hold natural logits. */
const isNatural = ({ spec }: KernelContext): boolean => spec.score !== null;

const scaleOf = ({ registers }: KernelContext): F32 => floatAt(registers.params, PARAM.scale);

/** Scales so small are no divisors: they, and 0, are multiplied in at once, and leave nothing to multiply in later. */
const SMALLEST = 2 ** -100;

const isSmall = (scale: F32): I32 => op("f32.lt", op("f32.abs", scale), f32(SMALLEST));

/** What dot products are multiplied by as they are made: 1 or -1, which is exact, or a scale next to 0. */
export function dotFactor(context: KernelContext): F32 {
  if (isNatural(context)) return f32(1);
  const scale = scaleOf(context);
  return select(isSmall(scale), scale, op("f32.copysign", f32(1), scale));
}

/** From what the tile holds to natural logits. */
function scaleSize(context: KernelContext): F32 {
  const scale = scaleOf(context);
  return select(isSmall(scale), f32(1), op("f32.abs", scale));
}

/** From a difference of what the tile holds to a weight. */
export function weightOf(context: KernelContext, f: FunctionBuilder): Exponential {
  if (isNatural(context)) return natural(f);
  const exact = op("f64.mul", op("f64.promote_f32", scaleSize(context)), f64(Math.LOG2E));
  const factor = f.constant("factor", () => splat(op("f32.demote_f64", exact)));
  const floor = f.constant("floor", () => op("f32x4.div", f.lanes(-127), factor));
  return { factor, floor };
}

/** From dot products to the natural logits that a score function sees. */
export const naturalLogit = (context: KernelContext, f: FunctionBuilder, dot: V128): V128 =>
  op(
    "f32x4.mul",
    dot,
    f.constant("scale", () => splat(scaleOf(context))),
  );

/** From a maximum as the tile holds it to one of natural logits. */
export const naturalMaximum = (context: KernelContext, f: FunctionBuilder, maximum: V128): V128 =>
  isNatural(context)
    ? maximum
    : op(
        "f32x4.mul",
        maximum,
        f.constant("scaleSize", () => splat(scaleSize(context))),
      );
