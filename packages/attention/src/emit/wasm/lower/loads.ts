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

/** Address, lengths, and last valid indices of a tensor, in locals that are set before the body. */
interface TensorLocals {
  readonly type: ScalarType;
  readonly at: Local<"i32">;
  readonly lengths: readonly Local<"i32">[];
  readonly last: readonly Local<"i32">[];
}

/** The tensors that one function reads. */
export class TensorReader {
  readonly #f: FunctionBuilder;
  readonly #params: I32;
  readonly #slots: readonly TensorSlot[];
  readonly #known = new Map<string, TensorLocals>();

  constructor(f: FunctionBuilder, params: I32, slots: readonly TensorSlot[]) {
    this.#f = f;
    this.#params = params;
    this.#slots = slots;
  }

  /** One element, all indices scalar. */
  scalar(name: string, indices: readonly I32[]): Scalar {
    const tensor = this.#tensor(name);
    const at = this.#element(tensor, indices);
    return readScalar(tensor.type, plus(tensor.at, times(at, bytesOf(tensor))));
  }

  /**
   * Four elements. Indices are scalars or four lanes, at least one of which is lanes. `run`: the last index rises (1) or falls
   * (-1) by one from lane to lane and the others are scalars, unless lanes repeat an edge: then one load does.
   */
  lanes(name: string, indices: readonly (I32 | V128)[], run: 1 | -1 | 0): V128 {
    const f = this.#f;
    const tensor = this.#tensor(name);
    const leading = indices.slice(0, -1);
    const last = indices.at(-1);
    if (!leading.every(isScalar) || last === undefined || isScalar(last)) {
      return this.#gather(tensor, tensor.at, this.#laneElements(tensor, indices));
    }
    const row = times(this.#element(tensor, leading), tensor.lengths.at(-1) ?? i32(1));
    const base =
      leading.length === 0 ? tensor.at : f.let("row", plus(tensor.at, times(row, bytesOf(tensor))));
    const index = f.let("index", last);
    const gather = (): V128 =>
      this.#gather(tensor, base, this.#clampLanes(tensor, index, indices.length - 1));
    return run === 0 || tensor.type === "bool"
      ? gather()
      : this.#run(tensor, base, index, run, gather);
  }

  /** One load where the four elements are neighbours that exist. */
  #run(
    tensor: TensorLocals,
    base: I32,
    index: Local<"v128">,
    run: 1 | -1,
    gather: () => V128,
  ): V128 {
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
    f.if(
      op("i32.and", neighbours, exist),
      () =>
        f.set(result, run === 1 ? whole : shuffle(f.let("falling", whole), whole, [3, 2, 1, 0])),
      () => f.set(result, gather()),
    );
    return result;
  }

  #gather(tensor: TensorLocals, base: I32, elements: V128): V128 {
    const f = this.#f;
    const element = f.let("element", elements);
    const at = (lane: number): I32 =>
      plus(base, times(extractLane("i32x4", element, lane), bytesOf(tensor)));
    const gathered = f.local("v128", "gathered");
    const isBool = tensor.type === "bool";
    if (!isBool) f.set(gathered, load("v128.load32_zero", at(0)));
    for (const lane of isBool ? [0, 1, 2, 3] : [1, 2, 3]) {
      const next = isBool
        ? replaceLane("i32x4", gathered, lane, load("i32.load8_u", at(lane)))
        : loadLane(at(lane), gathered, lane);
      f.set(gathered, next);
    }
    return isBool ? op("i32x4.ne", gathered, f.words(0)) : gathered;
  }

  /** Row-major position of clamped indices. */
  #element(tensor: TensorLocals, indices: readonly I32[]): I32 {
    return indices.reduce<I32>((sum, index, axis) => {
      const clamped = this.#clamp(tensor, index, axis);
      return axis === 0 ? clamped : plus(times(sum, tensor.lengths[axis] ?? i32(1)), clamped);
    }, i32(0));
  }

  #laneElements(tensor: TensorLocals, indices: readonly (I32 | V128)[]): V128 {
    const f = this.#f;
    return indices.reduce<V128>((sum, index, axis) => {
      const lanes = isScalar(index) ? splatWord(index) : index;
      const clamped = this.#clampLanes(tensor, lanes, axis);
      const length = tensor.lengths[axis];
      if (axis === 0 || length === undefined) return clamped;
      const spread = f.constant(`${length.name}.lanes`, () => splatWord(length));
      return op("i32x4.add", op("i32x4.mul", sum, spread), clamped);
    }, f.words(0));
  }

  #clamp(tensor: TensorLocals, index: I32, axis: number): I32 {
    const f = this.#f;
    const last = tensor.last[axis] ?? i32(0);
    const low = f.let("clamped", select(op("i32.gt_s", index, i32(0)), index, i32(0)));
    return f.let("clamped", select(op("i32.lt_s", low, last), low, last));
  }

  #clampLanes(tensor: TensorLocals, index: V128, axis: number): V128 {
    const f = this.#f;
    const last = tensor.last[axis];
    if (last === undefined) throw internalError("an index too many");
    const spread = f.constant(`${last.name}.lanes`, () => splatWord(last));
    return op("i32x4.max_s", op("i32x4.min_s", index, spread), f.words(0));
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

  #load({ name, type, rank, word }: TensorSlot): TensorLocals {
    const f = this.#f;
    const plain = identifier(name);
    const [lengths, last]: [Local<"i32">[], Local<"i32">[]] = [[], []];
    const at = f.local("i32", `${plain}.at`);
    f.prologue(() => {
      f.set(at, wordAt(this.#params, word));
      for (let axis = 0; axis < rank; axis++) {
        const length = f.let(`${plain}.length${axis}`, wordAt(this.#params, word + 1 + axis));
        lengths.push(length);
        last.push(f.let(`${plain}.last${axis}`, plus(length, -1)));
      }
    });
    return { type, at, lengths, last };
  }
}

/** A capture's name as a WebAssembly identifier. */
export const identifier = (name: string): string => name.replaceAll(/[^\w.]/g, "_");

const isScalar = (index: I32 | V128): index is I32 => index.type === "i32";

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
