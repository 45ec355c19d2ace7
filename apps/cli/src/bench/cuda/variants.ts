/** The variants that GPU figures are about, as PyTorch's benchmarks of FlexAttention define them. */
import {
  alibi,
  alibiSlopes,
  and,
  causal,
  document,
  prefixLm,
  relativePosition,
  slidingWindow,
  softCap,
} from "@vigil/attention";
import type { Mods, Shape } from "@vigil/attention/testing";

/** Mean length of a document, in tokens. */
const DOCUMENT_TOKENS = 341;
const WINDOW = 1024;
const CAP = 20;

/** Random cuts of a sequence into documents, the same ones every time. */
function documentIds(length: number): Int32Array {
  const documents = Math.max(2, Math.floor(length / DOCUMENT_TOKENS));
  let state = 12_345;
  const next = (): number => {
    // Park and Miller's generator: exact in doubles.
    state = (state * 48_271) % 2_147_483_647;
    return state % documents;
  };
  return Int32Array.from({ length }, next).sort();
}

/** By name; `alibi` and `soft-cap` are causal, as in the peers' runs, and once more without a mask. */
export const gpuVariants: Readonly<Record<string, (shape: Shape) => Mods>> = {
  noop: () => ({}),
  causal: () => ({ mask: causal }),
  alibi: ({ Hq }) => ({ score: alibi(alibiSlopes(Hq)), mask: causal }),
  "soft-cap": () => ({ score: softCap(CAP), mask: causal }),
  // As the peers write it: q - kv <= 1024.
  "sliding-window": () => ({ mask: slidingWindow(WINDOW + 1) }),
  document: ({ N }) => ({ mask: and(causal, document(documentIds(N))) }),
  // kv <= N / 4.
  "prefix-lm": ({ N }) => ({ mask: prefixLm(Math.floor(N / 4) + 1) }),
  relative: () => ({ score: relativePosition(1) }),
  "alibi-dense": ({ Hq }) => ({ score: alibi(alibiSlopes(Hq)) }),
  "soft-cap-dense": () => ({ score: softCap(CAP) }),
};
