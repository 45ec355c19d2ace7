import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";

/**
 * Causal attention: each query sees itself and what came before.
 *
 *   attends = q >= kv
 *
 * Positions are absolute: with `queryOffset` the same mask serves prefill, chunked prefill and decoding. Without an
 * offset, M != N aligns the first query with the first key.
 *
 * @see Vaswani et al., "Attention is all you need" (2017), section 3.2.3
 */
export const causal: MaskMod = /* @__PURE__ */ maskMod(({ q, kv }) => q >= kv);

export const causalEntry: GalleryEntry = {
  name: "causal",
  title: "Causal",
  kind: "mask",
  causal: true,
  source: "Vaswani et al. 2017, arXiv 1706.03762",
  make: () => ({ mask: causal }),
};

/* @__PURE__ */ drawWhenRun(import.meta, causalEntry);
