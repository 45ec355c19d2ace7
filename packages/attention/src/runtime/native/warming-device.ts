/** A device whose kernels compute elsewhere until they are compiled, and say so. */
import type { Device, Kernel, KernelSpec, Target } from "../device.ts";

/** What a compiler came to; null while it works. */
interface Outcome {
  readonly kernel: Kernel | null;
  readonly error: unknown;
}

export class WarmingDevice implements Device {
  readonly #device: Device;
  readonly #meanwhile: Device;

  /** Closing the one closes the other. */
  constructor(device: Device, meanwhile: Device) {
    this.#device = device;
    this.#meanwhile = meanwhile;
  }

  get target(): Target {
    return this.#device.target;
  }

  get name(): string {
    return `${this.#device.name}, and ${this.#meanwhile.name} until a kernel is compiled`;
  }

  get compilations(): number {
    return this.#device.compilations;
  }

  /** Does not wait for the compiler. Where that fails, so does the next run. */
  async kernel(spec: KernelSpec): Promise<Kernel> {
    let outcome: Outcome | null = null;
    const compiling = this.#device.kernel(spec);
    // A kernel that is there already, or comes from the disk at once, serves from the first run on.
    compiling.then(
      (kernel) => (outcome = { kernel, error: null }),
      (error: unknown) => (outcome = { kernel: null, error }),
    );
    const first = await this.#meanwhile.kernel(spec);
    const device = this.#device;
    const meanwhile = this.#meanwhile;
    const now = (): Kernel => {
      if (outcome === null) return first;
      if (outcome.kernel === null) throw outcome.error;
      return outcome.kernel;
    };
    return {
      spec,
      get tile() {
        return now().tile;
      },
      get servedBy() {
        return outcome === null ? meanwhile.target : device.target;
      },
      source: () => now().source(),
      run: async (launch) => now().run(launch),
    };
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    const inner = (): Promise<T> => this.#meanwhile.hold?.(work) ?? work();
    return this.#device.hold?.(inner) ?? inner();
  }

  async close(): Promise<void> {
    await this.#device.close();
    await this.#meanwhile.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
