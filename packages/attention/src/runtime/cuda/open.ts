/** Opening the cuda target. */
import type { CudaTarget } from "../../emit/cuda/abi.ts";
import { describe, rangeError } from "../../errors.ts";
import type { ResidentDevice } from "../device.ts";
import { noDiskCache, openDiskCache } from "../shared/disk-cache.ts";
import { Core } from "./core.ts";
import { CudaDevice } from "./device.ts";
import { Gpu } from "./gpu.ts";
import {
  type LibraryOptions,
  type Load,
  loadCompiler,
  loadDriver,
  versionText,
} from "./libraries.ts";
import { type Machine, thisMachine } from "./places.ts";
import { Programs } from "./programs.ts";

export interface CudaOptions extends LibraryOptions {
  /** Which GPU, as nvidia-smi counts within CUDA_VISIBLE_DEVICES. Default 0. */
  readonly gpu?: number | undefined;
  /**
   * Score functions without the hardware's approximate tanh, exp and the like, also for 16-bit dtypes. Default false: there they are
   * used, within the error budget of the dtype.
   */
  readonly exact?: boolean | undefined;
  /** The device never holds more GPU memory than this. Default: as much as there is. */
  readonly memoryLimitBytes?: number | undefined;
  /**
   * Where compiled kernels are kept for the next process; null: nowhere. Default: `VIGIL_CACHE_DIR`, else the user's folder for
   * caches.
   */
  readonly cacheFolder?: string | null | undefined;
  /** The compute capability whose kernels are used, for tests of older ones. Default: the GPU's own. */
  readonly arch?: CudaTarget["arch"] | undefined;
}

/** The first with wgmma and the copy engine, which newer generations do not have either. */
const HOPPER = 90;

const archOf = (capability: number): CudaTarget["arch"] =>
  capability === HOPPER ? "sm_90a" : "sm_80";

/** Without a limit the driver says when there is no more. */
function checkedLimit(bytes: number | undefined): number {
  if (bytes === undefined) return Infinity;
  if (Number.isSafeInteger(bytes) && bytes >= 2 ** 20) return bytes;
  const expected = `an integer number of bytes from ${2 ** 20}`;
  const remedy = "leave it out for all of the GPU's memory";
  throw rangeError({ name: "memoryLimitBytes", expected, got: describe(bytes), remedy });
}

/**
 * Opens an NVIDIA GPU of compute capability 8.0 or later, through libcuda and NVRTC, which are found and loaded here.
 *
 * @throws RangeError        there is no such GPU, or an option is out of range
 * @throws UnsupportedError  no driver, no GPU, no NVRTC, or no koffi; says what is missing and how to get it
 * @throws CudaError         the driver refuses: another process holds the GPU, for example
 */
export const openCuda = (options: CudaOptions = {}): Promise<ResidentDevice> =>
  openCudaOn(thisMachine(), options);

/** The same where machine and loading are given: for tests without a GPU. */
export async function openCudaOn(
  machine: Machine,
  options: CudaOptions,
  load?: Load,
): Promise<CudaDevice> {
  const { driver, version } = await loadDriver(machine, options, load);
  const compiler = await loadCompiler(machine, options, version, load);
  const { cacheFolder } = options;
  const cache =
    cacheFolder === null
      ? noDiskCache("switched off")
      : await openDiskCache({ name: "cuda", folder: cacheFolder });
  const gpu = new Gpu(driver, options.gpu ?? 0);
  try {
    const { facts } = gpu;
    const arch = options.arch ?? archOf(facts.capability);
    const memoryLimitBytes = checkedLimit(options.memoryLimitBytes);
    const enter = (): void => gpu.enter();
    const programs = new Programs({ driver, driverVersion: version, compiler, cache, enter });
    const core = new Core({ gpu, programs, arch, memoryLimitBytes });
    const name = `cuda (${facts.name}, ${arch}, driver of CUDA ${versionText(version)}, NVRTC ${compiler.version})`;
    const target = { arch, fastMath: options.exact !== true, standalone: false };
    return new CudaDevice(name, core, target);
  } catch (error) {
    gpu.close();
    throw error;
  }
}
