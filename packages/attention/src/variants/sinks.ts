import { causal } from "./causal.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { random } from "./random.ts";
import { checkFinite, checkInteger } from "./validate.ts";

/**
 * One logit for every query head, for the `sinks` of a call: weight that goes to no value.
 *
 *   weights = exp(score) / (exp(sink) + sum exp(score))
 *
 * A logit of 0 is "softmax off by one". Learned ones differ by head: pass them as a Float32Array of your own.
 *
 * @param heads  query heads, Hq
 * @param logit  default 0
 * @throws TypeError, RangeError  heads is not an integer of at least 1, or the logit not finite
 * @see OpenAI, "gpt-oss model card" (2025); Xiao et al., "Efficient streaming language models with attention sinks" (2024)
 */
export function sinkLogits(heads: number, logit = 0): Float32Array {
  checkInteger("heads", heads, { least: 1 });
  checkFinite("logit", logit);
  return new Float32Array(heads).fill(logit);
}

export const sinksEntry: GalleryEntry = {
  name: "sinks",
  title: "Sinks, causal",
  kind: "sinks",
  causal: true,
  source: "Xiao et al. 2024, arXiv 2309.17453",
  make: ({ Hq }, seed) => {
    const rng = random(seed);
    return { mask: causal, sinks: sinkLogits(Hq).map(() => rng.normal()) };
  },
};

/* @__PURE__ */ drawWhenRun(import.meta, sinksEntry);
