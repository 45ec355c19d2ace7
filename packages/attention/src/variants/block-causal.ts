import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger } from "./validate.ts";

/**
 * Causal by blocks: tokens see their whole block and every earlier one.
 *
 *   attends = floor(kv / block) <= floor(q / block)
 *
 * A block of 1 is causal. What a block diffusion model attends to when it samples.
 *
 * @param block  tokens per block, at least 1
 * @throws TypeError, RangeError  block is not an integer of at least 1
 * @see Arriola et al., "Block diffusion" (2025); Han et al., "SSD-LM" (2022)
 */
export function blockCausal(block: number): MaskMod {
  checkInteger("block", block, { least: 1 });
  return maskMod(
    { block },
    ({ block }) =>
      ({ q, kv }) =>
        Math.floor(kv / block) <= Math.floor(q / block),
  );
}

export const blockCausalEntry: GalleryEntry = {
  name: "block-causal",
  title: "Causal by blocks",
  kind: "mask",
  causal: false,
  source: "Arriola et al. 2025, arXiv 2503.09573",
  make: ({ N }) => ({ mask: blockCausal(Math.ceil(N / 5)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, blockCausalEntry);
