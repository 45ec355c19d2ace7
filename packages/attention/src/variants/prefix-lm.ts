import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger, integersOf } from "./validate.ts";

/**
 * Prefix language model: the prefix is seen by all, in both directions; what follows is causal.
 *
 *   attends = kv < prefix  or  q >= kv
 *
 * @param prefix  length of the prefix, at least 0: one number, or one per batch element. Unit: tokens
 * @throws TypeError, RangeError  a length is not an integer of at least 0
 * @see Raffel et al., "Exploring the limits of transfer learning" (T5, 2020), section 3.2.1
 */
export function prefixLm(prefix: number | readonly number[] | Int32Array): MaskMod {
  if (typeof prefix !== "number") {
    const prefixes = integersOf("prefix", prefix);
    return maskMod(
      { prefixes },
      ({ prefixes }) =>
        ({ b, q, kv }) =>
          kv < prefixes[b] || q >= kv,
    );
  }
  checkInteger("prefix", prefix);
  return maskMod(
    { prefix },
    ({ prefix }) =>
      ({ q, kv }) =>
        kv < prefix || q >= kv,
  );
}

export const prefixLmEntry: GalleryEntry = {
  name: "prefix-lm",
  title: "Prefix LM",
  kind: "mask",
  causal: false,
  source: "Raffel et al. 2020, arXiv 1910.10683",
  make: ({ N }) => ({ mask: prefixLm(Math.ceil(N / 3)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, prefixLmEntry);
