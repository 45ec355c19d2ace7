import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger } from "./validate.ts";

/**
 * Causal sliding window: each query sees the last `width` tokens, itself among them.
 *
 *   attends = 0 <= q - kv < width
 *
 * Query q sees min(q + 1, width) keys. Cost follows M * width, not M * N.
 *
 * @param width  unit: tokens, at least 1
 * @throws TypeError, RangeError  width is not an integer of at least 1
 * @see Child et al., "Generating long sequences with sparse transformers" (2019); Jiang et al., "Mistral 7B" (2023)
 */
export function slidingWindow(width: number): MaskMod {
  checkInteger("width", width, { least: 1, remedy: "a window of 1 is the token itself" });
  return maskMod(
    { width },
    ({ width }) =>
      ({ q, kv }) =>
        q >= kv && q - kv < width,
  );
}

export const slidingWindowEntry: GalleryEntry = {
  name: "sliding-window",
  title: "Sliding window",
  kind: "mask",
  causal: true,
  source: "Jiang et al. 2023, arXiv 2310.06825",
  make: ({ N }) => ({ mask: slidingWindow(Math.ceil(N / 4)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, slidingWindowEntry);
