/** Integers that grow by a literal from key to key, such as `kv - q`. */
import { topological } from "../../../ir/builder.ts";
import type { Node } from "../../../ir/types.ts";

/** Steps beyond this are no distances; they would only wrap around. */
const LARGEST = 2 ** 16;

/** By the nodes of a graph: by how much a value grows from one key to the next; null where that is no small literal. */
export type Steps = ReadonlyMap<Node, number | null>;

const literalOf = (node: Node | undefined): number =>
  node?.op === "const" ? Number(node.attr) : NaN;

/** What two operands' steps make of the result's. NaN: unknown. */
function stepOf(node: Node, a: number, b: number): number {
  const [x, y] = node.args;
  switch (node.op) {
    case "neg":
      return -a;
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
    case "imul":
      return a === 0 ? b * literalOf(x) : b === 0 ? a * literalOf(y) : NaN;
    default:
      return NaN;
  }
}

/** The steps of all nodes that a root is made from. */
export function stepsPerKey(root: Node): Steps {
  const steps = new Map<Node, number | null>();
  for (const node of topological([root])) {
    const [a = 0, b = 0] = node.args.map((arg) => steps.get(arg) ?? NaN);
    const isFixed = node.op !== "score" && node.args.every((arg) => steps.get(arg) === 0);
    const own = node.op === "index" ? Number(node.attr === "kv") : isFixed ? 0 : stepOf(node, a, b);
    steps.set(node, Math.abs(own) <= LARGEST && node.type === "i32" ? own : isFixed ? 0 : null);
  }
  return steps;
}
