/**
 * Refuses a launch in which an integer would leave 32 bits, be divided by zero, or be lost in single precision
 * (`float-faults.ts`), so that nothing wraps unseen.
 *
 * The expression is evaluated on the intervals of the whole launch. Where that finds a fault, it is
 * looked at again under the conditions that guard it (`facts.ts`): `n > 0 && q % n === 0` is fine for n = 0, and
 * so is `Math.abs(d) < 100 ? d * d : 0` for large d.
 */
import { Deduction, holdsZero, meet } from "./facts.ts";
import type { Facts, Range } from "./facts.ts";
import { FloatFaults } from "./float-faults.ts";
import { I32_MAX } from "./interval-rules.ts";
import type { Cell } from "./interval-rules.ts";
import { IntervalProgram } from "./intervals.ts";
import { showNode } from "./show.ts";
import { axes } from "./types.ts";
import { topological } from "./builder.ts";
import type { Axis, CaptureValues, Expression, Node } from "./types.ts";

/** Where the scores of a launch are. */
export type AxisRanges = Readonly<Record<Axis, Range>>;

const nothing: Facts = new Map();

function flatten(node: Node, op: "and" | "or"): readonly Node[] {
  return node.op === op ? node.args.flatMap((arg) => flatten(arg, op)) : [node];
}

/** A node, and what is known where its value counts. */
type Guarded = readonly [Node, Facts];

const MAX_BRANCHES = 1_000;

class RangeCheck {
  readonly #nodes: readonly Node[];
  readonly #program: IntervalProgram;
  readonly #ranges: AxisRanges;
  readonly #captures: CaptureValues;
  readonly #floats: FloatFaults;
  /** Nodes that are 32-bit integers, and all below them too, where the last evaluation was. */
  readonly #exact = new Set<Node>();
  #deduction: Deduction | null = null;
  #branches = 0;

  constructor(
    roots: readonly [Node, ...Node[]],
    captures: CaptureValues,
    ranges: AxisRanges,
    floats: FloatFaults,
  ) {
    this.#captures = captures;
    this.#floats = floats;
    this.#nodes = topological(roots);
    this.#program = new IntervalProgram(roots, captures);
    this.#ranges = ranges;
  }

  cell(node: Node): Cell {
    return this.#program.cell(node);
  }

  /** The intervals of all nodes under assumptions; false if no position satisfies them. */
  evaluate(assumed: NonNullable<Facts>): boolean {
    const { b, h, q, kv } = this.#ranges;
    const ends = { bLo: b.lo, bHi: b.hi, hLo: h.lo, hHi: h.hi };
    this.#program.setBox({ ...ends, qLo: q.lo, qHi: q.hi, kvLo: kv.lo, kvHi: kv.hi });
    this.#exact.clear();
    for (const node of this.#nodes) {
      this.#program.run(node);
      const cell = this.cell(node);
      if (!cell.wraps && node.args.every((arg) => this.#exact.has(arg))) this.#exact.add(node);
      const { lo, hi } = meet(cell, assumed.get(node));
      // Before anything is written: the cell of a captured number is never set again.
      if (lo > hi) return false;
      cell.lo = lo;
      cell.hi = hi;
    }
    return true;
  }

  /** Whether some node can go wrong, whatever guards it. */
  isSuspicious(): boolean {
    return this.evaluate(new Map()) && this.#nodes.some((node) => this.#isFaulty(node, nothing));
  }

  /** Throws if `root` can go wrong where the assumptions hold. */
  check(root: Node, assumed: Facts): void {
    if (assumed === null || !this.evaluate(assumed)) return;
    const suspects = this.#suspects(assumed);
    const later: Guarded[] = [];
    const seen = new Set<Node>();
    const visit = (node: Node): void => {
      if (seen.has(node) || !suspects.has(node)) return;
      seen.add(node);
      if (this.#isFaulty(node, assumed)) throw new RangeError(this.#faultOf(node));
      const guarded = this.#guarded(node, assumed, suspects);
      later.push(...guarded);
      const behind = new Set(guarded.map(([branch]) => branch));
      node.args.filter((arg) => !behind.has(arg)).forEach(visit);
    };
    visit(root);
    for (const [node, under] of later) this.#checkBranch(node, under);
  }

  #checkBranch(node: Node, under: Facts): void {
    this.#branches++;
    // Paths double with every choice that is shared; past any sensible number, guards are not looked at.
    this.check(node, this.#branches > MAX_BRANCHES ? nothing : under);
  }

  /** The nodes that are faulty, or have a faulty node below them. */
  #suspects(assumed: Facts): ReadonlySet<Node> {
    const suspects = new Set<Node>();
    for (const node of this.#nodes) {
      const isSuspect = this.#isFaulty(node, assumed) || node.args.some((arg) => suspects.has(arg));
      if (isSuspect) suspects.add(node);
    }
    return suspects;
  }

  /** Operands that only count where a condition holds, with what is then known. */
  #guarded(
    node: Node,
    assumed: NonNullable<Facts>,
    suspects: ReadonlySet<Node>,
  ): readonly Guarded[] {
    const [cond, a, b] = node.args;
    if (node.op === "select" && cond !== undefined && a !== undefined && b !== undefined) {
      return [
        [a, this.#facts.assume(assumed, cond, true)],
        [b, this.#facts.assume(assumed, cond, false)],
      ];
    }
    if (node.op !== "and" && node.op !== "or") return [];
    // Terms are in no order, so the sound ones guard the others.
    const terms = flatten(node, node.op);
    const sound = terms.filter((term) => !suspects.has(term));
    const under = sound.reduce<Facts>(
      (known, term) => this.#facts.assume(known, term, node.op === "and"),
      assumed,
    );
    return sound.length === 0 ? [] : node.args.map((arg) => [arg, under]);
  }

  get #facts(): Deduction {
    this.#deduction ??= new Deduction(
      this.#nodes,
      (node) => this.cell(node),
      (node) => this.#exact.has(node),
    );
    return this.#deduction;
  }

  #isFaulty(node: Node, assumed: Facts): boolean {
    if (this.#isLost(node)) return true;
    if (node.type !== "i32") return false;
    const divisor = node.args[1];
    const divides = ["rem", "floorDiv", "truncDiv"].includes(node.op) && divisor !== undefined;
    if (this.cell(node).wraps) return true;
    return divides && holdsZero(this.cell(divisor)) && !this.#facts.isNotZero(assumed, divisor);
  }

  #isLost(node: Node): boolean {
    return this.#floats.isFaulty(node, (each) => this.cell(each));
  }

