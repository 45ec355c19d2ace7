/**
 * The interpreter on ranges: what an expression can be worth anywhere in a box of positions.
 *
 * A mask function over a box is NEVER (no pair attends), ALWAYS (every pair does) or MAYBE (not known).
 * The answer is sound: NEVER and ALWAYS hold for what `evaluate` computes at every position of the box. It is not
 * complete: each operand varies on its own, so `q - q` over 0..9 is -9..9 (simplify first).
 */
import { topological } from "./builder.ts";
import type { OperatorOp } from "./builder.ts";
import { tensorOf, uniformOf } from "./captures.ts";
import { Cell, ruleOf } from "./interval-rules.ts";
import type { Interval } from "./interval-rules.ts";
import { loadRule } from "./interval-loads.ts";
import { Pyramid } from "./pyramid.ts";
import type { Axis, CaptureValues, Node, TensorValue } from "./types.ts";

export type { Interval } from "./interval-rules.ts";

/** Inclusive ranges of integers; none is empty. The score is any number. */
export interface Box {
  bLo: number;
  bHi: number;
  hLo: number;
  hHi: number;
  qLo: number;
  qHi: number;
  kvLo: number;
  kvHi: number;
}

export const NEVER = 0;
export const ALWAYS = 1;
export const MAYBE = 2;
export type Verdict = typeof NEVER | typeof ALWAYS | typeof MAYBE;

export interface BoxEvaluator {
  /** For a bool root. Allocates nothing; a few nanoseconds per node. */
  verdict(box: Readonly<Box>): Verdict;
  /** The range of the root; a bool is a range within 0..1. */
  interval(box: Readonly<Box>): Interval;
}

type Step = () => void;

/** A graph laid out as steps over cells; `checkRanges` takes them one by one. */
export class IntervalProgram implements BoxEvaluator {
  /** In order; leaves have none. */
  readonly #steps = new Map<Node, Step>();
  readonly #order: readonly Step[];
  readonly #axes: Readonly<Record<Axis, Cell>> = {
    b: new Cell(),
    h: new Cell(),
    q: new Cell(),
    kv: new Cell(),
  };
  readonly #cells = new Map<Node, Cell>();
  readonly #pyramids = new Map<TensorValue, Pyramid>();
  readonly #root: Cell;

  /** The first root is the one whose verdict and interval are asked for. */
  constructor(roots: readonly [Node, ...Node[]], captures: CaptureValues) {
    for (const node of topological(roots)) {
      const step = this.#place(node, captures);
      if (step !== null) this.#steps.set(node, step);
    }
    this.#order = [...this.#steps.values()];
    this.#root = this.cell(roots[0]);
  }

  cell(node: Node): Cell {
    const cell = this.#cells.get(node);
    if (cell === undefined) throw new Error("internal: a node without a cell; please report this");
    return cell;
  }

  /** Computes one node from the cells of its operands. */
  run(node: Node): void {
    this.#steps.get(node)?.();
  }

  setBox(box: Readonly<Box>): void {
    const { b, h, q, kv } = this.#axes;
    b.lo = box.bLo;
    b.hi = box.bHi;
    h.lo = box.hLo;
    h.hi = box.hHi;
    q.lo = box.qLo;
    q.hi = box.qHi;
    kv.lo = box.kvLo;
    kv.hi = box.kvHi;
  }

  verdict(box: Readonly<Box>): Verdict {
    this.#runAll(box);
    const { lo, hi } = this.#root;
    return hi === 0 ? NEVER : lo === 1 ? ALWAYS : MAYBE;
  }

  interval(box: Readonly<Box>): Interval {
    this.#runAll(box);
    const { lo, hi, nan } = this.#root;
    return { lo, hi, nan };
  }

  #runAll(box: Readonly<Box>): void {
    this.setBox(box);
    for (const step of this.#order) step();
  }

  /** Gives the node its cell; what has to run for each box, or null for a leaf. */
  #place(node: Node, captures: CaptureValues): Step | null {
    const out = node.op === "index" ? this.#axes[node.attr as Axis] : new Cell();
    this.#cells.set(node, out);
    const args = node.args.map((arg) => this.cell(arg));
    switch (node.op) {
      case "index":
        return null;
      case "score":
        out.nan = true;
        return null;
      case "const":
        return setPoint(out, Number(node.attr));
      case "uniform":
        return setPoint(out, uniformOf(node, captures));
      case "load":
        return this.#load(out, tensorOf(node, captures), args);
      default:
        return operatorRule(out, node.op, node, args);
    }
  }

  #load(out: Cell, tensor: TensorValue, indices: readonly Cell[]): Step {
    const pyramid = this.#pyramids.get(tensor) ?? new Pyramid(tensor);
    this.#pyramids.set(tensor, pyramid);
    return loadRule(out, tensor, pyramid, indices);
  }
}

function setPoint(out: Cell, value: number): null {
  out.nan = value !== value;
  out.lo = out.nan ? -Infinity : value;
  out.hi = out.nan ? Infinity : value;
  return null;
}

function operatorRule(out: Cell, op: OperatorOp, node: Node, args: readonly Cell[]): Step {
  const rule = ruleOf(op, node.args[0]?.type ?? node.type);
  const [a = out, b = a, c = a] = args;
  return () => rule(out, a, b, c);
}

/** The evaluator of a graph over boxes, with the captures' values as they are now. */
export const compileIntervals = (root: Node, captures: CaptureValues): BoxEvaluator =>
  new IntervalProgram([root], captures);
