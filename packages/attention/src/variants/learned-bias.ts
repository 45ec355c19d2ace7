import { scoreMod, type ScoreMod } from "../api/mods.ts";
import { describe, rangeError, typeError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { random } from "./random.ts";

/**
 * A learned bias by distance, one table for all heads.
 *
 *   score + table[q - kv + reach],   the table [2 * reach + 1]
 *
 * Distances beyond the table use its ends.
 *
 * @param table  of odd length; its middle is distance 0. Unit: logits
 * @throws TypeError, RangeError  not a tensor of rank 1, or of even length
 * @see Raffel et al., "Exploring the limits of transfer learning" (T5, 2020), section 2.1
 */
export function distanceBias(table: Tensor): ScoreMod {
  checkTable(table, 1);
  const [length = 0] = table.shape;
  if (length % 2 === 0) {
    const remedy = "give distances from -reach to reach";
    throw rangeError({ name: "table", expected: "an odd length", got: String(length), remedy });
  }
  return scoreMod(
    { table, reach: (length - 1) / 2 },
    ({ table, reach }) =>
      (score, { q, kv }) =>
        score + table[q - kv + reach],
  );
}

/**
 * A learned bias for each pair of positions, one table for all heads.
 *
 *   score + table[q][kv],   the table [positions, positions]
 *
 * @throws TypeError, RangeError  not a tensor of rank 2
 * @see Liu et al., "Swin transformer" (2021), section 3.2
 */
export function pairBias(table: Tensor): ScoreMod {
  checkTable(table, 2);
  return scoreMod(
    { table },
    ({ table }) =>
      (score, { q, kv }) =>
        score + table[q][kv],
  );
}

/**
 * A learned bias for each pair of positions, and one table per query head.
 *
 *   score + table[h][q][kv],   the table [Hq, positions, positions]
 *
 * @throws TypeError, RangeError  not a tensor of rank 3
 * @see Jumper et al., "AlphaFold 2" (2021), supplement 1.6, on pair bias
 */
export function headBias(table: Tensor): ScoreMod {
  checkTable(table, 3);
  return scoreMod(
    { table },
    ({ table }) =>
      (score, { h, q, kv }) =>
        score + table[h][q][kv],
  );
}

function checkTable(table: unknown, rank: number): void {
  if (!(table instanceof Tensor)) {
    const remedy = "wrap the array: new Tensor(data, shape)";
    throw typeError({ name: "table", expected: "a Tensor", got: describe(table), remedy });
  }
  if (table.shape.length === rank && table.size > 0) return;
  const expected = `${rank} axes, each at least 1`;
  const remedy = "give a missing axis a length of 1";
  throw rangeError({ name: "table", expected, got: describe(table.shape), remedy });
}

const normal = (shape: readonly number[], seed: number): Tensor => {
  const size = shape.reduce((a, b) => a * b);
  return new Tensor(Float32Array.from({ length: size }, random(seed).normal), shape);
};

const source = "Raffel et al. 2020, arXiv 1910.10683";

export const distanceBiasEntry: GalleryEntry = {
  name: "learned-bias",
  title: "Learned bias by distance",
  kind: "score",
  causal: false,
  source,
  make: ({ N }, seed) => ({ score: distanceBias(normal([2 * Math.ceil(N / 2) + 1], seed)) }),
};

export const pairBiasEntry: GalleryEntry = {
  name: "learned-bias-2d",
  title: "Learned bias by pair",
  kind: "score",
  causal: false,
  source: "Liu et al. 2021, arXiv 2103.14030",
  make: ({ M, N }, seed) => ({ score: pairBias(normal([M, N], seed)) }),
};

export const headBiasEntry: GalleryEntry = {
  name: "learned-bias-per-head",
  title: "Learned bias by head and pair",
  kind: "score",
  causal: false,
  source: "Jumper et al. 2021, doi 10.1038/s41586-021-03819-2",
  make: ({ Hq, M, N }, seed) => ({ score: headBias(normal([Hq, M, N], seed)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, distanceBiasEntry, pairBiasEntry, headBiasEntry);
