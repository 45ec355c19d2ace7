/** The native target as a `Device`: kernels compiled several at a time, one launch after another. */
import { captureLayout, type NativeTarget } from "../../emit/native/abi.ts";
import { emitKernel } from "../../emit/native/kernel.ts";
import type { Device, Kernel, KernelSpec, Launch, LaunchResult } from "../device.ts";
import { OpenCalls } from "../shared/open-calls.ts";
import { specKey } from "../shared/spec-key.ts";
import { TurnQueue } from "../shared/turn-queue.ts";
import { CompileQueue } from "./compile-queue.ts";
import { type CompiledKernel, runLaunch } from "./launch.ts";
import type { Koffi } from "./machine.ts";
import { Workspace } from "./workspace.ts";
import type { Workshop } from "./workshop.ts";

export interface NativeDeviceParts {
  readonly name: string;
  readonly koffi: Koffi;
  readonly target: NativeTarget;
  readonly workshop: Workshop;
  readonly threads: number;
  /** Whether even a brief launch leaves the calling thread free. */
  readonly background: boolean;
  /** Compilers that may run at one time. */
  readonly compilers: number;
}

export class NativeDevice implements Device {
  readonly target = "native" as const;
  readonly name: string;
  readonly #parts: NativeDeviceParts;
  readonly #queue: CompileQueue;
  readonly #workspace: Workspace;
  readonly #kernels = new Map<string, Promise<Kernel>>();
  readonly #turns = new TurnQueue();
  readonly #calls = new OpenCalls();
  #compilations = 0;

  constructor(parts: NativeDeviceParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#queue = new CompileQueue(parts);
    this.#workspace = new Workspace(parts.koffi);
  }

  get compilations(): number {
    return this.#compilations;
  }

  /** Kernels that are asked for in one turn of the event loop are compiled into one library. */
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

  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.#calls.hold(work);
  }

  /** Compilers that work for nobody's call are ended. */
  async close(): Promise<void> {
    await this.#calls.close();
    this.#queue.close();
    await this.#turns.take(null, async () => {
      this.#parts.workshop.close();
      this.#kernels.clear();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #compile(spec: KernelSpec): Promise<Kernel> {
    const { tile, library, entry } = await this.#queue.add(spec);
    this.#compilations++;
    const compiled = { spec, captures: captureLayout(spec), library, entry };
    return {
      spec,
      tile,
      source: () => emitKernel(spec, this.#parts.target, "vigil_kernel").text,
      run: (launch) => this.#launch(compiled, launch),
    };
  }

  /** Refused once the device is closed; what was asked for before still has its turn. */
  async #launch(kernel: CompiledKernel, launch: Launch): Promise<LaunchResult> {
    this.#calls.check();
    const context = { ...this.#parts, workspace: this.#workspace, kernel };
    return this.#turns.take(launch.signal, () => runLaunch(context, launch));
  }
}
