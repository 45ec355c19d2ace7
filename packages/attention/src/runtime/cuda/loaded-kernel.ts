/** One kernel on the GPU: its functions, its arguments, and what it takes to queue a launch. */
import {
  type CudaKernel,
  type Field,
  type GridRule,
  type ParamsLayout,
  paramsLayout,
} from "../../emit/cuda/abi.ts";
import { internalError } from "../../errors.ts";
import { headGroup } from "../../schedule/tile-work.ts";
import type { KernelSpec, Launch } from "../device.ts";
import { ArgumentBlock } from "./arguments.ts";
import type { Core } from "./core.ts";
import { elementBytes, type UploadedLists } from "./mask-lists.ts";
import type { GpuFunction, GpuModule } from "./module.ts";
import type { Scope } from "./scope.ts";
import { Slots } from "./slots.ts";
import { TensorMap } from "./tensor-map.ts";

/** Rows of contiguous elements in GPU memory; strides in elements. */
export interface PlacedTensor {
  readonly address: bigint;
  readonly batchStride: number;
  readonly headStride: number;
  readonly rowStride: number;
}

/** A launch whose tensors have their places. */
export interface PlacedLaunch extends Pick<
  Launch,
  "shape" | "scale" | "queryOffset" | "kvLength" | "blockMask" | "captures" | "sinks"
> {
  readonly query: PlacedTensor;
  readonly key: PlacedTensor;
  readonly value: PlacedTensor;
  readonly out: PlacedTensor;
  /** [B, Hq, M] f32; 0n: not wanted. */
  readonly lse: bigint;
  readonly max: bigint;
}

interface Entry {
  readonly fn: GpuFunction;
  readonly grid: GridRule;
  /** Blocks that the whole GPU runs at a time. */
  readonly resident: number;
}

interface Counts {
  readonly itemCount: number;
  readonly combineCount: number;
  readonly resident: number;
}

const blocksOf: { readonly [K in GridRule]: (counts: Counts) => number } = {
  persistent: ({ itemCount, resident }) => Math.min(itemCount, resident),
  items: ({ itemCount }) => itemCount,
  splits: ({ itemCount }) => itemCount,
  combines: ({ combineCount }) => combineCount,
};

type Offsets = Readonly<Record<string, number>>;

