/** A compiled WebAssembly module and its instance on the current memory. */
import { internalError } from "../../errors.ts";

export class LoadedModule<Exports> {
  readonly module: WebAssembly.Module;
  #memory: WebAssembly.Memory | null = null;
  #exports: Exports | null = null;

  private constructor(module: WebAssembly.Module) {
    this.module = module;
  }

  static async compile<Exports>(bytes: Uint8Array<ArrayBuffer>): Promise<LoadedModule<Exports>> {
    try {
      return new LoadedModule<Exports>(await WebAssembly.compile(bytes));
    } catch (cause) {
      const error = internalError(`the engine refuses a module: ${String(cause)}`);
      throw Object.assign(error, { cause });
    }
  }

  /** The exports of this thread's instance; made again when the memory is another one. */
  async on(memory: WebAssembly.Memory): Promise<Exports> {
    if (this.#exports !== null && this.#memory === memory) return this.#exports;
    const instance = await WebAssembly.instantiate(this.module, {
      env: { memory },
      math: mathImports,
    });
    this.#memory = memory;
    this.#exports = instance.exports as Exports;
    return this.#exports;
  }
}

/** Scalar functions by the names that kernels import them by: those of JavaScript, rounded to f32 on the way back. */
const mathImports = Math as unknown as WebAssembly.ModuleImports;
