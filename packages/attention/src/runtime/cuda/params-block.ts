/** The parameters of one kernel: where each number of a launch goes. */
import {
  type Field,
  type ParamsLayout,
  paramsLayout,
  type TensorMapShape,
} from "../../emit/cuda/abi.ts";
import { internalError } from "../../errors.ts";
import { headGroup } from "../../schedule/tile-work.ts";
import type { KernelSpec, Launch } from "../device.ts";
import { ArgumentBlock } from "./arguments.ts";
import type { Driver } from "./driver.ts";
import { elementBytes, type UploadedLists } from "./mask-lists.ts";
import type { Slots } from "./slots.ts";

/** Rows of contiguous elements in GPU memory; strides in elements. */
export interface PlacedTensor {
  readonly address: bigint;
  readonly batchStride: bigint;
  readonly headStride: bigint;
  readonly rowStride: bigint;
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

const tensorNames = ["query", "key", "value", "out"] as const;
const listNames = ["items", "spans", "rowStart", "runs", "bits"] as const;

/** Fields besides tensors and captures. */
type FieldName =
  | ("lse" | "max" | "sinks" | "queryOffset" | "kvLength" | "counter" | "partials")
  | (typeof listNames)[number]
  | ("B" | "Hq" | "Hkv" | "M" | "N" | "itemCount" | "combineCount" | "headGroup" | "scale")
  | ("maskB" | "maskH" | "maskRows" | "blockQ" | "blockKv");

/** Where a tensor's fields lie, and what was written there last. */
interface TensorFields {
  readonly name: (typeof tensorNames)[number];
  readonly offsets: { readonly [K in keyof PlacedTensor]: number };
  last: PlacedTensor | null;
}

export class ParamsBlock {
  /** The maps, then the parameters. */
  readonly block: ArgumentBlock;
  readonly #spec: KernelSpec;
  readonly #layout: ParamsLayout;
  readonly #at: { readonly [K in FieldName]: number };
  readonly #tensors: readonly TensorFields[];
  readonly #slots: Slots;

  constructor(driver: Driver, spec: KernelSpec, maps: readonly TensorMapShape[], slots: Slots) {
    this.#spec = spec;
    this.#slots = slots;
    this.#layout = paramsLayout(spec);
    this.block = new ArgumentBlock(driver, { maps: maps.length, bytes: this.#layout.bytes });
    const offsets = new Map(this.#layout.fields.map(({ name, offset }) => [name, offset]));
    // A proxy for the table: each field is looked up once, and one that kernels lack is our mistake.
    const at = (name: string): number => {
      const offset = offsets.get(name);
      if (offset === undefined) throw internalError(`kernels have no parameter ${name}`);
      return offset;
    };
    this.#at = fieldOffsets(at);
    this.#tensors = tensorNames.map((name) => ({
      name,
      offsets: {
        address: at(name),
        batchStride: at(`${name}BatchStride`),
        headStride: at(`${name}HeadStride`),
        rowStride: at(`${name}RowStride`),
      },
      last: null,
    }));
  }

  /** Everything of a launch but the maps; arrays are uploaded where they have changed. */
  set(launch: PlacedLaunch, lists: UploadedLists): void {
    this.#setTensors(launch);
    this.#setShape(launch);
    this.#setArrays(launch);
    this.#setLists(launch, lists);
    this.#setCaptures(launch);
  }

  /** Memory of the launch alone, and the counter that launches share. */
  setScratch(partials: bigint, counter: bigint): void {
    this.block.setI64(this.#at.partials, partials);
    this.block.setI64(this.#at.counter, counter);
  }

  #setTensors(launch: PlacedLaunch): void {
    const { block } = this;
    for (const fields of this.#tensors) {
      const placed = launch[fields.name];
      // A tensor that is where it was in the last launch is there already.
      if (fields.last === placed) continue;
      const { offsets } = fields;
      block.setI64(offsets.address, placed.address);
      block.setI64(offsets.batchStride, placed.batchStride);
      block.setI64(offsets.headStride, placed.headStride);
      block.setI64(offsets.rowStride, placed.rowStride);
      fields.last = placed;
    }
    block.setI64(this.#at.lse, launch.lse);
    block.setI64(this.#at.max, launch.max);
  }

  #setShape({ shape, scale }: PlacedLaunch): void {
    const [block, at] = [this.block, this.#at];
    block.setI32(at.B, shape.B);
    block.setI32(at.Hq, shape.Hq);
    block.setI32(at.Hkv, shape.Hkv);
    block.setI32(at.M, shape.M);
    block.setI32(at.N, shape.N);
    block.setI32(at.headGroup, headGroup(shape, elementBytes(this.#spec)));
    block.setF32(at.scale, scale);
  }

  #setArrays({ queryOffset, kvLength, sinks }: PlacedLaunch): void {
    const [block, at, slots] = [this.block, this.#at, this.#slots];
    block.setI64(at.queryOffset, slots.place("queryOffset", queryOffset));
    block.setI64(at.kvLength, slots.place("kvLength", kvLength));
    block.setI64(at.sinks, sinks === null ? 0n : slots.place("sinks", sinks));
  }

  #setLists({ blockMask }: PlacedLaunch, lists: UploadedLists): void {
    const [block, at] = [this.block, this.#at];
    for (const name of listNames) block.setI64(at[name], lists[name]);
    block.setI32(at.itemCount, lists.itemCount);
    block.setI32(at.combineCount, lists.combineCount);
    block.setI32(at.maskB, blockMask?.B ?? 1);
    block.setI32(at.maskH, blockMask?.H ?? 1);
    block.setI32(at.maskRows, blockMask?.rows ?? 0);
    block.setI32(at.blockQ, blockMask?.blockQ ?? 1);
    block.setI32(at.blockKv, blockMask?.blockKv ?? 1);
  }

  #setCaptures({ captures }: PlacedLaunch): void {
    const { block } = this;
    for (const { name, type, field } of this.#layout.uniforms) {
      const value = captures.uniforms.get(name);
      if (value === undefined) throw internalError(`no value for the captured number ${name}`);
      if (type === "i32") block.setI32(field.offset, value);
      else block.setF32(field.offset, value);
    }
    for (const { name, data, lengths } of this.#layout.tensors) {
      const tensor = captures.tensors.get(name);
      if (tensor === undefined) throw internalError(`no value for the captured tensor ${name}`);
      block.setI64(data.offset, this.#slots.place(name, tensor.data));
      lengths.forEach(({ offset }: Field, axis) => block.setI32(offset, tensor.shape[axis] ?? 1));
    }
  }
}

const fieldOffsets = (at: (name: string) => number): { readonly [K in FieldName]: number } => ({
  ...{ lse: at("lse"), max: at("max"), sinks: at("sinks") },
  ...{ queryOffset: at("queryOffset"), kvLength: at("kvLength") },
  ...{ counter: at("counter"), partials: at("partials"), scale: at("scale") },
  ...{ items: at("items"), spans: at("spans"), bits: at("bits") },
  ...{ rowStart: at("rowStart"), runs: at("runs") },
  ...{ B: at("B"), Hq: at("Hq"), Hkv: at("Hkv"), M: at("M"), N: at("N") },
  ...{ itemCount: at("itemCount"), combineCount: at("combineCount"), headGroup: at("headGroup") },
  ...{ maskB: at("maskB"), maskH: at("maskH"), maskRows: at("maskRows") },
  ...{ blockQ: at("blockQ"), blockKv: at("blockKv") },
});
