/** What everything on one GPU shares: the stream, the memory, and the ways in and out. */
import { bytesOf, type DeviceTensor } from "../../device-tensor.ts";
import { contiguousStrides } from "../../tensor.ts";
import { TurnQueue } from "../shared/turn-queue.ts";
import { Allocator } from "./allocator.ts";
import type { Driver } from "./driver.ts";
import { everyStep } from "./every-step.ts";
import type { Gpu } from "./gpu.ts";
import { MaskLists } from "./mask-lists.ts";
import { orUnload } from "./module.ts";
import type { Programs } from "./programs.ts";
import type { Scope } from "./scope.ts";
import { Staging } from "./staging.ts";
import { Stream } from "./stream.ts";
import { copyText, StridedCopy } from "./strided-copy.ts";

export interface CoreParts {
  readonly gpu: Gpu;
  readonly programs: Programs;
  /** For example `sm_90a`. */
  readonly arch: string;
  readonly memoryLimitBytes: number;
}

const COUNTER_BYTES = 256;

function newAllocator(driver: Driver, limitBytes: number): Allocator {
  const { call } = driver;
  const source = {
    allocate: (bytes: number): bigint =>
      driver.out64((out) =>
        call.cuMemAlloc_v2(() => `allocating ${bytes} bytes of GPU memory`, out, bytes),
      ),
    free: (address: bigint): void => call.cuMemFree_v2("freeing GPU memory", address),
  };
  return new Allocator(source, limitBytes);
}

export class Core {
  readonly gpu: Gpu;
  readonly driver: Driver;
  readonly programs: Programs;
  readonly arch: string;
  readonly stream: Stream;
  readonly allocator: Allocator;
  readonly staging: Staging;
  readonly masks: MaskLists;
  /** Whoever waits in the middle of its work takes a turn. */
  readonly turns: TurnQueue = new TurnQueue();
  /** The queue's ticket of kernels that have one: zero between launches. */
  readonly counter: bigint;
  #copier: Promise<StridedCopy> | null = null;

  /** Nothing is left behind where this throws, except what `gpu` holds. */
  constructor({ gpu, programs, arch, memoryLimitBytes }: CoreParts) {
    this.gpu = gpu;
    this.driver = gpu.driver;
    this.programs = programs;
    this.arch = arch;
    gpu.enter();
    const { driver } = gpu;
    this.stream = new Stream(driver);
    this.allocator = newAllocator(driver, memoryLimitBytes);
    this.staging = new Staging(driver, this.stream, () => gpu.enter());
    this.masks = new MaskLists(driver, this.allocator, this.stream.handle);
    try {
      this.counter = this.#newCounter();
    } catch (error) {
      everyStep([() => this.allocator.close(), () => this.stream.close()]);
      throw error;
    }
  }

  /** The kernel that copies between strides; compiled when it is first needed. */
  copier(): Promise<StridedCopy> {
    const copier = this.#copier ?? this.#loadCopier();
    this.#copier = copier;
    copier.catch(() => {
      this.#copier = null;
    });
    return copier;
  }

  /** Queues a copy without gaps, in temporary memory; its address. */
  densely(copier: StridedCopy, tensor: DeviceTensor, scope: Scope): bigint {
    const { address } = scope.allocate(tensor.size * bytesOf(tensor.dtype));
    this.copy(copier, tensor, { address, strides: contiguousStrides(tensor.shape) });
    return address;
  }

  /** Queues a copy of a tensor's elements to other strides. */
  copy(
    copier: StridedCopy,
    from: DeviceTensor,
    to: Pick<DeviceTensor, "address" | "strides">,
  ): void {
    copier.enqueue(
      {
        ...{ from: from.address, fromStrides: from.strides },
        ...{ to: to.address, toStrides: to.strides },
        shape: from.shape,
        elementBytes: from.dtype === "f32" ? 4 : 2,
      },
      this.stream.handle,
    );
  }

  /**
   * Gives everything back; every step is taken, whatever the ones before it threw.
   *
   * @throws CudaError  what failed first; not where the GPU was lost before, which has been said then
   */
  close(kernels: readonly { unload(): void }[]): void {
    const wasLost = this.driver.isLost;
    try {
      everyStep([
        () => this.gpu.enter(),
        () => this.stream.finish("finishing before closing the device"),
        ...kernels.map((kernel) => () => kernel.unload()),
        () => this.staging.close(),
        () => this.allocator.close(),
        () => this.stream.close(),
        () => this.gpu.close(),
      ]);
    } catch (error) {
      if (!wasLost) throw error;
    }
  }

  /** Ends what was loaded without being asked for by name. */
  async unloadCopier(): Promise<void> {
    const copier = await this.#copier?.catch(() => null);
    copier?.unload();
  }

  async #loadCopier(): Promise<StridedCopy> {
    const { module } = await this.programs.load({ text: copyText, arch: this.arch });
    return orUnload(module, () => {
      this.gpu.enter();
      return new StridedCopy(this.driver, module);
    });
  }

  #newCounter(): bigint {
    const { address } = this.allocator.allocate(COUNTER_BYTES);
    const { call } = this.driver;
    call.cuMemsetD8Async("clearing a counter", address, 0, COUNTER_BYTES, this.stream.handle);
    return address;
  }
}
