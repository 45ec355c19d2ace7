/**
 * Reading captured tensors: `tensor[i][j]...`, each index clamped to its dimension, so that nothing outside is ever
 * read, whatever the indices are.
 */
import type { Axis, Node, ScalarType } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";
import type { TensorSlot } from "../abi.ts";
import {
  extractLane,
  i32,
  load,
  loadLane,
  op,
  replaceLane,
  select,
  shuffle,
} from "../asm/expression.ts";
import type { I32, V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { plus, splatWord, times, wordAt } from "../lanes.ts";
import type { Scalar } from "./scalar-ops.ts";

/** Address, last valid indices, and bytes from one index to the next, in locals that are set before the body. */
interface TensorLocals {
  readonly type: ScalarType;
  readonly at: Local<"i32">;
  readonly last: readonly Local<"i32">[];
  /** Null for the last axis, whose elements are neighbours. */
  readonly stride: readonly (Local<"i32"> | null)[];
}

/** An index: the same for all lanes, or one per lane; null where it is not known yet. */
export type LoadIndex = I32 | V128 | null;

/** What was known of a load before the loop: its address so far, and the axes that are missing. */
export interface PreparedLoad {
  readonly tensor: TensorLocals;
  readonly base: Local<"i32">;
  /** What each lane adds to it; null where no index along the lanes is known. */
  readonly each: readonly Local<"i32">[] | null;
  readonly missing: readonly number[];
}

const LANES = [0, 1, 2, 3] as const;

/** The tensors that one function reads. */
export class TensorReader {
  readonly #f: FunctionBuilder;
  readonly #params: I32;
  readonly #slots: readonly TensorSlot[];
  readonly #known = new Map<string, TensorLocals>();
  /** Offsets of lanes that several loads share, by what they are computed from. */
  readonly #offsets = new Map<string, readonly Local<"i32">[]>();
  readonly #numbers = new Map<LoadIndex, number>();

  constructor(f: FunctionBuilder, params: I32, slots: readonly TensorSlot[]) {
    this.#f = f;
    this.#params = params;
    this.#slots = slots;
  }

  /** One element, all indices scalar. */
  scalar(name: string, indices: readonly I32[]): Scalar {
    const tensor = this.#tensor(name);
    const address = indices.reduce<I32>(
      (sum, index, axis) => plus(sum, this.#offset(tensor, index, axis)),
      tensor.at,
    );
    return readScalar(tensor.type, address);
  }

  /** Adds up what the known indices contribute to the address: outside the loop, if that is where they are known. */
  prepare(name: string, indices: readonly LoadIndex[]): PreparedLoad {
    const f = this.#f;
    const tensor = this.#tensor(name);
    const missing = [...indices.keys()].filter((axis) => indices[axis] === null);
    let base: I32 = tensor.at;
    const along: number[] = [];
    for (const [axis, index] of indices.entries()) {
      if (isLanes(index)) along.push(axis);
      else if (index !== null) base = plus(base, this.#offset(tensor, index, axis));
    }
    const each = along.length === 0 ? null : this.#eachLane(name, indices, along);
    return { tensor, base: f.let("base", base), each, missing };
  }

  /** What the indices of some axes add up to in each lane. */
  #eachLane(
    name: string,
    indices: readonly LoadIndex[],
    axes: readonly number[],
  ): readonly Local<"i32">[] {
    const key = [name, ...axes.flatMap((axis) => [axis, this.#numberOf(indices[axis])])].join(" ");
    const known = this.#offsets.get(key);
    if (known !== undefined) return known;
    const f = this.#f;
    const tensor = this.#tensor(name);
    const sum = axes.reduce<V128 | null>((lanes, axis) => {
      const index = indices[axis];
      return isLanes(index) ? sumOf(lanes, this.#laneOffset(tensor, index, axis)) : lanes;
    }, null);
    const all = f.let("offsets", sum ?? f.words(0));
    const each = LANES.map((lane) => f.let("offset", extractLane("i32x4", all, lane)));
    this.#offsets.set(key, each);
    return each;
  }

  #numberOf(index: LoadIndex = null): number {
    const number = this.#numbers.get(index) ?? this.#numbers.size;
    this.#numbers.set(index, number);
    return number;
  }

  /**
   * Four elements, now that all indices are known. `run`: the last index rises (1) or falls (-1) by one from lane to lane and the
   * others are scalars, unless lanes repeat an edge: then one load does.
   */
  lanes(prepared: PreparedLoad, indices: readonly LoadIndex[], run: 1 | -1 | 0): V128 {
    const f = this.#f;
    const { tensor, missing, base, each } = prepared;
    const final = indices.length - 1;
    const last = indices[final];
    let offset: I32 = base;
    let lanes: V128 | null = null;
    for (const axis of missing) {
      const index = indices[axis];
      if (!index) throw internalError("an index is missing");
      if (isScalar(index)) offset = plus(offset, this.#offset(tensor, index, axis));
      else if (axis !== final) lanes = sumOf(lanes, this.#laneOffset(tensor, index, axis));
    }
    const row = f.let("row", offset);
    if (missing.includes(final) && isLanes(last)) {
      if (run !== 0 && tensor.type !== "bool" && each === null && lanes === null) {
        return this.#run(tensor, row, f.let("index", last), run);
      }
      lanes = sumOf(lanes, this.#laneOffset(tensor, last, final));
    }
    const by = lanes === null ? null : f.let("element", lanes);
    return this.#gather(tensor, (lane) => {
      const own = each === null ? row : plus(each[lane] ?? i32(0), row);
      return by === null ? own : plus(own, extractLane("i32x4", by, lane));
    });
  }

  /** One load where the four elements are neighbours that exist. */
  #run(tensor: TensorLocals, base: I32, index: Local<"v128">, run: 1 | -1): V128 {
    const f = this.#f;
    const first = f.let("first", extractLane("i32x4", index, run === 1 ? 0 : 3));
    const final = f.let("final", extractLane("i32x4", index, run === 1 ? 3 : 0));
    const neighbours = op("i32.eq", op("i32.sub", final, first), i32(3));
    const exist = op(
      "i32.and",
      op("i32.ge_s", first, i32(0)),
      op("i32.le_s", final, tensor.last.at(-1) ?? i32(0)),
    );
    const result = f.local("v128", "loaded");
    const whole = load("v128.load", plus(base, times(first, 4)));
    const gather = (): V128 => {
      const by = f.let("element", this.#laneOffset(tensor, index, tensor.last.length - 1));
      return this.#gather(tensor, (lane) => plus(base, extractLane("i32x4", by, lane)));
    };
    f.if(
      op("i32.and", neighbours, exist),
      () =>
        f.set(result, run === 1 ? whole : shuffle(f.let("falling", whole), whole, [3, 2, 1, 0])),
      () => f.set(result, gather()),
    );
    return result;
  }

  #gather({ type }: TensorLocals, at: (lane: number) => I32): V128 {
    const f = this.#f;
    const gathered = f.local("v128", "gathered");
    const isBool = type === "bool";
    if (!isBool) f.set(gathered, load("v128.load32_zero", at(0)));
    for (const lane of isBool ? LANES : [1, 2, 3]) {
      const next = isBool
        ? replaceLane("i32x4", gathered, lane, load("i32.load8_u", at(lane)))
        : loadLane(at(lane), gathered, lane);
      f.set(gathered, next);
    }
    return isBool ? op("i32x4.ne", gathered, f.words(0)) : gathered;
  }

  /** Bytes that a clamped index adds to the address. */
  #offset(tensor: TensorLocals, index: I32, axis: number): I32 {
    const f = this.#f;
    const last = tensor.last[axis] ?? i32(0);
    const low = f.let("clamped", select(op("i32.gt_s", index, i32(0)), index, i32(0)));
    const clamped = select(op("i32.lt_s", low, last), low, last);
    return f.let("offset", times(clamped, tensor.stride[axis] ?? bytesOf(tensor)));
  }

  /** The same for each lane. */
  #laneOffset(tensor: TensorLocals, index: V128, axis: number): V128 {
    const f = this.#f;
    const last = tensor.last[axis];
    const stride = tensor.stride[axis];
    if (last === undefined || stride === undefined) throw internalError("an index too many");
    const spread = (local: Local<"i32">): Local<"v128"> =>
      f.constant(`${local.name}.lanes`, () => splatWord(local));
    const clamped = op("i32x4.max_s", op("i32x4.min_s", index, spread(last)), f.words(0));
    if (stride !== null) return op("i32x4.mul", clamped, spread(stride));
    return tensor.type === "bool" ? clamped : op("i32x4.shl", clamped, i32(2));
  }

  #tensor(name: string): TensorLocals {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const slot = this.#slots.find((candidate) => candidate.name === name);
    if (slot === undefined) throw internalError(`no captured tensor ${name}`);
    const made = this.#load(slot);
    this.#known.set(name, made);
    return made;
  }

  #load(slot: TensorSlot): TensorLocals {
    const { name, type, rank, word } = slot;
    const f = this.#f;
    const plain = identifier(name);
    const last: Local<"i32">[] = [];
    const stride: (Local<"i32"> | null)[] = [null];
    const at = f.local("i32", `${plain}.at`);
    f.prologue(() => {
      f.set(at, wordAt(this.#params, word));
      const lengths = Array.from({ length: rank }, (_, axis) =>
        f.let(`${plain}.length${axis}`, wordAt(this.#params, word + 1 + axis)),
      );
      lengths.forEach((length, axis) => last.push(f.let(`${plain}.last${axis}`, plus(length, -1))));
      for (let axis = rank - 1; axis > 0; axis--) {
        const bytes = times(lengths[axis] ?? i32(1), stride[0] ?? bytesOf(slot));
        stride.unshift(f.let(`${plain}.stride${axis - 1}`, bytes));
      }
    });
    return { type, at, last, stride };
  }
}

const sumOf = (a: V128 | null, b: V128): V128 => (a === null ? b : op("i32x4.add", a, b));

/** A capture's name as a WebAssembly identifier. */
export const identifier = (name: string): string => name.replaceAll(/[^\w.]/g, "_");

const isScalar = (index: I32 | V128): index is I32 => index.type === "i32";

const isLanes = (index: LoadIndex | undefined): index is V128 =>
  index !== null && index !== undefined && !isScalar(index);

const bytesOf = ({ type }: { readonly type: ScalarType }): number => (type === "bool" ? 1 : 4);

function readScalar(type: ScalarType, address: I32): Scalar {
  if (type === "f32") return load("f32.load", address);
  if (type === "i32") return load("i32.load", address);
  return op("i32.ne", load("i32.load8_u", address), i32(0));
}

/** By how much an index grows from lane to lane, where that is plain to see; null where it is not. */
export function stepOf(
  node: Node,
  laneAxis: Axis,
  isUniform: (node: Node) => boolean,
): number | null {
  if (isUniform(node)) return 0;
  if (node.op === "index") return node.attr === laneAxis ? 1 : 0;
  const [a = null, b = null] = node.args.map((arg) => stepOf(arg, laneAxis, isUniform));
  if (a === null) return null;
  if (node.op === "neg") return -a;
  if (b === null) return null;
  if (node.op === "add") return a + b;
  return node.op === "sub" ? a - b : null;
}
