import { scoreMod, type ScoreMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkFinite } from "./validate.ts";

/**
 * The simplest relative position bias: proportional to the signed distance.
 *
 *   score + weight * (q - kv)
 *
 * A negative weight prefers later keys, a positive one earlier keys.
 *
 * @param weight  unit: logits per token
 * @throws TypeError, RangeError  weight is not a finite number
 * @see Shaw, Uszkoreit and Vaswani, "Self-attention with relative position representations" (2018)
 */
export function relativePosition(weight: number): ScoreMod {
  checkFinite("weight", weight);
  return scoreMod(
    { weight },
    ({ weight }) =>
      (score, { q, kv }) =>
        score + weight * (q - kv),
  );
}

export const relativePositionEntry: GalleryEntry = {
  name: "relative-position",
  title: "Relative position",
  kind: "score",
  causal: false,
  source: "Shaw, Uszkoreit and Vaswani 2018, arXiv 1803.02155",
  make: () => ({ score: relativePosition(-0.125) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, relativePositionEntry);
