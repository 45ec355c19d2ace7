/** The cuda target as a `Device`: kernels of one GPU, and tensors that stay in its memory from call to call. */
import type { CudaTarget } from "../../emit/cuda/abi.ts";
import { emitKernel } from "../../emit/cuda/kernel.ts";
import { bytesOf, DeviceTensor, type DeviceTensorParts } from "../../device-tensor.ts";
import { describe, typeError } from "../../errors.ts";
import { contiguousStrides, type DType, Tensor } from "../../tensor.ts";
import type {
  DeviceClock,
  KernelSpec,
  Launch,
  LaunchResult,
  ResidentDevice,
  ResidentKernel,
} from "../device.ts";
import { OpenCalls } from "../shared/open-calls.ts";
import { specKey } from "../shared/spec-key.ts";
import type { MemoryStatistics } from "./allocator.ts";
import type { Core } from "./core.ts";
import { runFromHost } from "./host-launch.ts";
import { LoadedKernel } from "./loaded-kernel.ts";
import { orUnload } from "./module.ts";
import { runResident } from "./resident-launch.ts";
import { Scope } from "./scope.ts";

/** For display: what the template chose, and what the compiler made of it. */
function tileOf({ kernel, functions }: LoadedKernel): Readonly<Record<string, number>> {
  const [main] = functions;
  const { registers = 0, localBytes = 0, sharedBytes = 0, threads = 0 } = main ?? {};
  return { ...kernel.tile, threads, registers, localBytes, sharedBytes };
}

export class CudaDevice implements ResidentDevice {
  readonly target = "cuda" as const;
  readonly name: string;
  readonly #core: Core;
  readonly #target: CudaTarget;
  readonly #kernels = new Map<string, Promise<ResidentKernel>>();
  readonly #loaded: LoadedKernel[] = [];
  readonly #calls = new OpenCalls();
  #compilations = 0;
  /** What closing gave back; null until then. */
  #closing: Promise<void> | null = null;
  #released = false;

  constructor(name: string, core: Core, target: CudaTarget) {
    this.name = name;
    this.#core = core;
    this.#target = target;
  }

  get compilations(): number {
    return this.#compilations;
  }

  /** GPU memory in use and kept for reuse. */
  get memory(): MemoryStatistics {
    return this.#core.allocator.statistics;
  }

  /** Gives memory that is kept for reuse back to the driver. */
  trim(): void {
    this.#enter();
    this.#core.allocator.trim();
  }

  hold<T>(work: () => Promise<T>): Promise<T> {
    return this.#calls.hold(work);
  }

  async kernel(spec: KernelSpec): Promise<ResidentKernel> {
    this.#calls.check();
    const key = specKey(spec);
    const known = this.#kernels.get(key);
    if (known !== undefined) return known;
    const kernel = this.#compile(spec);
    this.#kernels.set(key, kernel);
    kernel.catch(() => this.#kernels.delete(key));
    return kernel;
  }

  async upload(tensor: Tensor): Promise<DeviceTensor> {
    const isFloat = tensor instanceof Tensor && tensor.dtype !== "i32" && tensor.dtype !== "bool";
    if (!isFloat) {
      const got = tensor instanceof Tensor ? `one of ${tensor.dtype}` : describe(tensor);
      const remedy = "integers and booleans are captured by score and mask functions";
      throw typeError({ name: "tensor", expected: "a Tensor of f32, f16 or bf16", got, remedy });
    }
    const mine = this.empty(tensor.shape, tensor.dtype);
    try {
      const { turns, staging } = this.#core;
      await turns.take(null, () => staging.upload(tensor, mine.address, null));
      return mine;
    } catch (error) {
      mine.free();
      throw error;
    }
  }

  empty(shape: readonly number[], dtype: DType): DeviceTensor {
    this.#enter();
    const { allocator } = this.#core;
    const size = shape.reduce((product, length) => product * length, 1);
    const block = allocator.allocate(size * bytesOf(dtype));
    const release = (): void => {
      // A closed device has given back everything already.
      if (!this.#released) allocator.release(block);
    };
    return new DeviceTensor({ home: this, memory: block.address, dtype, shape, release });
  }

  /** @throws TypeError not an address of this GPU's memory: kernels that read such a one would end the process's use of the GPU */
  wrap(parts: Omit<DeviceTensorParts, "home">): DeviceTensor {
    this.#enter();
    const { memory } = parts;
    if (typeof memory === "bigint" && this.#core.gpu.holds(memory)) {
      return new DeviceTensor({ ...parts, home: this });
    }
    const got = typeof memory === "bigint" ? `0x${memory.toString(16)}` : describe(memory);
    const expected = `an address of memory of ${this.#core.gpu.facts.name}, as a bigint`;
    const remedy = "copy arrays there with await device.upload(tensor)";
    throw typeError({ name: "memory", expected, got, remedy });
  }

  async read(tensor: DeviceTensor): Promise<Tensor> {
    this.#calls.check();
    const core = this.#core;
    const { shape, dtype, address } = tensor;
    const data = dtype === "f32" ? new Float32Array(tensor.size) : new Uint16Array(tensor.size);
    const result = new Tensor(data, shape, { dtype });
    const dense = contiguousStrides(shape);
    const isDense = shape.every((n, axis) => n === 1 || tensor.strides[axis] === dense[axis]);
    await core.turns.take(null, async () => {
      using scope = new Scope(core.allocator);
      const copier = isDense ? null : await core.copier();
      this.#enter();
      const from = copier === null ? address : core.densely(copier, tensor, scope);
      await core.staging.download(from, result, null);
    });
    return result;
  }

  async settled(): Promise<void> {
    this.#enter();
    const { stream } = this.#core;
    const mark = stream.mark();
    await stream.past(mark, "waiting for the GPU");
    stream.forget(mark);
  }

  clock(): DeviceClock {
    this.#enter();
    return this.#core.stream.clock();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#calls.close();
    await this.#core.turns.take(null, async () => {
      await Promise.allSettled(this.#kernels.values());
      await this.#core.unloadCopier();
      this.#kernels.clear();
      this.#released = true;
      this.#core.close(this.#loaded.splice(0));
    });
  }

  async #compile(spec: KernelSpec): Promise<ResidentKernel> {
    const core = this.#core;
    const emitted = emitKernel(spec, this.#target);
    const { text } = emitted;
    const { module } = await core.programs.load({ text, arch: this.#target.arch });
    const loaded = orUnload(module, () => {
      core.gpu.enter();
      return new LoadedKernel(core, spec, emitted, module);
    });
    this.#loaded.push(loaded);
    this.#compilations++;
    const make = (shape: readonly number[], dtype: DType): DeviceTensor => this.empty(shape, dtype);
    return {
      spec,
      ...(emitted.approximate === true ? { approximate: true } : {}),
      tile: tileOf(loaded),
      source: () => text,
      run: (launch: Launch): Promise<LaunchResult> => this.#open(runFromHost, loaded, launch),
      runResident: (launch: Launch<DeviceTensor>): Promise<LaunchResult<DeviceTensor>> => {
        return this.#open(runResident, loaded, launch, make);
      },
    };
  }

  /** Refused from `close` on; what was asked for before still has its turn. */
  async #open<A extends readonly unknown[], R>(
    run: (core: Core, kernel: LoadedKernel, ...rest: A) => Promise<R>,
    kernel: LoadedKernel,
    ...rest: A
  ): Promise<R> {
    this.#calls.check();
    return run(this.#core, kernel, ...rest);
  }

  #enter(): void {
    this.#calls.check();
    this.#core.gpu.enter();
  }
}
