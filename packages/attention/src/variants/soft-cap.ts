import { scoreMod, type ScoreMod } from "../api/mods.ts";
import { causal } from "./causal.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkPositive } from "./validate.ts";

/**
 * Soft-capping: logits stay between -cap and cap, smoothly.
 *
 *   cap * tanh(score / cap)
 *
 * @param cap  above 0. Unit: logits; Gemma 2 uses 50
 * @throws TypeError, RangeError  cap is not a finite number above 0
 * @see Gemma Team, "Gemma 2" (2024), section 2
 */
export function softCap(cap: number): ScoreMod {
  checkPositive("cap", cap, "leave the score out for no cap");
  return scoreMod(
    { cap },
    ({ cap }) =>
      (score) =>
        cap * Math.tanh(score / cap),
  );
}

export const softCapEntry: GalleryEntry = {
  name: "soft-cap",
  title: "Soft-cap, causal",
  kind: "both",
  causal: true,
  source: "Gemma Team 2024, arXiv 2408.00118",
  make: () => ({ score: softCap(5), mask: causal }),
};

/* @__PURE__ */ drawWhenRun(import.meta, softCapEntry);
