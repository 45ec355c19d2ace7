/** One GPU: what it is, its context, and this thread's being in it. */
import { describe, rangeError, UnsupportedError } from "../../errors.ts";
import type { Driver } from "./driver.ts";
import { DEVICE_ATTRIBUTE, POINTER_ATTRIBUTE } from "./functions.ts";
import { textOf } from "./native.ts";

export interface GpuFacts {
  readonly name: string;
  readonly ordinal: number;
  /** Compute capability as one number: 90 for 9.0. */
  readonly capability: number;
  readonly multiprocessors: number;
  /** Most shared memory that one block can ask for. */
  readonly sharedBytes: number;
  readonly memoryBytes: number;
}

const NAME_BYTES = 256;

/** Oldest GPUs with mma.sync on bf16. */
const LEAST_CAPABILITY = 80;

/** GPUs that the driver shows to this process. @throws UnsupportedError there are none */
export function countGpus(driver: Driver): number {
  const count = driver.out32((out) => driver.call.cuDeviceGetCount("counting GPUs", out));
  if (count > 0) return count;
  const remedy = "see CUDA_VISIBLE_DEVICES";
  throw new UnsupportedError("cuda", "the driver shows no GPU to this process", remedy);
}

export function gpuFacts(driver: Driver, ordinal: number): GpuFacts & { readonly handle: number } {
  const doing = `asking about GPU ${ordinal}`;
  const { call } = driver;
  const handle = driver.out32((out) => call.cuDeviceGet(doing, out, ordinal));
  const attribute = (name: keyof typeof DEVICE_ATTRIBUTE): number =>
    driver.out32((out) => call.cuDeviceGetAttribute(doing, out, DEVICE_ATTRIBUTE[name], handle));
  const name = new Uint8Array(NAME_BYTES);
  call.cuDeviceGetName(doing, name, NAME_BYTES, handle);
  return {
    handle,
    ordinal,
    name: textOf(name),
    capability: 10 * attribute("computeMajor") + attribute("computeMinor"),
    multiprocessors: attribute("multiprocessors"),
    sharedBytes: attribute("sharedPerBlockOptin"),
    memoryBytes: Number(driver.out64((out) => call.cuDeviceTotalMem_v2(doing, out, handle))),
  };
}

/**
 * A GPU whose primary context is retained, so that everything in this process that computes on it (PyTorch in a Python beside us,
 * another of our devices) shares its addresses.
 */
export class Gpu {
  readonly driver: Driver;
  readonly facts: GpuFacts;
  readonly #handle: number;
  readonly #context: bigint;
  #released = false;

  /**
   * @throws RangeError        there is no GPU of that number
   * @throws UnsupportedError  it is older than every kernel
   */
  constructor(driver: Driver, ordinal: number) {
    const count = countGpus(driver);
    if (!Number.isInteger(ordinal) || ordinal < 0 || ordinal >= count) {
      const expected = count === 1 ? "0, the only GPU" : `an integer from 0 to ${count - 1}`;
      const remedy = "count GPUs as nvidia-smi does, within CUDA_VISIBLE_DEVICES";
      throw rangeError({ name: "gpu", expected, got: describe(ordinal), remedy });
    }
    const { handle, ...facts } = gpuFacts(driver, ordinal);
    if (facts.capability < LEAST_CAPABILITY) {
      const reason = `${facts.name} has compute capability ${facts.capability / 10}; kernels need 8.0`;
      throw new UnsupportedError("cuda", reason, "use a GPU of 2020 or later");
    }
    this.driver = driver;
    this.facts = facts;
    this.#handle = handle;
    const doing = `opening ${facts.name}`;
    this.#context = driver.out64((out) => driver.call.cuDevicePrimaryCtxRetain(doing, out, handle));
  }

  /** Whether an address lies in this GPU's memory, as far as the driver knows. */
  holds(address: bigint): boolean {
    const ordinal = new Int32Array(1).fill(-1);
    const { cuPointerGetAttribute } = this.driver.library.functions;
    const code = cuPointerGetAttribute(ordinal, POINTER_ATTRIBUTE.deviceOrdinal, address);
    return code === 0 && ordinal[0] === this.facts.ordinal;
  }

  /** Makes this thread's next calls this GPU's: other devices, and other users of the driver, may have been in between. */
  enter(): void {
    this.driver.call.cuCtxSetCurrent("entering the context", this.#context);
  }

  /** Calling it again does nothing. */
  close(): void {
    if (this.#released) return;
    this.#released = true;
    this.driver.call.cuDevicePrimaryCtxRelease_v2("leaving the GPU", this.#handle);
  }
}
