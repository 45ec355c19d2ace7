/**
 * Which values must be rounded as the interpreter rounds them.
 *
 * A fused multiply-add rounds once where the source rounds twice: never worse, but another last place. A function that is
 * smooth passes such a difference on as it is. A function with an edge (a comparison, a floor, a remainder, a square root next
 * to 0) makes a difference of 1 out of it, so all that flows into one is computed as it is written.
 */
import type { OperatorOp } from "../../../ir/builder.ts";
import type { Node, Op } from "../../../ir/types.ts";

/** Continuous wherever they are defined, and defined everywhere. An op that is not listed counts as one with an edge. */
const smooth: ReadonlySet<Op> = new Set<OperatorOp>([
  ...(["add", "sub", "mul", "neg", "abs", "min", "max", "select"] as const),
  ...(["exp", "expm1", "sin", "cos", "atan", "hypot"] as const),
  ...(["sinh", "cosh", "tanh", "asinh", "cbrt"] as const),
]);

/** Nodes that a function with an edge sees, directly or through others. `nodes`: operands before users. */
export function edgedNodes(nodes: readonly Node[]): ReadonlySet<Node> {
  const edged = new Set<Node>();
  for (const node of nodes.toReversed()) {
    const passes = edged.has(node) || !smooth.has(node.op);
    node.args.forEach((arg, at) => {
      // A numerator is passed on; what divides may come close to 0.
      const isNumerator = node.op === "div" && at === 0 && !edged.has(node);
      if (passes && !isNumerator) edged.add(arg);
    });
  }
  return edged;
}
