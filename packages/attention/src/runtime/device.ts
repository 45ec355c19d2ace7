/**
 * The one interface between the compiler and the machines that run its kernels.
 *
 * A device compiles a `KernelSpec` (everything a kernel's text depends on) and runs the kernel on a
 * `Launch` (everything that may change without a new text: lengths, offsets, strides, batch, heads,
 * scale, captured numbers and tensors). It is not a tensor library: tensors come in and go out as the
 * caller's own memory, and validation has happened before a launch reaches it.
 */
import type { CaptureValues, Expression } from "../ir/types.ts";
import type { BlockMask } from "../mask/block-mask.ts";
import type { DeviceTensor, DeviceTensorParts, TensorHome } from "../device-tensor.ts";
import type { DType, FloatType, Tensor } from "../tensor.ts";

export type Target = "reference" | "wasm" | "native" | "webgpu" | "cuda";

/** Everything that the text of a kernel depends on. Two equal specs share one kernel. */
export interface KernelSpec {
  /** `forward`: tiles of queries. `decode`: few rows, keys split over workers, then combined. */
  readonly schedule: "forward" | "decode";
  readonly score: Expression | null;
  /** Null where there is no mask, or where partial blocks come as bits (`BlockMask.bits`). */
  readonly mask: Expression | null;
  readonly maskBits: boolean;
  /** Head size of queries and keys, 1..512. */
  readonly D: number;
  /** Head size of values and output, 1..512. */
  readonly Dv: number;
  /** Storage of query, key, value and out; accumulation is f32 for each. */
  readonly dtype: FloatType;
}

/** Lengths of one launch, in axis letters: query [B, Hq, M, D], key [B, Hkv, N, D], value [B, Hkv, N, Dv]. */
export interface Shape {
  readonly B: number;
  readonly Hq: number;
  readonly Hkv: number;
  readonly M: number;
  readonly N: number;
  readonly D: number;
  readonly Dv: number;
}

/** @typeParam T  where query, key, value and the result are: in the caller's arrays, or in the device's memory */
export interface Launch<T = Tensor> {
  readonly shape: Shape;
  readonly query: T;
  readonly key: T;
  readonly value: T;
  readonly scale: number;
  /** [B]: position of query row 0; score and mask see `q = row + queryOffset[b]`. */
  readonly queryOffset: Int32Array;
  /** [B], each 0..N: keys from there on do not exist. */
  readonly kvLength: Int32Array;
  /** Null: every existing key is attended to. */
  readonly blockMask: BlockMask | null;
  /** By the names in the spec's expressions. */
  readonly captures: CaptureValues;
  /** [Hq]: a logit per query head that joins the denominator only; null for none. */
  readonly sinks: Float32Array | null;
  readonly want: { readonly lse: boolean; readonly max: boolean };
  /** Where to put the result instead of a new tensor: [B, Hq, M, Dv], any strides. */
  readonly out: T | null;
  readonly signal: AbortSignal | null;
}

export interface LaunchResult<T = Tensor> {
  /** [B, Hq, M, Dv] in the spec's dtype. */
  readonly out: T;
  /** [B, Hq, M] f32, natural log of the denominator, -Infinity where every key is masked and there is no sink. */
  readonly lse: T | null;
  /** [B, Hq, M] f32, the largest score after `score`, -Infinity where every key is masked. Sinks do not count. */
  readonly max: T | null;
}

export interface Kernel {
  readonly spec: KernelSpec;
  /**
   * Whether score functions are computed with approximate instructions: lse and max are then only as exact as the dtype. Left out where
   * they are not.
   */
  readonly approximate?: boolean;
  /** What the tuner or the default table chose, for display: for example `{ queries: 8, keys: 128 }`. */
  readonly tile: Readonly<Record<string, number>>;
  /** The kernel as text in the target's own language. */
  source(): string;
  /** Which target the next run computes on, where it may be another one until a compiler is done. Default: the device's. */
  readonly servedBy?: Target;
  run(launch: Launch): Promise<LaunchResult>;
}

export interface Device extends AsyncDisposable {
  readonly target: Target;
  /** For people: what it runs on, for example `wasm (relaxed SIMD, 2 threads)`. */
  readonly name: string;
  /** Kernels compiled so far; a second length or a new captured number leaves it as it is. */
  readonly compilations: number;
  /** Compiles, or returns the kernel already compiled for an equal spec. */
  kernel(spec: KernelSpec): Promise<Kernel>;
  /**
   * Runs a call of several steps (find a kernel, launch it, look at the result, launch again): a `close` that comes meanwhile
   * waits for it. Devices without it refuse whatever step of a call comes after `close`.
   *
   * @throws TypeError  `close` has been called
   */
  hold?<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Ends workers and frees memory. Calls under way end first: launches that have begun or wait for their turn, and all that
   * runs in `hold`, as `attention`, `compile` and what it returns do. Calling it again does nothing.
   */
  close(): Promise<void>;
}

/** A kernel of a device with memory of its own. */
export interface ResidentKernel extends Kernel {
  /**
   * The same on tensors that lie in the device's memory. Resolves when the work is queued: reading a result waits for it, and the
   * next call that uses it comes after it.
   */
  runResident(launch: Launch<DeviceTensor>): Promise<LaunchResult<DeviceTensor>>;
}

/** A device that can keep tensors in its own memory from call to call. */
export interface ResidentDevice extends Device, TensorHome {
  kernel(spec: KernelSpec): Promise<ResidentKernel>;
  /** A copy of a tensor in the device's memory. */
  upload(tensor: Tensor): Promise<DeviceTensor>;
  /** New memory without content, row-major without gaps: for `out`. */
  empty(shape: readonly number[], dtype: DType): DeviceTensor;
  /** Memory of somebody else, who keeps it until `free()`. */
  wrap(parts: Omit<DeviceTensorParts, "home">): DeviceTensor;
  /** Resolves when everything queued so far is done. */
  settled(): Promise<void>;
  /** Measures the device's own time from one place in its queue to another. */
  clock(): DeviceClock;
}

/** For benchmarks: what is queued between `start` and `stop` is timed. It may be used again after it was read. */
export interface DeviceClock {
  start(): void;
  stop(): void;
  /** Waits until it has stopped. */
  milliseconds(): Promise<number>;
}
