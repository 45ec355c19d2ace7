/**
 * Refuses a launch in which an integer would leave 32 bits or be divided by zero, so that nothing wraps unseen.
 *
 * The expression is evaluated on the intervals of the whole launch. Where that finds a fault, it is
 * looked at again under the conditions that guard it: `n > 0 && q % n === 0` is fine for n = 0, and so is
 * `d < 100 ? d * d : 0` for large d.
 */
import type { Cell } from "./interval-rules.ts";
import { IntervalProgram } from "./intervals.ts";
import { showNode } from "./show.ts";
import { axes } from "./types.ts";
import { topological } from "./builder.ts";
import type { Axis, CaptureValues, Expression, Node } from "./types.ts";

/** An inclusive range of integers. */
export interface Range {
  readonly lo: number;
  readonly hi: number;
}

/** Where the scores of a launch are. */
export type AxisRanges = Readonly<Record<Axis, Range>>;

/** What is known of nodes where a branch is taken; null where it cannot be taken. */
type Assumptions = ReadonlyMap<Node, Range> | null;

const nothing: Assumptions = new Map();

const holdsZero = ({ lo, hi }: Cell): boolean => lo <= 0 && hi >= 0;

function flatten(node: Node, op: "and" | "or"): readonly Node[] {
  return node.op === op ? node.args.flatMap((arg) => flatten(arg, op)) : [node];
}

/** A node, and what is known where its value counts. */
type Guarded = readonly [Node, Assumptions];

const MAX_BRANCHES = 1_000;

class RangeCheck {
  readonly #nodes: readonly Node[];
  readonly #program: IntervalProgram;
  readonly #ranges: AxisRanges;
  #branches = 0;

  constructor(root: Node, captures: CaptureValues, ranges: AxisRanges) {
    this.#nodes = topological([root]);
    this.#program = new IntervalProgram(root, captures);
    this.#ranges = ranges;
  }

  cell(node: Node): Cell {
    return this.#program.cell(node);
  }

  /** The intervals of all nodes under assumptions; false if no position satisfies them. */
  evaluate(assumed: ReadonlyMap<Node, Range>): boolean {
    const { b, h, q, kv } = this.#ranges;
    const ends = { bLo: b.lo, bHi: b.hi, hLo: h.lo, hHi: h.hi };
    this.#program.setBox({ ...ends, qLo: q.lo, qHi: q.hi, kvLo: kv.lo, kvHi: kv.hi });
    for (const node of this.#nodes) {
      this.#program.run(node);
      const cell = this.cell(node);
      const { lo, hi } = meet(cell, assumed.get(node));
      // Before anything is written: the cell of a captured number is never set again.
      if (lo > hi) return false;
      cell.lo = lo;
      cell.hi = hi;
    }
    return true;
  }

  /** Throws if `root` can go wrong where the assumptions hold. */
  check(root: Node, assumed: Assumptions): void {
    if (assumed === null || !this.evaluate(assumed)) return;
    const suspects = this.#suspects();
    const later: Guarded[] = [];
    const seen = new Set<Node>();
    const visit = (node: Node): void => {
      if (seen.has(node) || !suspects.has(node)) return;
      seen.add(node);
      if (this.#isFaulty(node)) throw new RangeError(this.#faultOf(node));
      const guarded = this.#guarded(node, assumed, suspects);
      later.push(...guarded);
      const behind = new Set(guarded.map(([branch]) => branch));
      node.args.filter((arg) => !behind.has(arg)).forEach(visit);
    };
    visit(root);
    for (const [node, under] of later) this.#checkBranch(node, under);
  }

  #checkBranch(node: Node, under: Assumptions): void {
    this.#branches++;
    // Paths double with every choice that is shared; past any sensible number, guards are not looked at.
    this.check(node, this.#branches > MAX_BRANCHES ? nothing : under);
  }

  /** The nodes that are faulty, or have a faulty node below them. */
  #suspects(): ReadonlySet<Node> {
    const suspects = new Set<Node>();
    for (const node of this.#nodes) {
      if (this.#isFaulty(node) || node.args.some((arg) => suspects.has(arg))) suspects.add(node);
    }
    return suspects;
  }

  /** Operands that only count where a condition holds, with what is then known. */
  #guarded(
    node: Node,
    assumed: ReadonlyMap<Node, Range>,
    suspects: ReadonlySet<Node>,
  ): readonly Guarded[] {
    const [cond, a, b] = node.args;
    if (node.op === "select" && cond !== undefined && a !== undefined && b !== undefined) {
      return [
        [a, this.#assume(assumed, cond, true)],
        [b, this.#assume(assumed, cond, false)],
      ];
    }
    if (node.op !== "and" && node.op !== "or") return [];
    // Terms are in no order, so the sound ones guard the others.
    const terms = flatten(node, node.op);
    const sound = terms.filter((term) => !suspects.has(term));
    const under = sound.reduce<Assumptions>(
      (known, term) => this.#assume(known, term, node.op === "and"),
      assumed,
    );
    return sound.length === 0 ? [] : node.args.map((arg) => [arg, under]);
  }

  /** The assumptions, and that `cond` is `truth`. Reads the intervals of the last evaluation. */
  #assume(assumed: Assumptions, cond: Node, truth: boolean): Assumptions {
    const cell = this.cell(cond);
    if (assumed === null || (truth ? cell.hi === 0 : cell.lo === 1)) return null;
    const [a, b] = cond.args;
    if (cond.op === "not" && a !== undefined) return this.#assume(assumed, a, !truth);
    if (cond.op === (truth ? "and" : "or")) {
      // Twice, so that what one part says of another's bound counts, in whatever order they come.
      return [...cond.args, ...cond.args].reduce<Assumptions>(
        (known, arg) => this.#assume(known, arg, truth),
        assumed,
      );
    }
    if (a?.type !== "i32" || b === undefined) return assumed;
    return this.#compare(assumed, cond, truth, a, b);
  }

  #compare(
    assumed: ReadonlyMap<Node, Range>,
    cond: Node,
    truth: boolean,
    a: Node,
    b: Node,
  ): Assumptions {
    const known = (node: Node): Range => meet(this.cell(node), assumed.get(node));
    const below = (x: Node, y: Node, gap: number): Assumptions => {
      const least = known(x).lo + gap;
      const most = known(y).hi - gap;
      const once = narrow(assumed, x, { lo: -Infinity, hi: most });
      return narrow(once, y, { lo: least, hi: Infinity });
    };
    if (cond.op === "lt") return truth ? below(a, b, 1) : below(b, a, 0);
    if (cond.op === "le") return truth ? below(a, b, 0) : below(b, a, 1);
    if (cond.op !== (truth ? "eq" : "ne")) return this.#differ(this.#differ(assumed, a, b), b, a);
    return narrow(narrow(assumed, a, known(b)), b, known(a));
  }

