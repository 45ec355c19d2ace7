/** One kernel on the GPU: its functions, its arguments, and what it takes to queue a launch. */
import type { CudaKernel, GridRule } from "../../emit/cuda/abi.ts";
import type { KernelSpec } from "../device.ts";
import type { Core } from "./core.ts";
import type { LastLists } from "./mask-lists.ts";
import type { GpuFunction, GpuModule } from "./module.ts";
import { ParamsBlock, type PlacedLaunch } from "./params-block.ts";
import type { Scope } from "./scope.ts";
import { Slots } from "./slots.ts";
import { TensorMap } from "./tensor-map.ts";

interface Entry {
  readonly fn: GpuFunction;
  readonly grid: GridRule;
  /** Blocks that the whole GPU runs at a time. */
  readonly resident: number;
}

interface Counts {
  readonly itemCount: number;
  readonly combineCount: number;
}

const blocksOf: { readonly [K in GridRule]: (counts: Counts, resident: number) => number } = {
  persistent: ({ itemCount }, resident) => Math.min(itemCount, resident),
  items: ({ itemCount }) => itemCount,
  combines: ({ combineCount }) => combineCount,
};

const longest = (lengths: Int32Array): number => {
  let most = 1;
  for (const length of lengths) if (length > most) most = length;
  return most;
};

export class LoadedKernel {
  readonly spec: KernelSpec;
  readonly kernel: CudaKernel;
  readonly #core: Core;
  readonly #module: GpuModule;
  readonly #entries: readonly Entry[];
  readonly #params: ParamsBlock;
  readonly #maps: readonly TensorMap[];
  #last: LastLists | null = null;

  constructor(core: Core, spec: KernelSpec, kernel: CudaKernel, module: GpuModule) {
    const { driver, allocator, stream, gpu } = core;
    this.spec = spec;
    this.kernel = kernel;
    this.#core = core;
    this.#module = module;
    this.#entries = kernel.entries.map(({ grid, ...request }) => {
      const fn = module.find(request);
      const resident = module.blocksPerMultiprocessor(fn) * gpu.facts.multiprocessors;
      return { fn, grid, resident };
    });
    const slots = new Slots(driver, allocator, stream.handle);
    this.#params = new ParamsBlock(driver, spec, kernel.maps, slots);
    this.#maps = kernel.maps.map(
      (shape, index) => new TensorMap(driver, shape, this.#params.block.map(index)),
    );
  }

  get functions(): readonly GpuFunction[] {
    return this.#entries.map(({ fn }) => fn);
  }

  /** Whether query, key and value have to lie at multiples of 16 bytes. */
  get needsAlignment(): boolean {
    return this.#maps.length > 0;
  }

  /**
   * Queues the launch; nothing is waited for, and nothing that was passed is read later.
   *
   * @param scope  temporary memory, which may be given back as soon as this returns
   */
  enqueue(launch: PlacedLaunch, scope: Scope): void {
    const { spec, kernel } = this;
    const { shape, kvLength, blockMask } = launch;
    const { masks, counter, stream } = this.#core;
    this.#last = masks.lists({ spec, kernel, shape, kvLength, blockMask }, this.#last);
    const { lists } = this.#last.kept;
    const { partialBytes } = lists;
    this.#params.set(launch, lists);
    this.#params.setScratch(
      partialBytes === 0 ? 0n : scope.allocate(partialBytes).address,
      counter,
    );
    if (this.#maps.length > 0) this.#coverTensors(launch);
    for (const { fn, grid, resident } of this.#entries) {
      const blocks = blocksOf[grid](lists, resident);
      if (blocks > 0) this.#params.block.launch(fn, blocks, stream.handle);
    }
  }

  unload(): void {
    this.#module.unload();
  }

  #coverTensors(launch: PlacedLaunch): void {
    const { dtype } = this.spec;
    if (dtype === "f32") return;
    const { B, Hq, Hkv, M } = launch.shape;
    const keys = longest(launch.kvLength);
    for (const map of this.#maps) {
      const { tensor } = map.shape;
      const isQuery = tensor === "query";
      const extent = { dtype, B, H: isQuery ? Hq : Hkv, rows: isQuery ? M : keys };
      map.cover(launch[tensor], extent);
    }
  }
}
