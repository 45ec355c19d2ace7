/** The public API of `@vigil/attention`; nothing inside the package imports this file. */
export { attention } from "./api/attention.ts";
export { kernelText, type KernelText, type KernelTextOptions } from "./api/kernel-text.ts";
export { compile, type CompiledAttention, type CompileOptions } from "./api/compile.ts";
export {
  and,
  constant,
  maskMod,
  not,
  or,
  scoreMod,
  type MaskFunction,
  type MaskMod,
  type Position,
  type ScoreFunction,
  type ScoreMod,
} from "./api/mods.ts";
export { blockMask, type BlockMaskOptions, type PreparedMask } from "./api/block-mask.ts";
export type { CropOptions } from "./mask/crop-options.ts";
export type { Range, SliceOptions } from "./mask/slice.ts";
export type { BlockMaskStats } from "./mask/stats.ts";
export type { BlockMaskColumns } from "./mask/transpose.ts";
export { chooseDevice, openDevice, type DeviceOptions, type Opened } from "./api/open-device.ts";
export type {
  AttentionOptions,
  AttentionResult,
  BlockSize,
  DeviceName,
  PerBatch,
  Placement,
  RunOptions,
  Variant,
} from "./api/options.ts";
export type {
  Device,
  DeviceClock,
  Kernel,
  KernelSpec,
  ResidentDevice,
  Target,
} from "./runtime/device.ts";
export { DeviceTensor, type DeviceTensorParts } from "./device-tensor.ts";
export { CudaError } from "./runtime/cuda/cuda-error.ts";
export {
  Tensor,
  type DType,
  type FloatType,
  type TensorData,
  type TensorOptions,
} from "./tensor.ts";
export { TraceError } from "./trace/trace-error.ts";
export { UnsupportedError } from "./errors.ts";
export { documentIdsFromLengths, documentIdsFromOffsets } from "./mask/documents.ts";
export { activation, relu, sigmoid } from "./variants/activation.ts";
export { alibi, alibiSlopes } from "./variants/alibi.ts";
export { blockCausal } from "./variants/block-causal.ts";
export { blockDiffusion } from "./variants/block-diffusion.ts";
export { causal } from "./variants/causal.ts";
export { dilatedWindow } from "./variants/dilated-window.ts";
export { document } from "./variants/document.ts";
export { flamingo } from "./variants/flamingo.ts";
export { globalWindow } from "./variants/global-window.ts";
export { graphormer } from "./variants/graphormer.ts";
export { distanceBias, headBias, pairBias } from "./variants/learned-bias.ts";
export { mlaRope } from "./variants/mla-rope.ts";
export { natten2d, natten2dMorton, natten2dTiled } from "./variants/natten.ts";
export { packedCausal } from "./variants/packed-causal.ts";
export { perBatch } from "./variants/per-batch.ts";
export { prefixLm } from "./variants/prefix-lm.ts";
export { relativePosition } from "./variants/relative-position.ts";
export { sandwich } from "./variants/sandwich.ts";
export { sharedPrefix } from "./variants/shared-prefix.ts";
export { sinkLogits } from "./variants/sinks.ts";
export { slidingTile2d, slidingTile3d } from "./variants/sliding-tile.ts";
export { slidingWindow } from "./variants/sliding-window.ts";
export { softCap } from "./variants/soft-cap.ts";
export { speculativeTree } from "./variants/speculative-tree.ts";
