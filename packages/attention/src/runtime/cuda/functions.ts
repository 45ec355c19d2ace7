/** The functions of libcuda and NVRTC that are called, with their arguments in order. Each returns a result code. */
import type { NativeLibrary } from "./native.ts";

/** Of CUDA 12.0 and newer: `_v2` names are what the headers call by the plain ones. */
export const driverFunctions = {
  cuInit: ["u32"],
  cuDriverGetVersion: ["memory"],
  cuGetErrorName: ["i32", "memory"],
  cuGetErrorString: ["i32", "memory"],

  cuDeviceGetCount: ["memory"],
  cuDeviceGet: ["memory", "i32"],
  cuDeviceGetName: ["memory", "i32", "i32"],
  cuDeviceGetAttribute: ["memory", "i32", "i32"],
  cuDeviceTotalMem_v2: ["memory", "i32"],

  cuDevicePrimaryCtxRetain: ["memory", "i32"],
  cuDevicePrimaryCtxRelease_v2: ["i32"],
  cuCtxSetCurrent: ["pointer"],

  cuStreamCreate: ["memory", "u32"],
  cuStreamSynchronize: ["pointer"],
  cuStreamDestroy_v2: ["pointer"],
  cuEventCreate: ["memory", "u32"],
  cuEventRecord: ["pointer", "pointer"],
  cuEventQuery: ["pointer"],
  cuEventElapsedTime: ["memory", "pointer", "pointer"],
  cuEventDestroy_v2: ["pointer"],

  cuMemGetInfo_v2: ["memory", "memory"],
  cuMemAlloc_v2: ["memory", "size"],
  cuMemFree_v2: ["pointer"],
  cuMemHostAlloc: ["memory", "size", "u32"],
  cuMemFreeHost: ["pointer"],
  cuMemcpyHtoDAsync_v2: ["pointer", "host", "size", "pointer"],
  cuMemcpyDtoHAsync_v2: ["host", "pointer", "size", "pointer"],
  cuMemcpy2DAsync_v2: ["memory", "pointer"],
  cuMemsetD8Async: ["pointer", "u32", "size", "pointer"],
  cuPointerGetAttribute: ["memory", "i32", "pointer"],
  cuTensorMapEncodeTiled: [
    "memory", // map, aligned to 64
    "i32", // element type
    "u32", // rank
    "pointer",
    "memory", // dimensions, u64
    "memory", // strides in bytes, u64, of all dimensions but the first
    "memory", // box, u32
    "memory", // element strides, u32
    "i32", // interleave
    "i32", // swizzle
    "i32", // L2 promotion
    "i32", // fill
  ],

  cuModuleLoadData: ["memory", "memory"],
  cuModuleGetFunction: ["memory", "pointer", "memory"],
  cuModuleUnload: ["pointer"],
  cuFuncGetAttribute: ["memory", "i32", "pointer"],
  cuFuncSetAttribute: ["pointer", "i32", "i32"],
  cuOccupancyMaxActiveBlocksPerMultiprocessor: ["memory", "pointer", "i32", "size"],
  cuLaunchKernel: [
    "pointer",
    "u32", // grid
    "u32",
    "u32",
    "u32", // block
    "u32",
    "u32",
    "u32", // dynamic shared memory
    "pointer", // stream
    "pointer", // addresses of the parameters
    "pointer", // extra
  ],
} as const;

export const nvrtcFunctions = {
  nvrtcVersion: ["memory", "memory"],
  nvrtcCreateProgram: ["memory", "memory", "memory", "i32", "memory", "memory"],
  nvrtcCompileProgram: ["pointer", "i32", "memory"],
  nvrtcGetCUBINSize: ["pointer", "memory"],
  nvrtcGetCUBIN: ["pointer", "memory"],
  nvrtcGetProgramLogSize: ["pointer", "memory"],
  nvrtcGetProgramLog: ["pointer", "memory"],
  nvrtcDestroyProgram: ["memory"],
} as const;

export type DriverLibrary = NativeLibrary<typeof driverFunctions>;
export type NvrtcLibrary = NativeLibrary<typeof nvrtcFunctions>;

/** Numbers of the driver's enumerations, by the ends of their names. */
export const DEVICE_ATTRIBUTE = {
  multiprocessors: 16,
  computeMajor: 75,
  computeMinor: 76,
  sharedPerBlockOptin: 97,
} as const;

export const FUNCTION_ATTRIBUTE = {
  localBytes: 3,
  registers: 4,
  maxDynamicSharedBytes: 8,
} as const;

export const POINTER_ATTRIBUTE = { deviceOrdinal: 9 } as const;

export const TENSOR_MAP = {
  /** Element types. */
  f16: 6,
  bf16: 9,
  /** Bytes of the pattern. */
  swizzle: { 32: 1, 64: 2, 128: 3 },
  promotionOf256: 3,
} as const;
