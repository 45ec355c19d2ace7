/** A choice between two values, merged where they are one operation on nearly the same operands. */
import { asksAlike, isConnective } from "./atoms.ts";
import type { Builder, OperatorOp } from "./builder.ts";
import { ops } from "./ops.ts";
import type { Node } from "./types.ts";

/** A maker of simplified nodes. */
export interface Maker {
  readonly builder: Builder;
  make(op: OperatorOp, ...args: readonly Node[]): Node;
  /** The simplified node with the op and attribute of `like`, and these operands. */
  remake(like: Node, args: readonly Node[]): Node;
}

/**
 * `c ? f(x) : f(y)` is `f(c ? x : y)`: one call less, and what some minifiers write.
 * Where the operands differ in one place only.
 */
export function choose(maker: Maker, cond: Node, a: Node, b: Node): Node {
  const merged = isOneCall(maker, cond, a, b) ? mergedOperands(a, b) : null;
  if (merged === null) return maker.builder.make("select", cond, a, b);
  const { common, x, y, at } = merged;
  const inner = maker.make("select", cond, x, y);
  return maker.remake(a, common.toSpliced(at, 0, inner));
}

/**
 * Whether `choose` merges. Not comparisons that ask what the condition asks: as a decision they are simpler.
 */
export function isOneCall({ builder }: Maker, cond: Node, a: Node, b: Node): boolean {
  const isAsked = a.type === "bool" && [a, b].some((arm) => asksAlike(builder, cond, arm));
  return !isAsked && mergedOperands(a, b) !== null;
}

interface Merge {
  readonly common: readonly Node[];
  readonly x: Node;
  readonly y: Node;
  readonly at: number;
}

/** Where the operands of one op differ, if in one place only. */
function mergedOperands(a: Node, b: Node): Merge | null {
  if (a.op !== b.op || a.attr !== b.attr || a.type !== b.type) return null;
  if (a.op === "select" || isConnective(a) || a.args.length !== b.args.length) return null;
  const { args } = a;
  const crossed = args[0] === b.args[1] || args[1] === b.args[0];
  const others = ops[a.op].commutative && crossed ? b.args.toReversed() : b.args;
  const places = args.map((_, at) => at).filter((at) => args[at] !== others[at]);
  const [at = 0] = places;
  const x = args[at];
  const y = others[at];
  if (places.length !== 1 || x === undefined || y === undefined || x.type !== y.type) return null;
  return { common: args.toSpliced(at, 1), x, y, at };
}
