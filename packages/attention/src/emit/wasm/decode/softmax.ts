/**
 * The softmax of decode, one query row at a time: four keys in the lanes.
 *
 *     adjustRow   s = score(scale * s), -Infinity where masked or beyond the last key; the new maximum
 *     weighRow    p = 2^(c (s - m')), in place; m', and l = alpha * l + sum of p, into the row's partial result; yields alpha
 */
import { extractLane, i32, i32x4, load, op, shuffle, store } from "../asm/expression.ts";
import type { F32, I32, V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { blockBytes, lineBytes } from "../bits.ts";
import { emitterOf } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { add, choose, larger, plus, splat, splatWord, sub, times } from "../lanes.ts";
import { Lowering } from "../lower/lowering.ts";
import type { Site } from "../lower/lowering.ts";
import { exponentialInPlace } from "../math/exp.ts";
import { naturalLogit, weightOf } from "../scale.ts";
import { reference } from "../state.ts";

/** Where a row's partial result has its values; see `partialBytes`. */
export const PARTIAL_AT = { maximum: 0, sum: 4, out: 16 } as const;

const adjustParams = { tile: "i32", key: "i32", count: "i32", row: "i32", before: "f32" } as const;

type AdjustParams = { readonly [K in keyof typeof adjustParams]: Local<(typeof adjustParams)[K]> };

/** The largest of four lanes; NaN is ignored, as everywhere in the maximum. */
function largestLane(f: FunctionBuilder, value: Local<"v128">): F32 {
  const pairs = f.let("pairs", larger(value, shuffle(value, value, [2, 3, 2, 3])));
  return extractLane("f32x4", larger(pairs, shuffle(pairs, pairs, [1, 1, 1, 1])), 0);
}

/**
 * `adjustRow(tile, key, count, row, before)`: `count` scores of query row `row` and keys from number `key`; yields the larger
 * of their maximum and `before`.
 */
export function adjustRowFunction(context: KernelContext, masked: boolean): FunctionBuilder {
  const { module, spec, registers } = context;
  const fill = (f: FunctionBuilder, { tile, key, count, row, before }: AdjustParams): F32 => {
    const [max, score] = [f.let("max", splat(before)), f.local("v128", "score")];
    const last = f.let("last", splatWord(plus(key, plus(count, -1))));
    const [keys, existing] = [f.local("v128", "keys"), f.local("v128", "kv")];
    const scalars = {
      b: registers.batch,
      h: registers.head,
      q: f.let("q", plus(row, registers.offset)),
    };
    const site: Site = { laneAxis: "kv", lanes: [existing], scalars, score: [score] };
    const scoring = spec.score === null ? null : new Lowering(context, f, spec.score.root, site);
    const masking =
      masked && spec.mask !== null ? new Lowering(context, f, spec.mask.root, site) : null;
    scoring?.hoist(["kv", "score"]);
    masking?.hoist(["kv"]);
    const line = masked && spec.maskBits ? f.let("line", lineBytes(context, row)) : null;
    f.set(
      keys,
      op(
        "i32x4.add",
        splatWord(key),
        f.constant("lane0", () => i32x4(0, 1, 2, 3)),
      ),
    );
    const end = f.let("end", plus(tile, times(count, 4)));
    f.countUp("keys", tile, end, 16, () => {
      const dot = load("v128.load", tile);
      f.set(score, scoring === null ? dot : naturalLogit(context, f, dot));
      f.set(existing, op("i32x4.min_s", keys, last));
      const adjusted = scoring?.root()[0] ?? score;
      const exists = op("i32x4.eq", keys, existing);
      const kept = masking?.root()[0] ?? (line === null ? null : bitsMask(context, f, key, line));
      const mask = kept === null ? exists : op("v128.and", exists, kept);
      f.set(score, choose(mask, adjusted, f.lanes(-Infinity)));
      f.do(store("v128.store", tile, score));
      f.set(max, larger(max, score));
      f.set(keys, op("i32x4.add", keys, f.words(4)));
      if (line !== null) f.set(key, plus(key, 4));
    });
    return largestLane(f, max);
  };
  const name = masked ? "adjustRowMasked" : "adjustRow";
  return module.function(name, adjustParams, fill, { result: "f32" });
}

/** Four neighbouring bits as lane masks; keys of a tile come in fours, so the four lie in one byte. */
function bitsMask(context: KernelContext, f: FunctionBuilder, key: Local<"i32">, line: I32): V128 {
  const byte = load("i32.load8_u", plus(blockBytes(context, f, key), line));
  const bits = op("i32.shr_u", byte, op("i32.and", key, i32(4)));
  const lanes = f.constant("bit", () => i32x4(1, 2, 4, 8));
  return op("i32x4.ne", op("v128.and", splatWord(bits), lanes), f.words(0));
}

/** `weighRow(tile, count, partial, maximum)`: the row's scores to weights; yields alpha. */
export function weighRowFunction(context: KernelContext): FunctionBuilder {
  const { module } = context;
  const params = { tile: "i32", count: "i32", partial: "i32", maximum: "f32" } as const;
  return module.function(
    "weighRow",
    params,
    (f, { tile, count, partial, maximum }) => {
      const e = emitterOf(context, f);
      const to = f.let("reference", reference(f, f.let("max", splat(maximum))));
      const before = load("v128.load32_splat", partial, PARTIAL_AT.maximum);
      const weight = weightOf(context, f);
      const x = f.let("x", sub(before, to));
      const alpha = f.let("alpha", exponentialInPlace(e, x, weight));
      const sum = f.let("sum", f.lanes(0));
      const end = f.let("end", plus(tile, times(count, 4)));
      f.countUp("keys", tile, end, 16, () => {
        f.set(x, sub(load("v128.load", tile), to));
        f.set(x, exponentialInPlace(e, x, weight));
        f.do(store("v128.store", tile, x));
        f.set(sum, add(sum, x));
      });
      const pairs = f.let("pairs", add(sum, shuffle(sum, sum, [2, 3, 2, 3])));
      const all = extractLane("f32x4", add(pairs, shuffle(pairs, pairs, [1, 1, 1, 1])), 0);
      const scaledSum = op(
        "f32.mul",
        extractLane("f32x4", alpha, 0),
        load("f32.load", partial, PARTIAL_AT.sum),
      );
      f.do(store("f32.store", partial, op("f32.add", scaledSum, all), PARTIAL_AT.sum));
      f.do(store("f32.store", partial, maximum, PARTIAL_AT.maximum));
      return extractLane("f32x4", alpha, 0);
    },
    { result: "f32" },
  );
}
