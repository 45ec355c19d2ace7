/** The wasm target as a `Device`: compiled kernels, one memory, a crew of threads, one launch at a time. */
import { captureLayout, scratchBytes } from "../../emit/wasm/abi.ts";
import type { ConvertExports, KernelExports, WasmTarget } from "../../emit/wasm/abi.ts";
import { emitConvert } from "../../emit/wasm/convert.ts";
import { emitKernel } from "../../emit/wasm/kernel.ts";
import type { Device, Kernel, KernelSpec, Launch, LaunchResult } from "../device.ts";
import type { Arena } from "./arena.ts";
import type { Crew } from "./crew.ts";
import { OpenCalls } from "../shared/open-calls.ts";
import { specKey } from "../shared/spec-key.ts";
import { type CompiledKernel, runLaunch } from "./launch.ts";
import { LoadedModule } from "./module.ts";
import { TurnQueue } from "../shared/turn-queue.ts";

export interface WasmDeviceParts {
  readonly name: string;
  readonly target: WasmTarget;
  readonly arena: Arena;
  readonly crew: Crew;
  /** Tensors are staged in parts where they would take more than this many bytes at one time. */
  readonly stagingBytes: number;
  /** Appended to each module, so that the engine tells apart what it compiles under different flags. */
  readonly suffix: Uint8Array;
}

export class WasmDevice implements Device {
  readonly target = "wasm" as const;
  readonly name: string;
  readonly #parts: WasmDeviceParts;
  readonly #kernels = new Map<string, Promise<Kernel>>();
  readonly #turns = new TurnQueue();
  #convert: Promise<LoadedModule<ConvertExports>> | null = null;
  readonly #calls = new OpenCalls();
  #compilations = 0;

  constructor(parts: WasmDeviceParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  get compilations(): number {
    return this.#compilations;
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.#calls.hold(work);
  }

  async kernel(spec: KernelSpec): Promise<Kernel> {
    this.#calls.check();
    const key = specKey(spec);
    const known = this.#kernels.get(key);
    if (known !== undefined) return known;
    const kernel = this.#compile(spec);
    this.#kernels.set(key, kernel);
    kernel.catch(() => this.#kernels.delete(key));
    return kernel;
  }

  async close(): Promise<void> {
    await this.#calls.close();
    await this.#turns.take(null, async () => {
      await this.#parts.crew.close();
      this.#parts.arena.drop();
      this.#kernels.clear();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #compile(spec: KernelSpec): Promise<Kernel> {
    const emitted = emitKernel(spec, this.#parts.target);
    const module = await this.#load<KernelExports>(emitted.bytes);
    const id = ++this.#compilations;
    const captures = captureLayout(spec);
    const compiled = { id, spec, module, captures, scratchBytes: scratchBytes(spec) };
    return {
      spec,
      tile: emitted.tile,
      // Emitted again when asked for: what a text is made of takes far more memory than the compiled kernel.
      source: () => emitKernel(spec, this.#parts.target).source(),
      run: (launch) => this.#launch(compiled, launch),
    };
  }

  /** Refused from `close` on; what was asked for before still has its turn. */
  async #launch(kernel: CompiledKernel, launch: Launch): Promise<LaunchResult> {
    this.#calls.check();
    return this.#turns.take(launch.signal, () => this.#run(kernel, launch));
  }

  #load<Exports>(bytes: Uint8Array): Promise<LoadedModule<Exports>> {
    const { suffix } = this.#parts;
    const whole = new Uint8Array(bytes.length + suffix.length);
    whole.set(bytes);
    whole.set(suffix, bytes.length);
    return LoadedModule.compile<Exports>(whole);
  }

  async #run(kernel: CompiledKernel, launch: Launch): Promise<LaunchResult> {
    const { arena, crew, stagingBytes } = this.#parts;
    const converts = kernel.spec.dtype !== "f32";
    this.#convert ??= converts ? this.#load(emitConvert(this.#parts.target)) : null;
    const convert = converts ? ((await this.#convert) ?? null) : null;
    try {
      return await runLaunch({ arena, crew, stagingBytes, kernel, convert }, launch);
    } finally {
      await this.#tidy();
    }
  }

  /** A memory that is given back must not be held, nor written to, by a worker. */
  async #tidy(): Promise<void> {
    const { arena, crew } = this.#parts;
    if (crew.isBroken) {
      await crew.close();
      arena.drop();
    }
    if (arena.trim()) await crew.forget();
  }
}
