/**
 * What happens to a score tile between the two products, for one panel:
 *
 *     adjust    s = score(scale * s), -Infinity where masked; m' = max(m, s)
 *     weigh     p = 2^(c (s - m')), in place; alpha = 2^(c (m - m')); l = alpha * l + sum of p
 *
 * Online softmax in base 2 (Milakov & Gimelshein 2018). What s and c are: see `scale.ts`. The difference comes before
 * the product: it is exact where it matters, for scores near the maximum.
 */
import { load, op, store } from "./asm/expression.ts";
import type { I32, V128 } from "./asm/expression.ts";
import type { FunctionBuilder, Local } from "./asm/function.ts";
import { emitterOf, HALVES, PANEL_ROW } from "./context.ts";
import type { KernelContext } from "./context.ts";
import { add, choose, larger, plus, sub } from "./lanes.ts";
import { Lowering } from "./lower/lowering.ts";
import { exponentialInPlace } from "./math/exp.ts";
import { queryPositions } from "./pack.ts";
import { naturalLogit, weightOf } from "./scale.ts";

/** Where a panel's running values lie, from its state's address. */
export const STATE = { maximum: 0, sum: 32, bytes: 64 } as const;

/** Within `ScratchLayout.own`: what one pass hands to the next. */
export const OWN = { maximum: 0, alpha: 32, divisor: 64, lse: 96 } as const;

const adjustParams = {
  tile: "i32",
  end: "i32",
  keep: "i32",
  state: "i32",
  own: "i32",
  key: "i32",
  row: "i32",
} as const;

/**
 * `adjust(tile, end, keep, state, own, key, row)`: tile rows from `tile` to `end`, whose first is key number `key`, of the panel
 * whose first query is the item's row `row`; lane masks from `keep` where `masked`.
 */
export function adjustFunction(context: KernelContext, masked: boolean): FunctionBuilder {
  const { module, spec } = context;
  const name = masked ? "adjustMasked" : "adjust";
  return module.function(name, adjustParams, (f, { tile, end, keep, state, own, key, row }) => {
    const max = HALVES.map((half) => f.let(`max${half}`, load("v128.load", state, STATE.maximum + half)));
    const scores = HALVES.map((half) => f.local("v128", `score${half}`));
    const lowering = spec.score === null ? null : scoreLowering(context, f, { key, row, scores });
    lowering?.hoist(["kv", "score"]);
    f.note(masked ? "s = score(s), -inf where masked; m' = max(m, s)" : "s = score(s); m' = max(m, s)");
    f.countUp("keys", tile, end, PANEL_ROW, () => {
      scores.forEach((score, n) => {
        const dot = load("v128.load", tile, HALVES[n]);
        f.set(score, lowering === null ? dot : naturalLogit(context, f, dot));
      });
      const adjusted = lowering?.root() ?? scores;
      adjusted.forEach((score, n) => {
        const final = masked ? keepOnly(f, score, load("v128.load", keep, HALVES[n])) : score;
        if (masked || lowering !== null) f.do(store("v128.store", tile, final, HALVES[n]));
        f.set(max[n] ?? final, larger(max[n] ?? final, final));
      });
      if (lowering !== null) f.set(key, plus(key, 1));
      if (masked) f.set(keep, plus(keep, PANEL_ROW));
    });
    max.forEach((local, n) => f.do(store("v128.store", own, local, OWN.maximum + (HALVES[n] ?? 0))));
    return undefined;
  });
}

interface ScorePlace {
  readonly key: Local<"i32">;
  readonly row: I32;
  readonly scores: readonly Local<"v128">[];
}

function scoreLowering(context: KernelContext, f: FunctionBuilder, { key, row, scores }: ScorePlace): Lowering | null {
  const { spec, registers } = context;
  if (spec.score === null) return null;
  return new Lowering(context, f, spec.score.root, {
    laneAxis: "q",
    lanes: queryPositions(f, context, row),
    scalars: { b: registers.batch, h: registers.head, kv: key },
    score: scores,
  });
}

function keepOnly(f: FunctionBuilder, score: V128, mask: V128): Local<"v128"> {
  return f.let("kept", choose(mask, score, f.lanes(-Infinity)));
}

/** What scores are taken relative to: the maximum, or 0 where every score so far is -Infinity. */
export const reference = (f: FunctionBuilder, maximum: Local<"v128">): V128 =>
  op("v128.andnot", maximum, op("f32x4.eq", maximum, f.lanes(-Infinity)));

/** `weigh(tile, end, state, own)`: scores to weights, in place. */
export function weighFunction(context: KernelContext): FunctionBuilder {
  const { module, fma } = context;
  const params = { tile: "i32", end: "i32", state: "i32", own: "i32" } as const;
  return module.function("weigh", params, (f, { tile, end, state, own }) => {
    const e = emitterOf(context, f);
    const weight = weightOf(context, f);
    const lanes = HALVES.map((half) => {
      const maximum = f.let(`max${half}`, load("v128.load", own, OWN.maximum + half));
      const to = f.let(`reference${half}`, reference(f, maximum));
      const before = load("v128.load", state, STATE.maximum + half);
      const x = f.let(`x${half}`, sub(before, to));
      const alpha = f.let(`alpha${half}`, exponentialInPlace(e, x, weight));
      f.do(store("v128.store", state, maximum, STATE.maximum + half));
      f.do(store("v128.store", own, alpha, OWN.alpha + half));
      return { to, x, alpha, sum: f.let(`sum${half}`, f.lanes(0)), half };
    });
    f.note("p = 2^(c (s - m')); l += p");
    f.countUp("keys", tile, end, PANEL_ROW, () => {
      for (const { to, x, sum, half } of lanes) {
        f.set(x, sub(load("v128.load", tile, half), to));
        f.set(x, exponentialInPlace(e, x, weight));
        f.do(store("v128.store", tile, x, half));
        f.set(sum, add(sum, x));
      }
    });
    for (const { alpha, sum, half } of lanes) {
      const before = load("v128.load", state, STATE.sum + half);
      f.do(store("v128.store", state, fma(alpha, before, sum), STATE.sum + half));
    }
    return undefined;
  });
}
