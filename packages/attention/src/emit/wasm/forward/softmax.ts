/**
 * What happens to a score tile between the two products, for one panel:
 *
 *     adjust    s = score(scale * s), -Infinity where masked; m' = max(m, s)
 *     weigh     p = 2^(c (s - m')), in place; alpha = 2^(c (m - m')); l = alpha * l + sum of p
 *
 * Online softmax in base 2 (Milakov & Gimelshein 2018). What s and c are: see `scale.ts`. The difference comes before
 * the product: it is exact where it matters, for scores near the maximum.
 */
import { load, store } from "../asm/expression.ts";
import type { I32 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { emitterOf, HALVES, PANEL_ROW } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { add, choose, larger, plus, sub } from "../lanes.ts";
import { Lowering } from "../lower/lowering.ts";
import { exponentialInPlace } from "../math/exp.ts";
import { OWN, reference, STATE } from "../state.ts";
import { queryPositions } from "./pack.ts";
import { naturalLogit, weightOf } from "../scale.ts";

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
    const lanes = HALVES.map((half) => ({
      half,
      score: f.local("v128", `score${half}`),
      max: f.let(`max${half}`, load("v128.load", state, STATE.maximum + half)),
    }));
    const adjusted = scoring(context, f, { key, row, scores: lanes.map(({ score }) => score) });
    f.note(
      masked ? "s = score(s), -inf where masked; m' = max(m, s)" : "s = score(s); m' = max(m, s)",
    );
    f.countUp("keys", tile, end, PANEL_ROW, () => {
      for (const { score, half } of lanes) f.set(score, load("v128.load", tile, half));
      adjusted?.().forEach((value, n) => f.set(lanes[n]?.score ?? value, value));
      for (const { score, max, half } of lanes) {
        if (masked) f.set(score, choose(load("v128.load", keep, half), score, f.lanes(-Infinity)));
        if (masked || spec.score !== null) f.do(store("v128.store", tile, score, half));
        f.set(max, larger(max, score));
      }
      if (spec.score !== null) f.set(key, plus(key, 1));
      if (masked) f.set(keep, plus(keep, PANEL_ROW));
    });
    for (const { max, half } of lanes) f.do(store("v128.store", own, max, OWN.maximum + half));
    return undefined;
  });
}

interface ScorePlace {
  readonly key: Local<"i32">;
  readonly row: I32;
  /** Hold dot products, and natural logits from then on. */
  readonly scores: readonly Local<"v128">[];
}

/** Emits what the score function needs before the loop over keys; what is returned emits the rest, inside it. */
function scoring(
  context: KernelContext,
  f: FunctionBuilder,
  { key, row, scores }: ScorePlace,
): (() => readonly Local<"v128">[]) | null {
  const { spec, registers } = context;
  if (spec.score === null) return null;
  const lowering = new Lowering(context, f, spec.score.root, {
    laneAxis: "q",
    lanes: queryPositions(f, context, row),
    scalars: { b: registers.batch, h: registers.head, kv: key },
    score: scores,
  });
  lowering.hoist(["kv", "score"]);
  return () => {
    for (const score of scores) f.set(score, naturalLogit(context, f, score));
    return lowering.root();
  };
}

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
