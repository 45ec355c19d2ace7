import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger, integersOf } from "./validate.ts";

/**
 * Cross-attention from text to interleaved images: each token sees the image that came last before it, and no other.
 *
 *   attends = floor(kv / imageTokens) == images[q]
 *
 * Tokens before the first image see nothing: their output is 0, as Flamingo has it.
 *
 * @param images       [M], for each text token the number of the last image, -1 for none yet
 * @param imageTokens  keys per image, at least 1; image i has keys i * imageTokens on
 * @throws TypeError, RangeError  an image is not an integer of at least -1, or imageTokens is below 1
 * @see Alayrac et al., "Flamingo" (2022), section 2.3
 */
export function flamingo(images: readonly number[] | Int32Array, imageTokens: number): MaskMod {
  checkInteger("imageTokens", imageTokens, { least: 1 });
  return maskMod(
    { images: integersOf("images", images, { least: -1 }), imageTokens },
    ({ images, imageTokens }) =>
      ({ q, kv }) =>
        Math.floor(kv / imageTokens) === images[q],
  );
}

export const flamingoEntry: GalleryEntry = {
  name: "flamingo",
  title: "Flamingo cross-attention",
  kind: "mask",
  causal: false,
  source: "Alayrac et al. 2022, arXiv 2204.14198",
  make: ({ M, N }) => {
    const images = Int32Array.from({ length: M }, (_, q) => Math.floor((4 * q) / M) - 1);
    return { mask: flamingo(images, Math.ceil(N / 3)) };
  },
};

/* @__PURE__ */ drawWhenRun(import.meta, flamingoEntry);
