/**
 * Masks made of comparisons in which queries and keys stand apart:
 *
 *     f(q) + g(kv) <= 0
 *
 * So are `kv <= q`, `q - kv < width`, `ids[q] === ids[kv]` (two of them), `|rows[q] - rows[kv]| <= 3`, and whatever and, or
 * and not make of such. A comparison is then known for a whole block from four numbers, and for its elements from one number
 * per query and one per key. Most masks are of this kind; for the others `separate` returns null.
 */
import { topological } from "../ir/builder.ts";
import { tensorOf } from "../ir/captures.ts";
import { compileElement } from "../ir/evaluate.ts";
import { I32_MAX, I32_MIN } from "../ir/interval-rules.ts";
import { compileIntervals, type Box } from "../ir/intervals.ts";
import type { CaptureValues, Node, Op, TensorValue } from "../ir/types.ts";
import { Extremes } from "./extremes.ts";
import * as lines from "./lines.ts";
import { ZERO, type Line } from "./lines.ts";
import { Logic } from "./logic.ts";

/** Holds where q + kv <= 0. */
export interface Atom {
  readonly q: Line;
  readonly kv: Line;
}

export interface SeparableMask {
  readonly atoms: readonly Atom[];
  /** The mask at 32 scores, from one word of truth values per atom. */
  combine(atoms: Int32Array): number;
}

/** An i32 as the sum of a function of q and one of kv. */
interface Sum {
  readonly q: Line;
  readonly kv: Line;
}

/** States of all atoms are numbered in base 3, and tabulated. */
const MAX_ATOMS = 8;

/** Beyond it the interpreter, which computes what is shared once, is the faster one. */
const MAX_SIZE = 32;

/** Functions that never fall, by a constant operand. */
const steps: Partial<Record<Op, (by: number) => ((value: number) => number) | null>> = {
  floorDiv: (by) => (by > 0 ? (value) => Math.floor(value / by) : null),
  truncDiv: (by) => (by > 0 ? (value) => Math.trunc(value / by) : null),
  shr: (by) => (by >= 0 && by < 32 ? (value) => value >> by : null),
};

const extremum: Partial<Record<Op, (a: number, b: number) => number>> = {
  min: (a, b) => (a < b ? a : b),
  max: (a, b) => (a > b ? a : b),
};

const isConstant = ({ q, kv }: Sum): boolean => q.trend === 0 && kv.trend === 0;
const constantOf = ({ q, kv }: Sum): number => q.at(0) + kv.at(0);
const inQueries = (line: Line): Sum => ({ q: line, kv: ZERO });
const inKeys = (line: Line): Sum => ({ q: ZERO, kv: line });

const plus = (a: Sum, b: Sum): Sum => ({ q: lines.sumOf(a.q, b.q), kv: lines.sumOf(a.kv, b.kv) });

const times = (a: Sum, factor: number): Sum => ({
  q: lines.scaled(a.q, factor),
  kv: lines.scaled(a.kv, factor),
});

/** Whether an i32 cannot have wrapped on its way here. */
function fits({ q, kv }: Sum): boolean {
  const [x, y] = [q.range(), kv.range()];
  return x.lo + y.lo >= I32_MIN && x.hi + y.hi <= I32_MAX;
}

/** A function of operands that all read the same axis. */
function alone(sums: readonly Sum[], make: (operands: readonly Line[]) => Line): Sum | null {
  if (sums.every(({ kv }) => kv.trend === 0)) {
    return inQueries(make(sums.map(({ q, kv }) => withConstant(q, kv))));
  }
  if (!sums.every(({ q }) => q.trend === 0)) return null;
  return inKeys(make(sums.map(({ q, kv }) => withConstant(kv, q))));
}

const withConstant = (line: Line, constant: Line): Line => {
  const value = constant.at(0);
  return value === 0 ? line : lines.sumOf(line, lines.constantLine(value));
};

