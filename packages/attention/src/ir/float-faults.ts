/**
 * Where single precision would give an integer that JavaScript does not; such launches are refused.
 *
 * - A captured number or literal that is an integer of 2^31 or more is an f32, without its units. Beside scores and fractions
 *   that is what any f32 is. Among integers it shows where large ones cancel: where two are compared, subtracted, or divided
 *   for a remainder, and may be about equal, only what they have lost is left.
 * - A bit operation takes a number modulo 2^32; a kernel takes the nearest integer of 32 bits. Indices are clamped in either
 *   case, and a score has no bounds that could be checked: there, the nearest it is.
 */
import { topological } from "./builder.ts";
import { I32_MAX, I32_MIN } from "./interval-rules.ts";
import type { Interval } from "./interval-rules.ts";
import type { CaptureValues, Node, Op } from "./types.ts";

const LARGE = 2 ** 31;

/** Up to here single precision holds every integer. */
const EXACT = 2 ** 24;

/** Whether numbers of 2^31 or more lie both in `a` and in lo..hi. */
function meetFarOut(a: Interval, lo: number, hi: number): boolean {
  const [from, to] = [Math.max(a.lo, lo), Math.min(a.hi, hi)];
  return from <= to && Math.max(-from, to) >= LARGE;
}

type Cancellation = (a: Interval, b: Interval) => boolean;

const difference: Cancellation = (a, b) => meetFarOut(a, b.lo, b.hi);

/** Whether large integers can cancel in an operation of two. */
const cancellations: { readonly [K in Op]?: Cancellation } = {
  add: (a, b) => meetFarOut(a, -b.hi, -b.lo),
  sub: difference,
  rem: (a) => Math.max(-a.lo, a.hi) >= LARGE,
  lt: difference,
  le: difference,
  eq: difference,
  ne: difference,
};

const keepIntegers: readonly Op[] = ["add", "sub", "mul", "rem", "neg", "abs", "min", "max"];

/** The nodes of which more is asked than a clamped index. */
function exposedNodes(nodes: readonly Node[], root: Node): ReadonlySet<Node> {
  const exposed = new Set<Node>([root]);
  for (const node of nodes.toReversed()) {
    const { op, args } = node;
    const isChoiceOfIndices = op === "select" && !exposed.has(node);
    const shown = op === "load" ? [] : isChoiceOfIndices ? args.slice(0, 1) : args;
    for (const arg of shown) exposed.add(arg);
  }
  return exposed;
}

/** Finds such faults in one graph, given the ranges of its nodes. */
export class FloatFaults {
  readonly #nodes: readonly Node[];
  readonly #captures: CaptureValues;
  readonly #exposed: ReadonlySet<Node>;
  /** Computed from the score. */
  readonly #scored = new Set<Node>();
  /** Of type f32, and integers by what they are made of; none where no leaf is large. */
  readonly #integers = new Set<Node>();

  constructor(root: Node, captures: CaptureValues) {
    this.#nodes = topological([root]);
    this.#captures = captures;
    this.#exposed = exposedNodes(this.#nodes, root);
    const hasLarge = this.#nodes.some((node) => this.#isLarge(node));
    for (const node of this.#nodes) {
      if (node.op === "score" || node.args.some((arg) => this.#scored.has(arg))) {
        this.#scored.add(node);
      }
      if (hasLarge && this.#isInteger(node)) this.#integers.add(node);
    }
  }

  /** Operations of large integers: what to look at besides operations on 32-bit ones. */
  get suspects(): readonly Node[] {
    return this.#nodes.filter((node) => this.#cancellationOf(node) !== undefined);
  }

  isFaulty(node: Node, rangeOf: (node: Node) => Interval): boolean {
    const [a, b = a] = node.args;
    if (a === undefined || b === undefined) return false;
    if (node.op === "toI32") return this.#saturates(node, a, rangeOf(a));
    return this.#cancellationOf(node)?.(rangeOf(a), rangeOf(b)) ?? false;
  }

  /** A large captured number that a node is computed from, else a large literal. */
  largeIn(node: Node): number {
    const leaves = topological([node]).filter((each) => this.#isLarge(each));
    const leaf = leaves.find(({ op }) => op === "uniform") ?? leaves[0];
    return leaf === undefined ? Number.NaN : this.#valueOf(leaf);
  }

  #cancellationOf({ op, args }: Node): Cancellation | undefined {
    return args.every((arg) => this.#integers.has(arg)) ? cancellations[op] : undefined;
  }

  #saturates(node: Node, from: Node, { lo, hi, nan }: Interval): boolean {
    if (from.type !== "f32" || !this.#exposed.has(node)) return false;
    // What has lost its units has lost its low bits, wherever it lies.
    if (this.#integers.has(from)) return Math.max(-lo, hi) > EXACT;
    const isEndless = lo === -Infinity || hi === Infinity;
    // NaN becomes 0, as it does in JavaScript.
    if (isEndless && (this.#scored.has(from) || (nan && from.op === "uniform"))) return false;
    return Math.trunc(lo) < I32_MIN || Math.trunc(hi) > I32_MAX;
  }

  #isInteger(node: Node): boolean {
    const { op, type, args } = node;
    if (type !== "f32") return false;
    if (op === "toF32") return args.every((arg) => arg.type !== "f32");
    if (op === "select") return args.slice(1).every((arg) => this.#integers.has(arg));
    if (keepIntegers.includes(op)) return args.every((arg) => this.#integers.has(arg));
    return Number.isInteger(this.#valueOf(node));
  }

  #isLarge(node: Node): boolean {
    const value = this.#valueOf(node);
    return node.type === "f32" && Number.isInteger(value) && Math.abs(value) >= LARGE;
  }

  /** A captured number or literal; NaN for every other node. */
  #valueOf(node: Node): number {
    if (node.op === "const") return typeof node.attr === "number" ? node.attr : Number.NaN;
    if (node.op !== "uniform") return Number.NaN;
    return this.#captures.uniforms.get(String(node.attr)) ?? Number.NaN;
  }
}
