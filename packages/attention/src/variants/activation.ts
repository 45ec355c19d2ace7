import { scoreMod, type ScoreMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";

/** A plain function of one number without free variables besides `Math`; its values are at least 0. */
export type Activation = (score: number) => number;

/**
 * Another activation than exp in the softmax: its logarithm undoes the exponential.
 *
 *   log(f(score)),   so that the weights are f(score) / sum f(score), and exp(lse) = sum f(score)
 *
 * For weights without normalisation, multiply the output of a row by exp(lse). Where f is 0 the key is masked.
 *
 * @param f  the activation, for example `relu` or `sigmoid`
 * @throws TraceError  f has free variables, or cannot be compiled (when first traced)
 * @see Wortsman et al., "Replacing softmax with ReLU in vision transformers" (2023); Ramapuram et al., "Theory, analysis, and
 *      best practices for sigmoid self-attention" (2024)
 */
export function activation(f: Activation): ScoreMod {
  return scoreMod(
    { f },
    ({ f }) =>
      (score) =>
        Math.log(f(score)),
  );
}

/** max(score, 0) */
export const relu: Activation = (score) => Math.max(score, 0);

/** 1 / (1 + exp(-score)) */
export const sigmoid: Activation = (score) => 1 / (1 + Math.exp(-score));

export const reluEntry: GalleryEntry = {
  name: "activation-relu",
  title: "ReLU instead of softmax",
  kind: "score",
  causal: false,
  source: "Wortsman et al. 2023, arXiv 2309.08586",
  make: () => ({ score: activation(relu) }),
};

export const sigmoidEntry: GalleryEntry = {
  name: "activation-sigmoid",
  title: "Sigmoid instead of softmax",
  kind: "score",
  causal: false,
  source: "Ramapuram et al. 2024, arXiv 2409.04431",
  make: () => ({ score: activation(sigmoid) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, reluEntry, sigmoidEntry);
