/** Compiles what is asked for at one time as few libraries: a compiler reads the same headers for one kernel as for many. */
import { emitKernel } from "../../emit/native/kernel.ts";
import { emitPrelude } from "../../emit/native/prelude/prelude.ts";
import type { NativeKernel, NativeTarget } from "../../emit/native/abi.ts";
import { internalError } from "../../errors.ts";
import type { KernelSpec } from "../device.ts";
import type { Library } from "./library.ts";
import { CompilerRefusal, type Workshop } from "./workshop.ts";

export interface CompileQueueParts {
  readonly target: NativeTarget;
  readonly workshop: Workshop;
  /** Compilers that may run at one time. */
  readonly compilers: number;
}

export interface LoadedKernel {
  readonly tile: Readonly<Record<string, number>>;
  readonly library: Library;
  /** Address of the kernel's function. */
  readonly entry: bigint;
}

interface Order {
  readonly spec: KernelSpec;
  resolve(kernel: LoadedKernel): void;
  reject(error: unknown): void;
}

/** More kernels than this in one text save little, and make the last one wait for all. */
const MOST_TOGETHER = 24;

export class CompileQueue {
  readonly #parts: CompileQueueParts;
  readonly #orders: Order[] = [];
  #running = 0;
  #isPlanned = false;

  constructor(parts: CompileQueueParts) {
    this.#parts = parts;
  }

  add(spec: KernelSpec): Promise<LoadedKernel> {
    return new Promise((resolve, reject) => {
      this.#orders.push({ spec, resolve, reject });
      this.#plan();
    });
  }

  /** Refuses what waits; what is being compiled is the workshop's to end. */
  close(): void {
    const reason = new Error("native: the device was closed");
    for (const { reject } of this.#orders.splice(0)) reject(reason);
  }

  /** Begins once this turn of the event loop has asked for all that it wants. */
  #plan(): void {
    if (this.#isPlanned || this.#running >= this.#parts.compilers) return;
    this.#isPlanned = true;
    setImmediate(() => {
      this.#isPlanned = false;
      this.#start();
    });
  }

  #start(): void {
    const free = this.#parts.compilers - this.#running;
    const share = Math.min(MOST_TOGETHER, Math.ceil(this.#orders.length / Math.max(free, 1)));
    while (this.#running < this.#parts.compilers && this.#orders.length > 0) {
      this.#running++;
      const orders = this.#orders.splice(0, share);
      void this.#serve(orders).finally(() => {
        this.#running--;
        if (this.#orders.length > 0) this.#plan();
      });
    }
  }

  /** A text that fails takes its neighbours with it: each is then tried alone. */
  async #serve(orders: readonly Order[]): Promise<void> {
    try {
      const kernels = await this.#build(orders.map(({ spec }) => spec));
      kernels.forEach((kernel, at) => orders[at]?.resolve(kernel));
    } catch (error) {
      if (orders.length === 1) orders[0]?.reject(reported(error));
      else for (const order of orders) await this.#serve([order]);
    }
  }

  async #build(specs: readonly KernelSpec[]): Promise<LoadedKernel[]> {
    const { target, workshop } = this.#parts;
    const emitted = specs.map((spec, at) => emitKernel(spec, target, `vigil_kernel_${at}`));
    const library = await workshop.load(libraryText(target, emitted));
    return emitted.map(({ symbol, tile }) => ({ tile, library, entry: library.symbol(symbol) }));
  }
}

/** The compiler works, as opening the device has shown: then the text is at fault. */
const reported = (error: unknown): unknown =>
  error instanceof CompilerRefusal ? internalError(error.message) : error;

/** One translation unit of several kernels. */
const libraryText = (target: NativeTarget, kernels: readonly NativeKernel[]): string =>
  [emitPrelude(target), ...kernels.map(({ body }) => body)].join("\n");
