/**
 * What happens to a score tile between the two products, panel by panel:
 *
 *     adjust    s = score(s), -Infinity where masked; m' = max(m, s)
 *     weigh     p = 2^(s - m'), in place; alpha = 2^(m - m'); l = alpha * l + sum of p
 *
 * Online softmax in base 2. Without a score function, scores arrive multiplied by log2(e) (folded into Q), so s and m
 * are base-2 logits; with one, the user sees natural logits and log2(e) is multiplied in by `weigh`.
 */
import { load, op, store } from "./asm/expression.ts";
import type { V128 } from "./asm/expression.ts";
import type { FunctionBuilder, Local } from "./asm/function.ts";
import type { KernelContext } from "./context.ts";
import { add, larger, mul, sub } from "./lanes.ts";
import { exp2InPlace } from "./math/exp2.ts";

/** Where a panel's running values lie, from its state's address. */
export const STATE = { maximum: 0, sum: 32, bytes: 64 } as const;

/** Within `ScratchLayout.own`: what `adjust` and `weigh` hand on. */
export const OWN = { maximum: 0, alpha: 32, inverse: 64, lse: 96 } as const;

export const LOG2_E: number = Math.LOG2E;

const halves = [0, 16] as const;

/** `adjust(tile, own, state, end)`: the maximum only, for kernels without a score function, on full tiles. */
export function maximumFunction({ module }: KernelContext): FunctionBuilder {
  const params = { tile: "i32", end: "i32", state: "i32", own: "i32" } as const;
  return module.function("maximum", params, (f, { tile, end, state, own }) => {
    const max = halves.map((half) => f.let(`max${half}`, load("v128.load", state, STATE.maximum + half)));
    f.note("m' = max(m, s)");
    f.countUp("keys", tile, end, 32, () => {
      max.forEach((local, n) => f.set(local, larger(local, load("v128.load", tile, n * 16))));
    });
    max.forEach((local, n) => f.do(store("v128.store", own, local, OWN.maximum + n * 16)));
    return undefined;
  });
}

/** The maximum as a base-2 reference that scores are subtracted from: 0 where every score so far is -Infinity. */
function reference(f: FunctionBuilder, context: KernelContext, maximum: V128, name: string): Local<"v128"> {
  const local = f.let(name, maximum);
  const none = op("f32x4.eq", local, f.lanes(-Infinity));
  const finite = op("v128.andnot", local, none);
  f.set(local, context.spec.score === null ? finite : mul(finite, f.lanes(LOG2_E)));
  return local;
}

/** `weigh(tile, end, state, own)`: scores to weights, in place. */
export function weighFunction(context: KernelContext): FunctionBuilder {
  const { module, fma, spec } = context;
  const params = { tile: "i32", end: "i32", state: "i32", own: "i32" } as const;
  return module.function("weigh", params, (f, { tile, end, state, own }) => {
    const natural = spec.score !== null;
    const subtract = (s: V128, m: V128): V128 => (natural ? fma(s, f.lanes(LOG2_E), m) : sub(s, m));
    const lanes = halves.map((half) => {
      const maximum = f.let(`max${half}`, load("v128.load", own, OWN.maximum + half));
      const to = reference(f, context, maximum, `reference${half}`);
      const before = load("v128.load", state, STATE.maximum + half);
      const x = f.let(`x${half}`, sub(natural ? mul(before, f.lanes(LOG2_E)) : before, to));
      if (natural) f.set(to, op("f32x4.neg", to));
      const alpha = f.let(`alpha${half}`, exp2InPlace(f, fma, x));
      f.do(store("v128.store", state, maximum, STATE.maximum + half));
      f.do(store("v128.store", own, alpha, OWN.alpha + half));
      const sum = f.let(`sum${half}`, mul(alpha, load("v128.load", state, STATE.sum + half)));
      return { to, x, sum, half };
    });
    f.note("p = 2^(s - m'), l += p");
    f.countUp("keys", tile, end, 32, () => {
      for (const { to, x, sum, half } of lanes) {
        f.set(x, subtract(load("v128.load", tile, half), to));
        f.set(x, exp2InPlace(f, fma, x));
        f.do(store("v128.store", tile, x, half));
        f.set(sum, add(sum, x));
      }
    });
    for (const { sum, half } of lanes) f.do(store("v128.store", state, sum, STATE.sum + half));
    return undefined;
  });
}
