import { scoreMod, type ScoreMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import { causal } from "./causal.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger, floatsOf } from "./validate.ts";

/**
 * ALiBi: instead of position embeddings, a penalty that grows with distance, at its own rate in each head.
 *
 *   score + slopes[h] * (kv - q)
 *
 * Written for causal attention, where kv - q <= 0: combine it with a causal mask.
 *
 * @param slopes  [Hq], one per query head: `alibiSlopes(Hq)`. Unit: logits per token
 * @throws TypeError, RangeError  a slope is not a finite number
 * @see Press, Smith and Lewis, "Train short, test long" (2022)
 */
export function alibi(slopes: readonly number[] | Float32Array): ScoreMod {
  return scoreMod(
    { slopes: floatsOf("slopes", slopes) },
    ({ slopes }) =>
      (score, { h, q, kv }) =>
        score + slopes[h] * (kv - q),
  );
}

/**
 * The published slopes: 2^(-8 i / n) for i = 1 .. n where n, the number of heads, is a power of two.
 * Otherwise those of the power below, then every other one of the power above.
 *
 * @throws TypeError, RangeError  heads is not an integer of at least 1
 * @see Press, Smith and Lewis (2022), section 3, and the rule for other numbers in their code
 */
export function alibiSlopes(heads: number): Float32Array {
  checkInteger("heads", heads, { least: 1 });
  const power = 2 ** Math.floor(Math.log2(heads));
  const slope = (i: number, n: number): number => 2 ** ((-8 * i) / n);
  return Float32Array.from({ length: heads }, (_, h) =>
    h < power ? slope(h + 1, power) : slope(2 * (h - power) + 1, 2 * power),
  );
}

export const alibiEntry: GalleryEntry = {
  name: "alibi",
  title: "ALiBi, causal",
  kind: "both",
  causal: true,
  source: "Press, Smith and Lewis 2022, arXiv 2108.12409",
  make: ({ Hq }) => ({ score: alibi(alibiSlopes(Hq)), mask: causal }),
};

/* @__PURE__ */ drawWhenRun(import.meta, alibiEntry);
