/** `@vigil/attention/testing`: the references, the conformance suite and the gallery, for tests, benchmarks and `vigil verify`. */
export { type Answer, type Problem, referenceAttention } from "../reference/attention.ts";
export { checkInputs } from "../api/check-tensors.ts";
export { elementsOf } from "../reference/formats.ts";
export { sameDtypeAttention } from "../reference/same-dtype.ts";
export { emitPeak, PEAK_FLOPS_PER_ROUND } from "../emit/wasm/peak.ts";
export { findFeatures } from "../emit/wasm/features.ts";
export { blockMaskStats, type BlockMaskStats } from "../mask/stats.ts";
export type { Shape } from "../runtime/device.ts";
export { cudaFacts, type CudaFact } from "../runtime/cuda/facts.ts";
export { nativeFacts, type NativeFact } from "../runtime/native/facts.ts";
export { openNativePeak, type NativePeak } from "../runtime/native/peak.ts";
export { attendedPairs, blockPairs, flopsPerPair } from "../schedule/count-work.ts";
export { random, type Random } from "../variants/random.ts";
export { gallery } from "../variants/gallery.ts";
export type { GalleryEntry, GalleryShape, Mods } from "../variants/gallery-entry.ts";
export { drawEntry } from "../variants/draw.ts";
export { judge, type Spread, type ThreeRuns, type Verdict } from "./budget.ts";
export { type Case, conformanceCases, type Suite, testVariants } from "./cases.ts";
export {
  type Conformance,
  type ConformanceOptions,
  conforms,
  type Failure,
} from "./conformance.ts";
export {
  cut,
  type InputOptions,
  type Inputs,
  type Layout,
  makeInputs,
  type Numbers,
} from "./inputs.ts";
export { type Law, laws, type Opener } from "./laws.ts";
export { findMisreading } from "./misreading.ts";
export { roundedMods, runCase } from "./run-case.ts";
export type { SampledExtent } from "./sample-positions.ts";
export { type Skip, skips } from "./skips.ts";
export { fresh, modKind, modText, plainMask, plainScore } from "./plain-function.ts";
export { Unfused, type UnfusedProblem, type UnfusedResult } from "./unfused.ts";
