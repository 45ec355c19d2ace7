/**
 * Atoms: the conditions that are not made of other conditions (comparisons and loaded booleans).
 *
 * An atom and its complement are one variable: `!==` is not `===`, and for integers `b < a` is not `a <= b`.
 */
import type { Builder } from "./builder.ts";
import type { Node } from "./types.ts";

export const byDigest = (x: Node, y: Node): number =>
  x.digest < y.digest ? -1 : x.digest > y.digest ? 1 : 0;

const isI32Compare = (node: Node): boolean => node.args[0]?.type === "i32";

/** Whether the node combines truth values, so that its operands are decisions too. */
export function isConnective(node: Node): boolean {
  if (node.op === "eq" || node.op === "ne") return node.args[0]?.type === "bool";
  return (
    ["and", "or", "not", "const"].includes(node.op) ||
    (node.op === "select" && node.type === "bool")
  );
}

/** A condition as a variable or its negation. */
export interface Atom {
  readonly node: Node;
  readonly positive: boolean;
}

export function atomOf(builder: Builder, node: Node): Atom {
  const [a, b] = node.args;
  if (a === undefined || b === undefined) return { node, positive: true };
  if (node.op === "ne") return { node: builder.make("eq", a, b), positive: false };
  if (node.op === "lt" && isI32Compare(node)) {
    return atomOfLe(builder, b, a, false);
  }
  if (node.op === "le" && isI32Compare(node)) return atomOfLe(builder, a, b, true);
  return { node, positive: true };
}

/** `c <= x` is not `x <= c - 1`. */
function atomOfLe(builder: Builder, a: Node, b: Node, positive: boolean): Atom {
  if (a.op !== "const") return { node: builder.make("le", a, b), positive };
  const below = builder.constant("i32", Number(a.attr) - 1);
  return { node: builder.make("le", b, below), positive: !positive };
}

export const hasComplement = (atom: Node | undefined): boolean =>
  atom !== undefined && (atom.op === "eq" || (atom.op === "le" && isI32Compare(atom)));

/** The complement of an atom, as one node where there is one: NaN allows none for `<` of floats. */
export function complementOf(builder: Builder, atom: Node): Node {
  const [a, b] = atom.args;
  if (atom.op === "eq" && a !== undefined && b !== undefined) return builder.make("ne", a, b);
  if (atom.op === "le" && isI32Compare(atom) && a !== undefined && b !== undefined) {
    if (b.op !== "const") return builder.make("lt", b, a);
    return builder.make("le", builder.constant("i32", Number(b.attr) + 1), a);
  }
  return builder.make("not", atom);
}

/** The atoms of a decision, or of the conditions of a choice; about `limit` of them if there are more. */
export function atomsUnder(
  builder: Builder,
  root: Node,
  limit: number = Infinity,
): ReadonlySet<Node> {
  const atoms = new Set<Node>();
  const seen = new Set<Node>([root]);
  // A set grows while it is walked.
  for (const node of seen) {
    if (isConnective(node) || node.op === "select") node.args.forEach((arg) => seen.add(arg));
    else if (node.type === "bool") atoms.add(atomOf(builder, node).node);
    if (atoms.size > limit) break;
  }
  return atoms;
}

/** Whether two conditions have an atom in common. */
export function asksAlike(builder: Builder, a: Node, b: Node): boolean {
  const atoms = atomsUnder(builder, a);
  return [...atomsUnder(builder, b)].some((atom) => atoms.has(atom));
}
