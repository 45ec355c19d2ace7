/** A compiled library in this process: the functions that `emit/native/abi.ts` lists. */
import { UnsupportedError } from "../../errors.ts";
import type { Koffi, KoffiFunction, KoffiLibrary } from "./machine.ts";

export class Library {
  readonly #library: KoffiLibrary;
  readonly #run: KoffiFunction;
  readonly #peak: KoffiFunction;

  /** @throws UnsupportedError  the loader refuses the file */
  constructor(koffi: Koffi, path: string) {
    try {
      this.#library = koffi.load(path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UnsupportedError(
        "native",
        `what was compiled cannot be loaded: ${reason}`,
        "let programs be loaded from the folder for temporary files, or set TMPDIR to one where they may be",
      );
    }
    this.#run = this.#library.func("vigil_run", "int32_t", ["uintptr_t", "uintptr_t", "int32_t"]);
    this.#peak = this.#library.func("vigil_peak", "double", ["int64_t"]);
  }

  /** Asks the system for what the instruction set needs. @returns 0, or the number of the system's error */
  init(): number {
    return this.#library.func("vigil_init", "int32_t", [])();
  }

  /** The address of an exported function. */
  symbol(name: string): bigint {
    return this.#library.symbol(name);
  }

  /** Runs a kernel on the calling thread's time. @returns what the kernel returns */
  runHere(kernel: bigint, launch: bigint, threads: number): number {
    return this.#run(kernel, launch, threads);
  }

  /** The same on one of libuv's threads, so that the event loop turns meanwhile. */
  run(kernel: bigint, launch: bigint, threads: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#run.async(kernel, launch, threads, (error, result) => {
        if (error === null || error === undefined) resolve(result);
        else reject(error);
      });
    });
  }

  /** Multiply-adds in a loop. @returns floating-point operations done */
  peak(rounds: number): number {
    return this.#peak(rounds);
  }

  unload(): void {
    this.#library.unload();
  }
}
