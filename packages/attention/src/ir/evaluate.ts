/**
 * The interpreter: what an expression is worth at one position.
 *
 * The graph becomes a straight line of closures, each writing one cell (no code is generated, so it
 * runs under any content security policy). Both sides of a select are computed; that is never seen,
 * because nodes are pure and total.
 */
import { topological } from "./builder.ts";
import type { OperatorOp } from "./builder.ts";
import { scalarOf } from "./scalar.ts";
import { tensorOf, uniformOf } from "./captures.ts";
import type { Axis, CaptureValues, Node, TensorValue } from "./types.ts";

/** The value at (b, h, q, kv) with this score: a boolean for a bool root, else a number. */
export type ElementFunction = (
  b: number,
  h: number,
  q: number,
  kv: number,
  score: number,
) => number | boolean;

interface Cell {
  value: number;
}

type Step = () => void;

/** Row-major position of an element; each index is clamped to its dimension. */
function loadStep(out: Cell, tensor: TensorValue, indices: readonly Cell[]): Step {
  const { data, shape } = tensor;
  const isBool = tensor.type === "bool";
  return () => {
    let at = 0;
    for (let axis = 0; axis < indices.length; axis++) {
      const length = shape[axis] ?? 1;
      const index = indices[axis]?.value ?? 0;
      at = at * length + Math.max(0, Math.min(length - 1, index));
    }
    const element = data[at] ?? 0;
    out.value = isBool && element !== 0 ? 1 : element;
  };
}

function operatorStep(out: Cell, node: Node, args: readonly Cell[]): Step {
  const meaning = scalarOf(node.op as OperatorOp, node.args[0]?.type ?? node.type);
  const [a = out, b = a, c = a] = args;
  return () => {
    out.value = meaning(a.value, b.value, c.value);
  };
}

/**
 * The interpreter of a graph, with the captures' values as they are now (a tensor's data are read at each call).
 *
 * i32 exact, f32 rounded to single precision after every operation, loads clamped. Cost: a few
 * nanoseconds per node.
 */
export function compileElement(root: Node, captures: CaptureValues): ElementFunction {
  const axes: Readonly<Record<Axis, Cell>> = {
    b: { value: 0 },
    h: { value: 0 },
    q: { value: 0 },
    kv: { value: 0 },
  };
  const scoreCell: Cell = { value: 0 };
  const cells = new Map<Node, Cell>();
  const steps: Step[] = [];
  const cellOf = (node: Node): Cell => cells.get(node) ?? scoreCell;

  const leaf = (node: Node): Cell | null => {
    switch (node.op) {
      case "const":
        return { value: Number(node.attr) };
      case "index":
        return axes[node.attr as Axis];
      case "score":
        return scoreCell;
      case "uniform":
        return { value: uniformOf(node, captures) };
      default:
        return null;
    }
  };

  for (const node of topological([root])) {
    const known = leaf(node);
    const cell = known ?? { value: 0 };
    cells.set(node, cell);
    if (known !== null) continue;
    const args = node.args.map(cellOf);
    steps.push(
      node.op === "load"
        ? loadStep(cell, tensorOf(node, captures), args)
        : operatorStep(cell, node, args),
    );
  }

  const result = cellOf(root);
  const isBool = root.type === "bool";
  return (b, h, q, kv, score) => {
    axes.b.value = b;
    axes.h.value = h;
    axes.q.value = q;
    axes.kv.value = kv;
    scoreCell.value = Math.fround(score);
    for (let at = 0; at < steps.length; at++) steps[at]?.();
    return isBool ? result.value !== 0 : result.value;
  };
}
