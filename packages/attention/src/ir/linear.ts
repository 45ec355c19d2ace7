/** Integers as sums: one node plus, one node minus, and a constant. */
import type { Node } from "./types.ts";

/** `plus - minus + offset`, where a null is 0. */
export interface Linear {
  readonly plus: Node | null;
  readonly minus: Node | null;
  readonly offset: number;
}

const negated = ({ plus, minus, offset }: Linear): Linear => ({
  plus: minus,
  minus: plus,
  offset: -offset,
});

/** Null where the sum takes more than two nodes. */
function sum(a: Linear, b: Linear): Linear | null {
  if ((a.plus !== null && b.plus !== null) || (a.minus !== null && b.minus !== null)) return null;
  const [plus, minus] = [a.plus ?? b.plus, a.minus ?? b.minus];
  const offset = a.offset + b.offset;
  return plus === minus ? { plus: null, minus: null, offset } : { plus, minus, offset };
}

export const minus = (a: Linear, b: Linear): Linear | null => sum(a, negated(b));

/** The form of a node from those of its operands; null where it is a part of its own. */
function formOf(node: Node, forms: ReadonlyMap<Node, Linear>): Linear | null {
  if (node.op === "const") return { plus: null, minus: null, offset: Number(node.attr) };
  const [a, b] = node.args.map((arg) => forms.get(arg));
  if (a === undefined) return null;
  if (node.op === "neg") return negated(a);
  if (b === undefined) return null;
  return node.op === "add" ? sum(a, b) : node.op === "sub" ? minus(a, b) : null;
}

/** Of the integers of a graph, operands first. */
export function linearForms(nodes: readonly Node[]): ReadonlyMap<Node, Linear> {
  const forms = new Map<Node, Linear>();
  for (const node of nodes) {
    if (node.type !== "i32") continue;
    forms.set(node, formOf(node, forms) ?? { plus: node, minus: null, offset: 0 });
  }
  return forms;
}
