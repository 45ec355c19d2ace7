import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import { exampleDocuments } from "./example-documents.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger, integersOf } from "./validate.ts";

/**
 * One prompt, several continuations, in one sequence: every continuation sees the prompt and itself, none the others.
 *
 *   attends = q >= kv  and  (kv < prefix  or  ids[q] == ids[kv])
 *
 * The prompt's keys and values are computed once for all continuations: sampling many answers to one question.
 *
 * @param prefix  length of the prompt, at least 0. Unit: tokens
 * @param ids     [N], the continuation of each position, absolute; what stands below `prefix` does not matter
 * @throws TypeError, RangeError  prefix or an id is not an integer of at least 0
 * @see Juravsky et al., "Hydragen: high-throughput LLM inference with shared prefixes" (2024)
 */
export function sharedPrefix(prefix: number, ids: readonly number[] | Int32Array): MaskMod {
  checkInteger("prefix", prefix);
  return maskMod(
    { prefix, ids: integersOf("ids", ids) },
    ({ prefix, ids }) =>
      ({ q, kv }) =>
        q >= kv && (kv < prefix || ids[q] === ids[kv]),
  );
}

export const sharedPrefixEntry: GalleryEntry = {
  name: "shared-prefix",
  title: "Shared prefix",
  kind: "mask",
  causal: true,
  source: "Juravsky et al. 2024, arXiv 2402.05099",
  make: ({ M, N }, seed) => ({
    mask: sharedPrefix(Math.ceil(N / 4), exampleDocuments(Math.max(M, N), seed)),
  }),
};

/* @__PURE__ */ drawWhenRun(import.meta, sharedPrefixEntry);
