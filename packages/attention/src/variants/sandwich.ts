import { constant, scoreMod, type ScoreMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { checkInteger } from "./validate.ts";
import { rangeError } from "../errors.ts";

/**
 * Sandwich: what is left of sinusoidal position embeddings in the product of two of them, as a bias.
 *
 *   score + heads / (8 (h + 1)) * (sum_i cos((q - kv) / 10000^(2 i / width)) - width / 2),   i = 1 .. width / 2
 *
 * Symmetric in q and kv, 0 at distance 0, falling with distance like a logarithm; each head has its own rate.
 *
 * @param heads  query heads, Hq
 * @param width  of the embedding, even, at most 256. Cost: width / 2 cosines per score
 * @throws TypeError, RangeError  heads is not an integer of at least 1, or width is not an even integer in range
 * @see Chi et al., "Dissecting transformer length extrapolation via the lens of receptive field analysis" (2023)
 */
export function sandwich(heads: number, width: number): ScoreMod {
  checkInteger("heads", heads, { least: 1 });
  checkInteger("width", width, { least: 2, most: 256 });
  if (width % 2 === 1) {
    const remedy = `write ${width - 1} or ${width + 1}: the waves come in pairs`;
    throw rangeError({ name: "width", expected: "an even integer", got: String(width), remedy });
  }
  const rates = Float32Array.from({ length: heads }, (_, h) => heads / (8 * (h + 1)));
  const waves = Float32Array.from(
    { length: width / 2 },
    (_, i) => 10_000 ** ((-2 * (i + 1)) / width),
  );
  return scoreMod(
    { rates, waves, half: constant(width / 2) },
    ({ rates, waves, half }) =>
      (score, { h, q, kv }) => {
        let sum = -half;
        for (let i = 0; i < half; i++) sum += Math.cos((q - kv) * waves[i]);
        return score + rates[h] * sum;
      },
  );
}

export const sandwichEntry: GalleryEntry = {
  name: "sandwich",
  title: "Sandwich",
  kind: "score",
  causal: false,
  source: "Chi et al. 2023, arXiv 2212.10356",
  make: ({ Hq }) => ({ score: sandwich(Hq, 8) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, sandwichEntry);
