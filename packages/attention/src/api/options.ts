/** What a caller may say about one attention call, and what comes back. */
import type { Device } from "../runtime/device.ts";
import type { Tensor } from "../tensor.ts";
import type { AnyTensor } from "./check-tensors.ts";
import type { MaskFunction, MaskMod, ScoreFunction, ScoreMod } from "./mods.ts";
import type { PreparedMask } from "./block-mask.ts";

/** One integer for every batch element, or one per batch element. */
export type PerBatch = number | readonly number[] | Int32Array;

/** The two functions of a variant: the part of a call that becomes code. */
export interface Variant {
  /** `(score, { b, h, q, kv }) => score`: changes the scaled dot product. Default: leaves it as it is. */
  readonly score?: ScoreMod | ScoreFunction;
  /**
   * `({ b, h, q, kv }) => boolean`: true where the query may attend to the key. Default: everywhere.
   * A mask prepared by `blockMask` saves building its block mask again.
   */
  readonly mask?: MaskMod | MaskFunction | PreparedMask;
}

/**
 * The part of a call that may change without compiling anything again.
 *
 * @typeParam T  what query, key, value and out are: tensors in arrays, or in a device's memory
 */
export interface RunOptions<T extends AnyTensor = Tensor> {
  /** Factor on the dot product, before `score`. Default 1 / sqrt(D). */
  readonly scale?: number;
  /** Position of the first query; functions see `q + queryOffset`. Default 0. Unit: tokens. */
  readonly queryOffset?: PerBatch;
  /** Keys from here on do not exist. Default N. Unit: tokens. */
  readonly kvLength?: PerBatch;
  /** [Hq]: one logit per query head that joins the denominator only. Default: none. */
  readonly sinks?: readonly number[] | Float32Array | Tensor;
  /** Also return the natural logarithm of each row's denominator. Default false. */
  readonly returnLse?: boolean;
  /** Also return each row's largest score. Default false. */
  readonly returnMax?: boolean;
  /** Where to write the output: [B, Hq, M, Dv] of the inputs' dtype, any strides. Default: a new tensor. */
  readonly out?: T;
  /** Ends the call with the signal's reason at the next opportunity. */
  readonly signal?: AbortSignal;
}

/** Where a call runs. */
export interface Placement {
  /**
   * An open device, or the name of a target: `"cuda"`, `"native"`, `"wasm"` and `"reference"` run there or throw. Default `"auto"`: the fastest
   * target that this machine has; for tensors in a device's memory, that device.
   */
  readonly device?: Device | DeviceName;
}

export type DeviceName = "auto" | "cuda" | "native" | "wasm" | "reference";

/** Queries and keys per block of the block mask: one number for both, or `[queries, keys]`. */
export type BlockSize = number | readonly [queries: number, keys: number];

export interface AttentionOptions<T extends AnyTensor = Tensor>
  extends Variant, RunOptions<T>, Placement {
  /** Block size of the mask that is built for this call. Default 128. Unit: tokens. */
  readonly blockSize?: BlockSize;
}

/** What a call returns that asked for more than the output. */
export interface AttentionResult<T extends AnyTensor = Tensor> {
  /** [B, Hq, M, Dv] in the inputs' dtype. */
  readonly out: T;
  /** [B, Hq, M] f32, natural log; -Infinity for a fully masked row. Null unless `returnLse`. */
  readonly lse: T | null;
  /** [B, Hq, M] f32, after `score`, without sinks; -Infinity for a fully masked row. Null unless `returnMax`. */
  readonly max: T | null;
}
