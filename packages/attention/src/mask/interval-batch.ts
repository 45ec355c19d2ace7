/**
 * A mask function on many boxes at once.
 *
 * The same rules as `ir/intervals.ts`, but one operation runs over a whole chunk of boxes before
 * the next begins: its loop is short, typed and soon compiled, and what it costs to get from one
 * operation to the next is paid once per chunk. Operations that most masks are made of have a loop
 * of their own (`kernels`), the others run their rule box by box.
 */
import { topological } from "../ir/builder.ts";
import { tensorOf, uniformOf } from "../ir/captures.ts";
import { loadRule } from "../ir/interval-loads.ts";
import { Cell, ruleOf } from "../ir/interval-rules.ts";
import { ALWAYS, MAYBE, NEVER } from "../ir/intervals.ts";
import type { Axis, CaptureValues, Node, TensorValue } from "../ir/types.ts";
import type { BoxList } from "./box-list.ts";
import { Extremes } from "./extremes.ts";
import { CHUNK, kernels, Ranges } from "./interval-kernels.ts";

/** Computes the ranges of one node for the first `count` boxes of the chunk. */
type Step = (count: number) => void;

export class IntervalBatch {
  readonly #axes: Readonly<Record<Axis, Ranges>> = {
    b: new Ranges(),
    h: new Ranges(),
    q: new Ranges(),
    kv: new Ranges(),
  };
  readonly #steps: Step[] = [];
  readonly #ranges = new Map<Node, Ranges>();
  readonly #extremes = new Map<TensorValue, Extremes>();
  readonly #root: Ranges;

  constructor(root: Node, captures: CaptureValues) {
    for (const node of topological([root])) this.#place(node, captures);
    this.#root = this.#rangesOf(root);
  }

  /** The (batch, head) of all boxes from now on. */
  setHead(b: number, h: number): void {
    this.#axes.b.fill(b);
    this.#axes.h.fill(h);
  }

  /** Writes a verdict on every box. */
  decide(boxes: BoxList): void {
    for (let from = 0; from < boxes.length; from += CHUNK) {
      const to = Math.min(from + CHUNK, boxes.length);
      this.#axes.q.view(boxes.q0, boxes.q1, from, to);
      this.#axes.kv.view(boxes.kv0, boxes.kv1, from, to);
      for (const step of this.#steps) step(to - from);
      this.#conclude(boxes.verdict, from, to);
    }
  }

  #conclude(verdict: Uint8Array, from: number, to: number): void {
    const { lo, hi } = this.#root;
    for (let at = from; at < to; at++) {
      verdict[at] = hi[at - from] === 0 ? NEVER : lo[at - from] === 1 ? ALWAYS : MAYBE;
    }
  }

  #rangesOf(node: Node): Ranges {
    const ranges = this.#ranges.get(node);
    if (ranges === undefined)
      throw new Error("internal: a node without ranges; please report this");
    return ranges;
  }

  #place(node: Node, captures: CaptureValues): void {
    const out = node.op === "index" ? this.#axes[node.attr as Axis] : new Ranges();
    this.#ranges.set(node, out);
    const args = node.args.map((arg) => this.#rangesOf(arg));
    switch (node.op) {
      case "index":
        return;
      case "const":
        return out.fill(Number(node.attr));
      case "uniform":
        return out.fill(uniformOf(node, captures));
      case "score":
        throw new Error("internal: a mask that reads the score; please report this");
      case "load":
        this.#steps.push(this.#loadStep(out, tensorOf(node, captures), args));
        return;
      default: {
        const operand = node.args[0]?.type ?? node.type;
        const kernel = operand === "f32" ? undefined : kernels[node.op];
        const [a = out, b = a] = args;
        if (kernel !== undefined) this.#steps.push((count) => kernel(count, out, a, b));
        else this.#steps.push(ruleStep(out, ruleOf(node.op, operand), args));
      }
    }
  }

  #loadStep(out: Ranges, tensor: TensorValue, indices: readonly Ranges[]): Step {
    const extremes = this.#extremes.get(tensor) ?? new Extremes(tensor);
    this.#extremes.set(tensor, extremes);
    const [index, ...more] = indices;
    const isVector = index !== undefined && more.length === 0;
    if (isVector && extremes.rises) return risingStep(out, tensor, index);
    return loadStep(out, extremes, indices);
  }
}

/** A load with one index from elements that never fall: the ends of the range are its extremes. */
function risingStep(out: Ranges, { data }: TensorValue, index: Ranges): Step {
  const last = data.length - 1;
  return (count) => {
    for (let at = 0; at < count; at++) {
      out.lo[at] = data[clamp(last, index.lo[at] ?? 0)] ?? 0;
      out.hi[at] = data[clamp(last, index.hi[at] ?? 0)] ?? 0;
    }
  };
}

const clamp = (last: number, index: number): number => Math.max(0, Math.min(last, index));

/** Any load. Neighbouring boxes mostly share their queries, and with them what they load. */
function loadStep(out: Ranges, extremes: Extremes, indices: readonly Ranges[]): Step {
  const cells = indices.map(() => new Cell());
  const result = new Cell();
  const look = lazily(() => loadRule(result, extremes.tensor, extremes.pyramid, cells));
  const lookInRow = extremes.rises ? rowRule(result, extremes.tensor, cells) : () => false;
  return (count) => {
    for (let at = 0; at < count; at++) {
      if (move(cells, indices, at) && !lookInRow()) look()();
      out.set(at, result);
    }
  };
}

/** Takes the cells to box `at`; whether any of them changes. */
function move(cells: readonly Cell[], indices: readonly Ranges[], at: number): boolean {
  let changes = false;
  for (let axis = 0; axis < cells.length; axis++) {
    const cell = cells[axis];
    const index = indices[axis];
    if (cell === undefined || index === undefined) continue;
    if (index.lo[at] === cell.lo && index.hi[at] === cell.hi) continue;
    index.get(at, cell);
    changes = true;
  }
  return changes;
}

/** The ends of the range, if all but the last index are known and rows rise; else false. */
function rowRule(out: Cell, { data, shape }: TensorValue, cells: readonly Cell[]): () => boolean {
  return () => {
    let first = 0;
    let last = 0;
    for (let axis = 0; axis < cells.length; axis++) {
      if (first !== last) return false;
      const length = shape[axis] ?? 1;
      first = first * length + clamp(length - 1, cells[axis]?.lo ?? 0);
      last = last * length + clamp(length - 1, cells[axis]?.hi ?? 0);
    }
    out.lo = data[first] ?? 0;
    out.hi = data[last] ?? 0;
    out.nan = false;
    return true;
  };
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function ruleStep(out: Ranges, rule: ReturnType<typeof ruleOf>, args: readonly Ranges[]): Step {
  const result = new Cell();
  const cells = args.map(() => new Cell());
  // A rule tells `x * x` from `x * y` by its operands being one and the same.
  const [a = result, b = a, c = a] = cells.map(
    (_, at) => cells[args.findIndex((arg) => arg === args[at])] ?? result,
  );
  const [ra = out, rb = ra, rc = ra] = args;
  return (count) => {
    for (let at = 0; at < count; at++) {
      ra.get(at, a);
      rb.get(at, b);
      rc.get(at, c);
      rule(result, a, b, c);
      out.set(at, result);
    }
  };
}
