/** Compiled code on the GPU, and the functions in it. */
import type { Driver } from "./driver.ts";
import { FUNCTION_ATTRIBUTE } from "./functions.ts";
import { cText } from "./native.ts";

/** Dynamic shared memory that a function may use without asking. */
const FREE_SHARED_BYTES = 48 * 1024;

export interface FunctionFacts {
  /** Registers of one thread. */
  readonly registers: number;
  /** Bytes of one thread that did not fit its registers, or are arrays. */
  readonly localBytes: number;
}

export interface GpuFunction extends FunctionFacts {
  readonly handle: bigint;
  readonly name: string;
  readonly threads: number;
  readonly sharedBytes: number;
}

export interface FunctionRequest {
  readonly name: string;
  readonly threads: number;
  /** Dynamic, of one block. */
  readonly sharedBytes: number;
}

export class GpuModule {
  readonly #driver: Driver;
  readonly #handle: bigint;
  #unloaded = false;

  /** @throws CudaError the code is not for this GPU, or damaged */
  constructor(driver: Driver, cubin: Uint8Array) {
    this.#driver = driver;
    const doing = `loading ${cubin.length} bytes of code`;
    this.#handle = driver.out64((out) => driver.call.cuModuleLoadData(doing, out, cubin));
  }

  find({ name, threads, sharedBytes }: FunctionRequest): GpuFunction {
    const { call } = this.#driver;
    const doing = `finding the function ${name}`;
    const handle = this.#driver.out64((out) =>
      call.cuModuleGetFunction(doing, out, this.#handle, cText(name)),
    );
    if (sharedBytes > FREE_SHARED_BYTES) {
      const asking = `asking for ${sharedBytes} bytes of shared memory for ${name}`;
      call.cuFuncSetAttribute(
        asking,
        handle,
        FUNCTION_ATTRIBUTE.maxDynamicSharedBytes,
        sharedBytes,
      );
    }
    const attribute = (which: "registers" | "localBytes"): number =>
      this.#driver.out32((out) =>
        call.cuFuncGetAttribute(doing, out, FUNCTION_ATTRIBUTE[which], handle),
      );
    const facts = { registers: attribute("registers"), localBytes: attribute("localBytes") };
    return { handle, name, threads, sharedBytes, ...facts };
  }

  /** Blocks of a function that one multiprocessor runs at a time. */
  blocksPerMultiprocessor({ handle, name, threads, sharedBytes }: GpuFunction): number {
    const doing = `asking how many blocks of ${name} fit a multiprocessor`;
    return this.#driver.out32((out) =>
      this.#driver.call.cuOccupancyMaxActiveBlocksPerMultiprocessor(
        doing,
        out,
        handle,
        threads,
        sharedBytes,
      ),
    );
  }

  /** Calling it again does nothing. */
  unload(): void {
    if (this.#unloaded) return;
    this.#unloaded = true;
    this.#driver.call.cuModuleUnload("unloading code", this.#handle);
  }
}

/** What is made of a module, which is unloaded where that fails. */
export function orUnload<T>(module: GpuModule, make: () => T): T {
  try {
    return make();
  } catch (error) {
    module.unload();
    throw error;
  }
}
