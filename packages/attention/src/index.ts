/** The public API of `@vigil/attention`; nothing inside the package imports this file. */
export { attention } from "./api/attention.ts";
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
export type { Device, Kernel, KernelSpec, Target } from "./runtime/device.ts";
export {
  Tensor,
  type DType,
  type FloatType,
  type TensorData,
  type TensorOptions,
} from "./tensor.ts";
export { TraceError } from "./trace/trace-error.ts";
export { UnsupportedError } from "./errors.ts";