class Separator {
  readonly atoms: Atom[] = [];
  readonly logic: Logic = new Logic();
  readonly #captures: CaptureValues;
  readonly #box: Box;
  readonly #rises: (tensor: TensorValue) => boolean;
  readonly #sums = new Map<Node, Sum | null>();
  /** Numbers of words. */
  readonly #truths = new Map<Node, number | null>();

  constructor(captures: CaptureValues, box: Box, rises: (tensor: TensorValue) => boolean) {
    this.#captures = captures;
    this.#box = box;
    this.#rises = rises;
  }

  /** The number of the root's word. */
  run(root: Node): number | null {
    for (const node of topological([root])) {
      if (node.type === "f32") return null;
      if (node.type === "i32") this.#sums.set(node, this.#sum(node));
      else this.#truths.set(node, this.#truth(node));
    }
    return this.#truths.get(root) ?? null;
  }

  #sum(node: Node): Sum | null {
    const { qLo, qHi, kvLo, kvHi } = this.#box;
    if (node.op === "index" && node.attr === "q") {
      return inQueries(lines.identity({ lo: qLo, hi: qHi }));
    }
    if (node.op === "index" && node.attr === "kv") {
      return inKeys(lines.identity({ lo: kvLo, hi: kvHi }));
    }
    if (node.args.length === 0) return inQueries(lines.constantLine(this.#valueOf(node)));
    const args = node.args.map((arg) => this.#sums.get(arg) ?? null);
    const sum = args.every((arg) => arg !== null) ? this.#structured(node, args) : null;
    return sum !== null && sum.q.size + sum.kv.size <= MAX_SIZE ? sum : this.#opaque(node);
  }

  #structured(node: Node, args: readonly Sum[]): Sum | null {
    const [a, b] = args;
    if (a === undefined) return null;
    if (node.op === "load") return this.#load(node, args);
    const sum = linear(node.op, a, b);
    if (sum !== null) return fits(sum) ? sum : null;
    if (b === undefined) return null;
    const step = isConstant(b) ? (steps[node.op]?.(constantOf(b)) ?? null) : null;
    if (step !== null) return alone([a], ([x = ZERO]) => lines.mapped(x, step));
    const pick = extremum[node.op];
    if (pick === undefined) return null;
    return alone([a, b], ([x = ZERO, y = ZERO]) => lines.merged(x, y, pick));
  }

  #load(node: Node, args: readonly Sum[]): Sum | null {
    const tensor = tensorOf(node, this.#captures);
    const index = args.at(-1);
    const outer = args.slice(0, -1);
    if (index === undefined || !outer.every(isConstant)) return null;
    const number = outer.reduce((at, sum, axis) => {
      const length = tensor.shape[axis] ?? 1;
      return at * length + Math.max(0, Math.min(length - 1, constantOf(sum)));
    }, 0);
    const length = tensor.shape.at(-1) ?? 1;
    const row = { start: number * length, length, rises: this.#rises(tensor) };
    const range = (): lines.Bounds => this.#rangeOf(node);
    return alone([index], ([x = ZERO]) => lines.lookedUp(x, tensor, row, range));
  }

  /** Any function of one axis alone, by the interpreter. */
  #opaque(node: Node): Sum | null {
    const nodes = topological([node]);
    const reads = (axis: string): boolean =>
      nodes.some(({ op, attr }) => op === "index" && attr === axis);
    const [readsQ, readsKv] = [reads("q"), reads("kv")];
    if (readsQ && readsKv) return null;
    if (!readsQ && !readsKv) return inQueries(lines.constantLine(this.#valueOf(node)));
    const { bLo, hLo } = this.#box;
    const element = compileElement(node, this.#captures);
    const at = (x: number): number => Number(element(bLo, hLo, x, x, 0));
    const line: Line = { trend: null, size: 1, at, range: () => this.#rangeOf(node) };
    return readsKv ? inKeys(line) : inQueries(line);
  }

  #truth(node: Node): number | null {
    const [a, b] = node.args;
    if (a?.type === "i32" && b?.type === "i32") {
      return this.#comparison(node.op, a, b) ?? this.#opaqueTruth(node);
    }
    const parts = node.args.map((arg) => this.#truths.get(arg) ?? null);
    const known = parts.every((part) => part !== null) ? this.logic.step(node.op, parts) : null;
    return known ?? this.#opaqueTruth(node);
  }

  #comparison(op: Op, a: Node, b: Node): number | null {
    if (op === "lt") return this.#below(a, b, 1);
    if (op === "le") return this.#below(a, b, 0);
    const equal = this.#join("and", this.#below(a, b, 0), this.#below(b, a, 0));
    return op === "eq" || equal === null ? equal : this.logic.step("not", [equal]);
  }

  /** a + gap <= b. A magnitude is at most c where both x <= c and -x <= c, at least c where one of x, -x is. */
  #below(a: Node, b: Node, gap: number): number | null {
    const [x, y] = [this.#magnitude(a), this.#magnitude(b)];
    const [left, right] = [this.#sums.get(a) ?? null, this.#sums.get(b) ?? null];
    if (x !== null && right !== null) {
      return this.#join("and", this.#atom(x, right, gap), this.#atom(times(x, -1), right, gap));
    }
    if (y !== null && left !== null) {
      return this.#join("or", this.#atom(left, y, gap), this.#atom(left, times(y, -1), gap));
    }
    return left === null || right === null ? null : this.#atom(left, right, gap);
  }

  /** The x of |x|. */
  #magnitude(node: Node): Sum | null {
    const [x] = node.op === "abs" ? node.args : [];
    const sum = x === undefined ? null : (this.#sums.get(x) ?? null);
    return sum !== null && fits(times(sum, -1)) ? sum : null;
  }

  #join(op: Op, a: number | null, b: number | null): number | null {
    return a === null || b === null ? null : this.logic.step(op, [a, b]);
  }

  #atom(a: Sum, b: Sum, gap: number): number {
    const { q, kv } = plus(a, times(b, -1));
    if (isConstant({ q, kv })) return this.logic.constant(constantOf({ q, kv }) + gap <= 0);
    this.atoms.push({ q: withConstant(q, lines.constantLine(gap)), kv });
    return this.logic.input();
  }

  /** Any condition on one axis alone: 1 <= truth. */
  #opaqueTruth(node: Node): number | null {
    const sum = this.#opaque(node);
    return sum === null ? null : this.#atom(inQueries(lines.constantLine(1)), sum, 0);
  }

  #valueOf(node: Node): number {
    const { bLo, hLo } = this.#box;
    return Number(compileElement(node, this.#captures)(bLo, hLo, 0, 0, 0));
  }

  #rangeOf(node: Node): lines.Bounds {
    return compileIntervals(node, this.#captures).interval(this.#box);
  }
}

/** Sums and multiples; null where it is neither. */
function linear(op: Op, a: Sum, b: Sum | undefined): Sum | null {
  if (op === "neg") return times(a, -1);
  if (b === undefined) return null;
  if (op === "add") return plus(a, b);
  if (op === "sub") return plus(a, times(b, -1));
  if (op !== "mul" && op !== "imul") return null;
  if (isConstant(b)) return times(a, constantOf(b));
  return isConstant(a) ? times(b, constantOf(a)) : null;
}

/**
 * Takes a mask apart at one (batch, head), for the positions of a box; null where that cannot be done. What has been learnt
 * of tensors is kept for the next (batch, head).
 */
export function createSeparator(
  root: Node,
  captures: CaptureValues,
): (box: Box) => SeparableMask | null {
  const known = new Map<TensorValue, boolean>();
  const rises = (tensor: TensorValue): boolean => {
    const answer = known.get(tensor) ?? new Extremes(tensor).rises;
    known.set(tensor, answer);
    return answer;
  };
  return (box) => {
    const separator = new Separator(captures, box, rises);
    const word = separator.run(root);
    const { atoms, logic } = separator;
    if (word === null || atoms.length > MAX_ATOMS) return null;
    return { atoms, combine: logic.compile(word) };
  };
}
