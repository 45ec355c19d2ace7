import { maskMod, type MaskMod } from "../api/mods.ts";
import { rangeError } from "../errors.ts";
import { drawWhenRun } from "./draw.ts";
import { exampleDocuments } from "./example-documents.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { integersOf } from "./validate.ts";

/**
 * Packed causal documents: tokens see themselves and the earlier tokens of their own document.
 *
 *   attends = start[q] <= kv <= q,  start[q] the first position of q's document
 *
 * Equal to `and(document(ids), causal)` where documents are contiguous, with one lookup instead of two.
 *
 * @param ids  [N], the document of each position, absolute; equal ids are neighbours
 * @throws TypeError, RangeError  an id is not an integer of at least 0, or a document has two parts
 * @see Krell et al., "Efficient sequence packing without cross-contamination" (2021)
 */
export function packedCausal(ids: readonly number[] | Int32Array): MaskMod {
  return maskMod(
    { start: documentStarts(integersOf("ids", ids)) },
    ({ start }) =>
      ({ q, kv }) =>
        start[q] <= kv && kv <= q,
  );
}

function documentStarts(ids: Int32Array): Int32Array {
  const starts = new Int32Array(ids.length);
  const firstOf = new Map<number, number>();
  for (const [at, id] of ids.entries()) {
    const first = firstOf.get(id) ?? at;
    if (first !== at && ids[at - 1] !== id) {
      throw rangeError({
        name: `ids[${at}]`,
        expected: "documents without gaps",
        got: `document ${id} again after ${ids[at - 1]}`,
        remedy: "use and(document(ids), causal), or give each part its own id",
      });
    }
    firstOf.set(id, first);
    starts[at] = first;
  }
  return starts;
}

export const packedCausalEntry: GalleryEntry = {
  name: "packed-causal",
  title: "Packed causal documents",
  kind: "mask",
  causal: true,
  source: "Krell et al. 2021, arXiv 2107.02027",
  make: ({ M, N }, seed) => ({ mask: packedCausal(exampleDocuments(Math.max(M, N), seed)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, packedCausalEntry);