export class LoadedKernel {
  readonly spec: KernelSpec;
  readonly kernel: CudaKernel;
  readonly #core: Core;
  readonly #module: GpuModule;
  readonly #entries: readonly Entry[];
  readonly #layout: ParamsLayout;
  readonly #at: Offsets;
  readonly #arguments: ArgumentBlock;
  readonly #maps: readonly TensorMap[];
  readonly #slots: Slots;

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
    this.#layout = paramsLayout(spec);
    this.#at = Object.fromEntries(this.#layout.fields.map(({ name, offset }) => [name, offset]));
    const { bytes } = this.#layout;
    this.#arguments = new ArgumentBlock(driver, { maps: kernel.maps.length, bytes });
    this.#maps = kernel.maps.map(
      (shape, index) => new TensorMap(driver, shape, this.#arguments.map(index)),
    );
    this.#slots = new Slots(driver, allocator, stream.handle);
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
    const { shape, kvLength, blockMask } = launch;
    const { spec, kernel } = this;
    const lists = this.#core.masks.lists({ spec, kernel, shape, kvLength, blockMask });
    this.#setTensors(launch);
    this.#setNumbers(launch, lists);
    this.#setLists(launch, lists);
    this.#setCaptures(launch);
    this.#setScratch(lists, scope);
    this.#coverTensors(launch);
    const { itemCount, combineCount } = lists;
    for (const { fn, grid, resident } of this.#entries) {
      const blocks = blocksOf[grid]({ itemCount, combineCount, resident });
      if (blocks > 0) this.#arguments.launch(fn, { blocks }, this.#core.stream.handle);
    }
  }

  unload(): void {
    this.#module.unload();
  }

  #offset(name: string): number {
    const offset = this.#at[name];
    if (offset === undefined) throw internalError(`kernels have no parameter ${name}`);
    return offset;
  }

  #pointer(name: string, address: bigint): void {
    this.#arguments.setI64(this.#offset(name), address);
  }

  #i32(values: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(values)) {
      this.#arguments.setI32(this.#offset(name), value);
    }
  }

  #setTensors(launch: PlacedLaunch): void {
    for (const name of ["query", "key", "value", "out"] as const) {
      const { address, batchStride, headStride, rowStride } = launch[name];
      this.#pointer(name, address);
      this.#pointer(`${name}BatchStride`, BigInt(batchStride));
      this.#pointer(`${name}HeadStride`, BigInt(headStride));
      this.#pointer(`${name}RowStride`, BigInt(rowStride));
    }
    this.#pointer("lse", launch.lse);
    this.#pointer("max", launch.max);
  }

  #setNumbers(
    { shape, scale, queryOffset, kvLength, sinks }: PlacedLaunch,
    { itemCount, combineCount }: UploadedLists,
  ): void {
    const { B, Hq, Hkv, M, N } = shape;
    const heads = headGroup(shape, elementBytes(this.spec));
    this.#i32({ B, Hq, Hkv, M, N, itemCount, combineCount, headGroup: heads });
    this.#arguments.setF32(this.#offset("scale"), scale);
    this.#pointer("queryOffset", this.#slots.place("queryOffset", queryOffset));
    this.#pointer("kvLength", this.#slots.place("kvLength", kvLength));
    this.#pointer("sinks", sinks === null ? 0n : this.#slots.place("sinks", sinks));
  }

  #setLists({ blockMask }: PlacedLaunch, lists: UploadedLists): void {
    for (const name of ["items", "spans", "rowStart", "runs", "bits"] as const) {
      this.#pointer(name, lists[name]);
    }
    const { B = 1, H = 1, rows = 0, blockQ = 1, blockKv = 1 } = blockMask ?? {};
    this.#i32({ maskB: B, maskH: H, maskRows: rows, blockQ, blockKv });
    this.#pointer("counter", this.#core.counter);
  }

  #setCaptures({ captures }: PlacedLaunch): void {
    for (const { name, type, field } of this.#layout.uniforms) {
      const value = captures.uniforms.get(name);
      if (value === undefined) throw internalError(`no value for the captured number ${name}`);
      if (type === "i32") this.#arguments.setI32(field.offset, value);
      else this.#arguments.setF32(field.offset, value);
    }
    for (const { name, data, lengths } of this.#layout.tensors) {
      const tensor = captures.tensors.get(name);
      if (tensor === undefined) throw internalError(`no value for the captured tensor ${name}`);
      this.#arguments.setI64(data.offset, this.#slots.place(name, tensor.data));
      lengths.forEach(({ offset }: Field, axis) =>
        this.#arguments.setI32(offset, tensor.shape[axis] ?? 1),
      );
    }
  }

  #setScratch({ partialBytes }: UploadedLists, scope: Scope): void {
    this.#pointer("partials", partialBytes === 0 ? 0n : scope.allocate(partialBytes).address);
  }

  #coverTensors(launch: PlacedLaunch): void {
    const { dtype } = this.spec;
    if (dtype === "f32") return;
    const { B, Hq, Hkv, M } = launch.shape;
    const keys = launch.kvLength.reduce((most, length) => Math.max(most, length), 1);
    for (const map of this.#maps) {
      const { tensor } = map.shape;
      const placed = launch[tensor];
      const [H, rows] = tensor === "query" ? [Hq, M] : [Hkv, keys];
      map.cover({
        ...{ address: placed.address, dtype, B, H, rows },
        batchStride: placed.batchStride * 2,
        headStride: placed.headStride * 2,
        rowStride: placed.rowStride * 2,
      });
    }
  }
}
