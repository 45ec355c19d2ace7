/**
 * An honest bound for "equal but for rounding" (development only).
 *
 * The enclosure of a graph at one position holds every value that a computation can give which rounds each f32
 * operation within some units in the last place: the expression in double precision, in single precision, or
 * with approximate `exp` and `tanh`. Where no operation has anything to round, it is a single number, and agreement
 * with it is equality. Where a comparison, a rounding or an index hangs on rounding, it holds both outcomes.
 */
import { topological } from "./builder.ts";
import type { Interval } from "./interval-rules.ts";
import { nextUp } from "./interval-rules.ts";
import type { Cell } from "./interval-rules.ts";
import { IntervalProgram } from "./intervals.ts";
import type { CaptureValues, Node, Op, Position } from "./types.ts";

export interface Rounding {
  /** Units in the last place by which an operation of IEEE 754 may be off. Default 1. */
  readonly basic?: number;
  /** The same for exp, sin, pow and the like. Default 1. */
  readonly functions?: number;
}

const nothingToRound: ReadonlySet<Op> = new Set<Op>([
  ...(["index", "score", "uniform", "load", "select", "neg", "abs", "sign", "min", "max"] as const),
  ...(["floor", "ceil", "round", "trunc", "rem"] as const),
]);

/** The exact results of operations on numbers of single precision, as far as doubles hold them. */
const exactly: { readonly [K in Op]?: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  toF32: (a) => a,
};

const isPoint = ({ lo, hi, nan }: Cell): boolean => lo === hi && !nan;

/** Sums whose parts are so far apart that even a double rounds them. */
const isSum = ({ op }: Node): boolean => op === "add" || op === "sub";

function isExact(node: Node, cells: readonly Cell[]): boolean {
  if (nothingToRound.has(node.op)) return true;
  // A literal may stand for folded ones: `Math.sqrt(2) ** 2` is not 2.
  if (node.op === "const") return node.attr === 0;
  const [a, b = a] = cells;
  const compute = exactly[node.op];
  if (a === undefined || b === undefined || compute === undefined) return false;
  if (!cells.every(isPoint)) return false;
  const result = compute(a.lo, b.lo);
  const isWhole = !isSum(node) || result - a.lo === (node.op === "add" ? b.lo : -b.lo);
  return Math.fround(result) === result && isWhole;
}

function widen(cell: Cell, ulps: number): void {
  for (let turn = 0; turn < ulps; turn++) {
    cell.lo = -nextUp(-cell.lo);
    cell.hi = nextUp(cell.hi);
  }
}

export type Enclosure = (at: Position, score: number) => Interval;

/** What the expression may be worth at a position, for a score that is exactly `score`. */
export function compileEnclosure(
  root: Node,
  captures: CaptureValues,
  { basic = 1, functions = 1 }: Rounding = {},
): Enclosure {
  const program = new IntervalProgram([root], captures);
  const nodes = topological([root]);
  const ulpsOf = ({ op }: Node): number => (op in exactly || op === "div" ? basic : functions);
  const run = (node: Node, score: number): void => {
    const cell = program.cell(node);
    program.run(node);
    if (node.op === "score") Object.assign(cell, { lo: score, hi: score, nan: score !== score });
    if (node.type !== "f32") return;
    const operands = node.args.map((arg) => program.cell(arg));
    if (!isExact(node, operands)) widen(cell, ulpsOf(node));
  };
  // A literal is widened once and for all: no step sets it again.
  nodes.filter(({ op }) => op === "const").forEach((node) => run(node, 0));
  const rest = nodes.filter(({ op }) => op !== "const");
  return ({ b, h, q, kv }, score) => {
    program.setBox({ bLo: b, bHi: b, hLo: h, hHi: h, qLo: q, qHi: q, kvLo: kv, kvHi: kv });
    for (const node of rest) run(node, score);
    const { lo, hi, nan } = program.cell(root);
    return { lo, hi, nan };
  };
}
