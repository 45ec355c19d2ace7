/** A call of the driver or NVRTC that failed: which, at what, and what helps. */

/** What to do about codes that people can do something about. */
const remedies: Readonly<Record<string, string>> = {
  CUDA_ERROR_OUT_OF_MEMORY:
    "free device tensors, lower memoryLimitBytes, or end other programs that use this GPU",
  CUDA_ERROR_NO_DEVICE:
    "this machine shows no NVIDIA GPU to this process; see CUDA_VISIBLE_DEVICES",
  CUDA_ERROR_INSUFFICIENT_DRIVER: "install a newer NVIDIA driver",
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: "restart the machine: its driver was updated while loaded",
  CUDA_ERROR_NO_BINARY_FOR_GPU: "install an NVRTC that knows this GPU",
  CUDA_ERROR_INVALID_IMAGE: "install an NVRTC of the driver's CUDA version, or a newer driver",
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION: "install a newer NVIDIA driver",
  CUDA_ERROR_ECC_UNCORRECTABLE:
    "the GPU's memory is damaged: open another GPU, and have this one reset or replaced",
  CUDA_ERROR_DEVICE_UNAVAILABLE: "another process holds the GPU for itself",
  CUDA_ERROR_ILLEGAL_ADDRESS: "start a new process: this one cannot use the GPU any more",
  CUDA_ERROR_LAUNCH_FAILED: "start a new process: this one cannot use the GPU any more",
  CUDA_ERROR_LAUNCH_TIMEOUT: "use a GPU without a display, or shorter inputs",
  CUDA_ERROR_MISALIGNED_ADDRESS: "start a new process: this one cannot use the GPU any more",
  CUDA_ERROR_ILLEGAL_INSTRUCTION: "start a new process: this one cannot use the GPU any more",
  NVRTC_ERROR_INVALID_OPTION: "install a newer NVRTC: this one does not know the GPU",
  NVRTC_ERROR_OUT_OF_MEMORY: "end other programs of this machine",
};

/** After these, every later call of the process fails too. */
const fatal: readonly string[] = [
  "CUDA_ERROR_ILLEGAL_ADDRESS",
  "CUDA_ERROR_LAUNCH_FAILED",
  "CUDA_ERROR_LAUNCH_TIMEOUT",
  "CUDA_ERROR_MISALIGNED_ADDRESS",
  "CUDA_ERROR_ILLEGAL_INSTRUCTION",
  "CUDA_ERROR_INVALID_ADDRESS_SPACE",
  "CUDA_ERROR_INVALID_PC",
  "CUDA_ERROR_HARDWARE_STACK_ERROR",
  "CUDA_ERROR_ASSERT",
  "CUDA_ERROR_ECC_UNCORRECTABLE",
];

export interface CudaFailure {
  readonly code: number;
  /** For example `CUDA_ERROR_OUT_OF_MEMORY`. */
  readonly codeName: string;
  /** The C function. */
  readonly call: string;
  /** What the call was for, for example `allocating 4096 bytes`. */
  readonly doing: string;
  /** What the library says besides, for example a compiler's log. */
  readonly detail?: string | undefined;
}

/** The GPU, its driver or its compiler refused something: neither the caller's mistake nor a missing capability. */
export class CudaError extends Error implements CudaFailure {
  override readonly name: string = "CudaError";
  readonly code: number;
  readonly codeName: string;
  readonly call: string;
  readonly doing: string;
  /** Null where nothing is known to help. */
  readonly remedy: string | null;
  /** Whether the process has lost the GPU. */
  readonly isFatal: boolean;

  constructor({ code, codeName, call, doing, detail }: CudaFailure) {
    const remedy = remedies[codeName] ?? null;
    const more = detail === undefined || detail === "" ? "" : `\n${detail}`;
    super(
      `cuda: ${doing}: ${call} returned ${codeName} (${code})${remedy === null ? "" : `; ${remedy}`}${more}`,
    );
    this.code = code;
    this.codeName = codeName;
    this.call = call;
    this.doing = doing;
    this.remedy = remedy;
    this.isFatal = fatal.includes(codeName);
  }
}
