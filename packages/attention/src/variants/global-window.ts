import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger } from "./validate.ts";

/**
 * Global and sliding window: neighbours on both sides, and a few first tokens that see all and are seen by all.
 *
 *   attends = |q - kv| <= radius  or  q < globals  or  kv < globals
 *
 * @param radius   neighbours on each side, at least 0. Unit: tokens
 * @param globals  tokens from the start of the sequence that are global, at least 0
 * @throws TypeError, RangeError  a parameter is not an integer of at least 0
 * @see Beltagy et al., "Longformer" (2020), section 3.1
 */
export function globalWindow(radius: number, globals: number): MaskMod {
  checkInteger("radius", radius);
  checkInteger("globals", globals);
  return maskMod(
    { radius, globals },
    ({ radius, globals }) =>
      ({ q, kv }) =>
        Math.abs(q - kv) <= radius || q < globals || kv < globals,
  );
}

export const globalWindowEntry: GalleryEntry = {
  name: "global-window",
  title: "Global + sliding window",
  kind: "mask",
  causal: false,
  source: "Beltagy et al. 2020, arXiv 2004.05150",
  make: ({ N }) => ({ mask: globalWindow(Math.ceil(N / 10), Math.ceil(N / 12)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, globalWindowEntry);
