import { constant, scoreMod, type ScoreMod } from "../api/mods.ts";
import { rangeError, describe, typeError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { causal } from "./causal.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { random } from "./random.ts";
import { checkFinite } from "./validate.ts";

export interface RopeParts {
  /** [B, Hq, positions, R]: the rotated part of the queries, by absolute position (offsets included). */
  readonly query: Tensor;
  /** [B, positions, R]: the rotated part of the keys, shared by all heads. */
  readonly key: Tensor;
  /** Factor on this part's dot product. Multi-head latent attention: 1 / sqrt(D + R), the `scale` of the call too. */
  readonly scale: number;
}

/**
 * Multi-head latent attention: positions live in a small rotated part that is kept apart from the latent one.
 *
 *   score + scale * sum_r query[b][h][q][r] * key[b][kv][r]
 *
 * The kernel's own dot product is the part without positions. Cost: R multiplications more per score, read from the captured
 * tensors: fit for R up to 64.
 *
 * @throws TypeError   a part is not a floating-point tensor
 * @throws RangeError  ranks other than 4 and 3, different B or R, or R above 128
 * @see DeepSeek-AI, "DeepSeek-V2" (2024), section 2.1.3
 */
export function mlaRope({ query, key, scale }: RopeParts): ScoreMod {
  checkPart("query", query, 4);
  checkPart("key", key, 3);
  checkFinite("scale", scale);
  const rank = query.shape[3] ?? 0;
  const isFit =
    key.shape[2] === rank && key.shape[0] === query.shape[0] && rank >= 1 && rank <= 128;
  if (!isFit) {
    throw rangeError({
      name: "query and key",
      expected: "[B, Hq, positions, R] and [B, positions, R] with R from 1 to 128",
      got: `${describe(query.shape)} and ${describe(key.shape)}`,
      remedy: "cut both from one projection, so that B and R agree",
    });
  }
  return scoreMod(
    { query, key, scale, rank: constant(rank) },
    ({ query, key, scale, rank }) =>
      (score, { b, h, q, kv }) => {
        let dot = 0;
        for (let r = 0; r < rank; r++) dot += query[b][h][q][r] * key[b][kv][r];
        return score + scale * dot;
      },
  );
}

function checkPart(name: string, part: unknown, rank: number): void {
  if (!(part instanceof Tensor)) {
    const remedy = "wrap the array: new Tensor(data, shape)";
    throw typeError({ name, expected: "a Tensor", got: describe(part), remedy });
  }
  if (part.shape.length === rank) return;
  const remedy = "give a missing axis a length of 1";
  throw rangeError({ name, expected: `${rank} axes`, got: describe(part.shape), remedy });
}

export const mlaRopeEntry: GalleryEntry = {
  name: "mla-rope",
  title: "MLA with a rotated part, causal",
  kind: "both",
  causal: true,
  source: "DeepSeek-AI 2024, arXiv 2405.04434",
  make: ({ B, Hq, M, N }, seed) => {
    const rng = random(seed);
    const normal = (...shape: number[]): Tensor =>
      new Tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, rng.normal), shape);
    const parts = { query: normal(B, Hq, M, 4), key: normal(B, N, 4), scale: 0.5 };
    return { score: mlaRope(parts), mask: causal };
  },
};

/* @__PURE__ */ drawWhenRun(import.meta, mlaRopeEntry);
