import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger } from "./validate.ts";

/**
 * Causal dilated window: each query sees `width` tokens, itself the last, every `dilation`-th one.
 *
 *   attends = 0 <= q - kv < width * dilation  and  (q - kv) % dilation == 0
 *
 * Query q sees min(floor(q / dilation) + 1, width) keys. A dilation of 1 is the sliding window.
 *
 * @param width     keys per query, at least 1
 * @param dilation  distance between them, at least 1. Unit: tokens
 * @throws TypeError, RangeError  a parameter is not an integer of at least 1, or the window leaves 32 bits
 * @see Beltagy et al., "Longformer" (2020), section 3.1
 */
export function dilatedWindow(width: number, dilation: number): MaskMod {
  checkInteger("width", width, { least: 1 });
  checkInteger("dilation", dilation, { least: 1, remedy: "a dilation of 1 leaves no gaps" });
  checkInteger("width * dilation", width * dilation, { least: 1 });
  return maskMod({ width, dilation }, ({ width, dilation }) => ({ q, kv }) => {
    const distance = q - kv;
    return distance >= 0 && distance < width * dilation && distance % dilation === 0;
  });
}

export const dilatedWindowEntry: GalleryEntry = {
  name: "dilated-window",
  title: "Dilated window",
  kind: "mask",
  causal: true,
  source: "Beltagy et al. 2020, arXiv 2004.05150",
  make: ({ N }) => ({ mask: dilatedWindow(Math.ceil(N / 6), 3) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, dilatedWindowEntry);
