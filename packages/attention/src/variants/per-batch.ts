import { maskMod, type MaskMod } from "../api/mods.ts";
import { typeError, rangeError, describe } from "../errors.ts";
import { causal } from "./causal.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { slidingWindow } from "./sliding-window.ts";
import { integersOf } from "./validate.ts";

/**
 * A mask of its own for each batch element, in one kernel and one call.
 *
 *   attends = masks[choice[b]]
 *
 * @param masks   at least one
 * @param choice  [B], the number of each batch element's mask
 * @throws TypeError, RangeError  no masks, or a choice that is not the number of one
 */
export function perBatch(
  masks: readonly MaskMod[],
  choice: readonly number[] | Int32Array,
): MaskMod {
  if (!Array.isArray(masks)) {
    const remedy = "write [mask] for a single one";
    throw typeError({ name: "masks", expected: "an array of masks", got: describe(masks), remedy });
  }
  const last = masks.at(-1);
  if (last === undefined) {
    const remedy = "leave out the mask to attend everywhere";
    throw rangeError({ name: "masks", expected: "at least one", got: "none", remedy });
  }
  const chosen = integersOf("choice", choice, { most: masks.length - 1 });
  return masks.slice(0, -1).reduceRight(
    (others: MaskMod, mask, number) =>
      maskMod(
        { chosen, number, mask, others },
        ({ chosen, number, mask, others }) =>
          (at) =>
            chosen[at.b] === number ? mask(at) : others(at),
      ),
    last,
  );
}

export const perBatchEntry: GalleryEntry = {
  name: "per-batch",
  title: "A mask per batch element",
  kind: "mask",
  causal: true,
  source: "composition of masks",
  make: ({ B, N }) => {
    const masks = [causal, slidingWindow(Math.ceil(N / 5)), slidingWindow(Math.ceil(N / 2))];
    return {
      mask: perBatch(
        masks,
        Int32Array.from({ length: B }, (_, b) => (b + 1) % 3),
      ),
    };
  },
};

/* @__PURE__ */ drawWhenRun(import.meta, perBatchEntry);