  #faultOf(node: Node): string {
    if (this.#isLost(node)) return this.#lossOf(node);
    const text = `${showNode(node)}: expected`;
    const cell = this.cell(node);
    if (cell.wraps) {
      return `${text} integers of 32 bits, got up to ${cell.reach} ${this.#where(node)}; ${remedyFor(node)}`;
    }
    const divisor = node.args[1] ?? node;
    const { lo, hi } = this.cell(divisor);
    return (
      `${text} a divisor other than 0, got ${lo === hi ? "0" : `${lo} to ${hi}`} ` +
      `${this.#where(node)}; for example, divide by Math.max(1, ${showNode(divisor)})`
    );
  }

  #lossOf(node: Node): string {
    const [from = node] = node.args;
    if (node.op !== "toI32") {
      return (
        `${showNode(node)}: expected integers below 2147483648, of which kernels keep every unit, ` +
        `got ${this.#floats.largeIn(node)} ${this.#where(node)}; ` +
        "capture the difference of the large ones instead, or all of them in larger units"
      );
    }
    const { lo, hi } = this.cell(from);
    return (
      `${showNode(from)} in a bit operation: expected numbers of 32 bits, ` +
      `got up to ${hi > I32_MAX ? hi : lo} ${this.#where(node)}; ` +
      "bound it first: Math.max(-1e9, Math.min(1e9, x)) in place of x"
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
      .map((node) => `${String(node.attr)} = ${this.#captures.uniforms.get(String(node.attr))}`);
    const all = [...ranges, ...uniforms];
    return all.length === 0 ? "always" : `for ${all.join(", ")}`;
  }
}

/** What to write in place of an integer that leaves 32 bits. */
function remedyFor(node: Node): string {
  const [operand, amount] = node.args.map((arg) => showNode(arg));
  if (node.op !== "ushr") {
    return "shorten the lengths, or compute in floating point: x / 1 in place of an integer x";
  }
  return amount === "0"
    ? `compare with 0 instead: 0 <= x && x < n in place of x >>> 0 < n, with x = ${operand}`
    : `write >> to keep the sign, or Math.max(0, ${operand}) >>> ${amount}`;
}

/** Integers that are computed, and not only read and compared. */
const isComputed = ({ type, op, args }: Node): boolean =>
  type === "i32" && op !== "load" && args.length > 0;

/**
 * Checks the integers of an expression over a whole launch. Most are sound without a look at guards, and so without one
 * at the elements of tensors that no integer is computed from.
 *
 * @throws RangeError  an i32 operation can leave 32 bits, an integer divisor can be 0, integers of 2^31 or more can cancel, or a bit
 * operation can see a number beyond 32 bits, where the result is used; the message shows the operation and the ranges it
 * depends on
 */
export function checkRanges(
  expression: Expression,
  captures: CaptureValues,
  ranges: AxisRanges,
): void {
  const { root } = expression;
  const floats = new FloatFaults(root, captures);
  const computed = topological([root]).filter(isComputed);
  const [first, ...more] = [...new Set([...computed, ...floats.suspects])];
  if (first === undefined) return;
  if (!new RangeCheck([first, ...more], captures, ranges, floats).isSuspicious()) return;
  new RangeCheck([root], captures, ranges, floats).check(root, nothing);
}

/** The loads whose index can leave the tensor (it is then clamped), as JavaScript, for example `bias[q - kv]`. */
export function clampedLoads(
  expression: Expression,
  captures: CaptureValues,
  ranges: AxisRanges,
): string[] {
  const { root } = expression;
  const check = new RangeCheck([root], captures, ranges, new FloatFaults(root, captures));
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