  #isFaulty(node: Node): boolean {
    if (node.type !== "i32") return false;
    const divisor = node.args[1];
    const divides = ["rem", "floorDiv", "truncDiv"].includes(node.op) && divisor !== undefined;
    return this.cell(node).wraps || (divides && holdsZero(this.cell(divisor)));
  }

  /** `x !== y` says something of a range only where y is the first or the last of x. */
  #differ(assumed: Assumptions, x: Node, y: Node): Assumptions {
    const { lo, hi } = this.cell(x);
    const other = this.cell(y);
    if (other.lo !== other.hi || (other.lo !== lo && other.lo !== hi)) return assumed;
    const without = { lo: lo === other.lo ? lo + 1 : lo, hi: hi === other.lo ? hi - 1 : hi };
    return narrow(assumed, x, without);
  }

  #faultOf(node: Node): string {
    const text = `${showNode(node)}: expected`;
    const cell = this.cell(node);
    if (cell.wraps) {
      return (
        `${text} integers of 32 bits, got up to ${cell.reach} ${this.#where(node)}; ` +
        "shorten the lengths, or compute in floating point: x / 1 in place of an integer x"
      );
    }
    const divisor = node.args[1] ?? node;
    const { lo, hi } = this.cell(divisor);
    return (
      `${text} a divisor other than 0, got ${lo === hi ? "0" : `${lo} to ${hi}`} ` +
      `${this.#where(node)}; for example, divide by Math.max(1, ${showNode(divisor)})`
    );
  }

  /** `for q in 0..46340, width = 3`: what the node depends on. */
  #where(root: Node): string {
    const nodes = topological([root]);
    const used = axes.filter((axis) =>
      nodes.some((node) => node.op === "index" && node.attr === axis),
    );
    const ranges = used.map(
      (axis) => `${axis} in ${this.#ranges[axis].lo}..${this.#ranges[axis].hi}`,
    );
    const uniforms = nodes
      .filter((node) => node.op === "uniform")
      .map((node) => `${String(node.attr)} = ${this.cell(node).lo}`);
    const all = [...ranges, ...uniforms];
    return all.length === 0 ? "always" : `for ${all.join(", ")}`;
  }
}

const meet = (a: Range, b: Range | undefined): Range =>
  b === undefined ? a : { lo: Math.max(a.lo, b.lo), hi: Math.min(a.hi, b.hi) };

function narrow(assumed: Assumptions, node: Node, range: Range): Assumptions {
  if (assumed === null || node.op === "const") return assumed;
  const { lo, hi } = meet(range, assumed.get(node));
  return lo > hi ? null : new Map(assumed).set(node, { lo, hi });
}

/**
 * Checks the integers of an expression over a whole launch.
 *
 * @throws RangeError  an i32 operation can leave 32 bits, or an integer divisor can be 0, where the result
 * is used; the message shows the operation and the ranges it depends on
 */
export function checkRanges(
  expression: Expression,
  captures: CaptureValues,
  ranges: AxisRanges,
): void {
  new RangeCheck(expression.root, captures, ranges).check(expression.root, nothing);
}

/** The loads whose index can leave the tensor (it is then clamped), as JavaScript, for example `bias[q - kv]`. */
export function clampedLoads(
  expression: Expression,
  captures: CaptureValues,
  ranges: AxisRanges,
): string[] {
  const check = new RangeCheck(expression.root, captures, ranges);
  check.evaluate(new Map());
  const leaves = (node: Node): boolean => {
    const shape = captures.tensors.get(String(node.attr))?.shape ?? [];
    return node.args.some((index, axis) => {
      const { lo, hi } = check.cell(index);
      return lo < 0 || hi >= (shape[axis] ?? 1);
    });
  };
  const loads = topological([expression.root]).filter((node) => node.op === "load");
  return loads.filter(leaves).map((load) => showNode(load));
}
