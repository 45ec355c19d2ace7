import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import { exampleDocuments } from "./example-documents.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { integersOf } from "./validate.ts";

/**
 * Documents packed into one sequence: tokens see the tokens of their own document, in both directions.
 *
 *   attends = ids[q] == ids[kv]
 *
 * Ids come from a tokenizer as they are, or from lengths and offsets by `documentIdsFromLengths` and
 * `documentIdsFromOffsets`. Compose with `and(document(ids), causal)`, or use `packedCausal` for that pair.
 *
 * @param ids  [N], the document of each position, absolute: at least as many as positions in use
 * @throws TypeError, RangeError  an id is not an integer of at least 0
 * @see Krell et al., "Efficient sequence packing without cross-contamination" (2021)
 */
export function document(ids: readonly number[] | Int32Array): MaskMod {
  return maskMod(
    { ids: integersOf("ids", ids) },
    ({ ids }) =>
      ({ q, kv }) =>
        ids[q] === ids[kv],
  );
}

export const documentEntry: GalleryEntry = {
  name: "document",
  title: "Packed documents",
  kind: "mask",
  causal: false,
  source: "Krell et al. 2021, arXiv 2107.02027",
  make: ({ M, N }, seed) => ({ mask: document(exampleDocuments(Math.max(M, N), seed)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, documentEntry);
