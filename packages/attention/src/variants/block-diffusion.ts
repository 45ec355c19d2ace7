import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger } from "./validate.ts";

/**
 * Training of a block diffusion model: a noisy copy of the text, then the clean text, in one sequence of 2 * length.
 *
 *   a noisy token sees  the noisy tokens of its own block, and the clean tokens of earlier blocks
 *   a clean token sees  the clean tokens of its own and earlier blocks
 *
 * So every block is denoised given the clean blocks before it, all in one pass.
 *
 * @param length  tokens of the text: noisy at 0 .. length - 1, clean at length .. 2 * length - 1
 * @param block   tokens per block, at least 1
 * @throws TypeError, RangeError  a parameter is not an integer of at least 1
 * @see Arriola et al., "Block diffusion" (2025), section 3 and its appendix on masks
 */
export function blockDiffusion(length: number, block: number): MaskMod {
  checkInteger("length", length, { least: 1 });
  checkInteger("block", block, { least: 1 });
  return maskMod({ length, block }, ({ length, block }) => ({ q, kv }) => {
    const isNoisyQuery = q < length;
    const isNoisyKey = kv < length;
    const queryBlock = Math.floor((isNoisyQuery ? q : q - length) / block);
    const keyBlock = Math.floor((isNoisyKey ? kv : kv - length) / block);
    if (isNoisyKey) return isNoisyQuery && queryBlock === keyBlock;
    return isNoisyQuery ? keyBlock < queryBlock : keyBlock <= queryBlock;
  });
}

export const blockDiffusionEntry: GalleryEntry = {
  name: "block-diffusion",
  title: "Block diffusion",
  kind: "mask",
  causal: false,
  source: "Arriola et al. 2025, arXiv 2503.09573",
  make: ({ N }) => ({ mask: blockDiffusion(Math.ceil(N / 2), Math.ceil(N / 8)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, blockDiffusionEntry);
