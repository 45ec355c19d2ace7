/** Every variant that comes with the package, with example parameters: for tests, benchmarks and the command line. */
import { reluEntry, sigmoidEntry } from "./activation.ts";
import { alibiEntry } from "./alibi.ts";
import { blockCausalEntry } from "./block-causal.ts";
import { blockDiffusionEntry } from "./block-diffusion.ts";
import { causalEntry } from "./causal.ts";
import { dilatedWindowEntry } from "./dilated-window.ts";
import { documentEntry } from "./document.ts";
import { flamingoEntry } from "./flamingo.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { globalWindowEntry } from "./global-window.ts";
import { graphormerEntry } from "./graphormer.ts";
import { distanceBiasEntry, headBiasEntry, pairBiasEntry } from "./learned-bias.ts";
import { mlaRopeEntry } from "./mla-rope.ts";
import { natten2dEntry, natten2dMortonEntry, natten2dTiledEntry } from "./natten.ts";
import { packedCausalEntry } from "./packed-causal.ts";
import { perBatchEntry } from "./per-batch.ts";
import { prefixLmEntry } from "./prefix-lm.ts";
import { relativePositionEntry } from "./relative-position.ts";
import { sandwichEntry } from "./sandwich.ts";
import { sharedPrefixEntry } from "./shared-prefix.ts";
import { sinksEntry } from "./sinks.ts";
import { slidingTile2dEntry, slidingTile3dEntry } from "./sliding-tile.ts";
import { slidingWindowEntry } from "./sliding-window.ts";
import { softCapEntry } from "./soft-cap.ts";
import { speculativeTreeEntry } from "./speculative-tree.ts";

/** Plain attention, what every variant is compared with. */
const noopEntry: GalleryEntry = {
  name: "noop",
  title: "Full attention",
  kind: "none",
  causal: false,
  source: "Vaswani et al. 2017, arXiv 1706.03762",
  make: () => ({}),
};

/** Masks first, then scores, then sinks; each group from simple to elaborate. Names are unique. */
export const gallery: readonly GalleryEntry[] = [
  noopEntry,
  causalEntry,
  slidingWindowEntry,
  dilatedWindowEntry,
  globalWindowEntry,
  prefixLmEntry,
  documentEntry,
  packedCausalEntry,
  sharedPrefixEntry,
  blockCausalEntry,
  blockDiffusionEntry,
  speculativeTreeEntry,
  natten2dEntry,
  natten2dTiledEntry,
  natten2dMortonEntry,
  slidingTile2dEntry,
  slidingTile3dEntry,
  flamingoEntry,
  perBatchEntry,
  relativePositionEntry,
  alibiEntry,
  softCapEntry,
  reluEntry,
  sigmoidEntry,
  mlaRopeEntry,
  sandwichEntry,
  graphormerEntry,
  distanceBiasEntry,
  pairBiasEntry,
  headBiasEntry,
  sinksEntry,
];
