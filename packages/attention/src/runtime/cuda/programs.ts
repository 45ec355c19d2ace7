/** From a kernel's text to code on the GPU: through the cache on disk, or through the compiler. */
import type { DiskCache } from "../shared/disk-cache.ts";
import { CudaError } from "./cuda-error.ts";
import type { Driver } from "./driver.ts";
import { GpuModule } from "./module.ts";
import type { Compiler } from "./nvrtc.ts";

export interface ProgramText {
  readonly text: string;
  /** For example `sm_90a`. */
  readonly arch: string;
}

export interface Program {
  readonly module: GpuModule;
  /** Where the code came from. */
  readonly from: "disk" | "compiler";
  readonly milliseconds: number;
}

const SUFFIX = ".cubin";

const OPTIONS = ["--std=c++17"] as const;

/** What the driver says of code that it cannot use. */
const unusable: readonly string[] = ["CUDA_ERROR_INVALID_IMAGE", "CUDA_ERROR_NO_BINARY_FOR_GPU"];

export interface ProgramsParts {
  readonly driver: Driver;
  readonly driverVersion: number;
  readonly compiler: Compiler;
  readonly cache: DiskCache;
  /** Makes this thread's calls the GPU's, after something else may have run. */
  enter(): void;
}

export class Programs {
  readonly #parts: ProgramsParts;

  constructor(parts: ProgramsParts) {
    this.#parts = parts;
  }

  /** @throws CudaError it does not compile, or the GPU does not take it */
  async load(program: ProgramText): Promise<Program> {
    const start = performance.now();
    const { driver, compiler, cache } = this.#parts;
    const options = [`--gpu-architecture=${program.arch}`, ...OPTIONS];
    const key = [program.text, ...options, compiler.version, String(this.#parts.driverVersion)];
    const loaded = (module: GpuModule, from: Program["from"]): Program => {
      return { module, from, milliseconds: performance.now() - start };
    };
    const kept = this.#tryLoad(await cache.read(key, SUFFIX));
    if (kept !== null) return loaded(kept, "disk");
    const cubin = await compiler.compile(program.text, options);
    this.#parts.enter();
    const module = new GpuModule(driver, cubin);
    await cache.put(key, SUFFIX, cubin);
    return loaded(module, "compiler");
  }

  /** Null for what the driver will not take: it is compiled again. */
  #tryLoad(cubin: Uint8Array | null): GpuModule | null {
    if (cubin === null) return null;
    this.#parts.enter();
    try {
      return new GpuModule(this.#parts.driver, cubin);
    } catch (error) {
      if (error instanceof CudaError && unusable.includes(error.codeName)) return null;
      throw error;
    }
  }
}
