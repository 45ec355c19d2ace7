/**
 * Makes nodes: checks operand types against the op table, orders commutative operands, and
 * hash-conses, so that one builder never holds two nodes of the same structure.
 *
 * It does not simplify: `simplify.ts` rewrites a finished graph through a builder of its own.
 */
import { ops } from "./ops.ts";
import type { Axis, Node, Op, ScalarType } from "./types.ts";

/** An op that takes operands and needs nothing else. */
export type OperatorOp = Exclude<Op, "const" | "index" | "score" | "uniform" | "load">;

/** A broken assumption of ours, never the caller's mistake. */
const internal = (what: string): Error => new Error(`internal: ${what}; please report this`);

/**
 * 64 bits of FNV-1a-style mixing, as two independent 32-bit lanes.
 * Only an order and a display name: kernels are cached under the whole text, not under this.
 */
export function digestOf(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul((high ^ code) + (high >>> 15), 0x85ebca6b);
  }
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
  return hex(low ^ (high >>> 13)) + hex(high ^ (low >>> 16));
}

const attrText = (attr: Node["attr"]): string =>
  Object.is(attr, -0) ? "-0" : attr === null ? "" : String(attr);

const headOf = (op: Op, type: ScalarType, attr: Node["attr"]): string =>
  `${op}:${type}:${attrText(attr)}`;

/** The digest that belongs to a node, from its own parts and its operands' digests. */
export const structureDigest = ({ op, type, attr, args }: Omit<Node, "digest">): string =>
  digestOf(`${headOf(op, type, attr)}(${args.map((arg) => arg.digest).join(",")})`);

export class Builder {
  /** By structure, with operands named by their number: two digests that collide never merge nodes. */
  readonly #nodes = new Map<string, Node>();
  readonly #numbers = new Map<Node, number>();
  readonly #precision: "single" | "double";

  /**
   * @param precision  of f32 literals. "double" keeps them as they were written: for checks of what a function means, not of
   *   what a kernel computes
   */
  constructor(precision: "single" | "double" = "single") {
    this.#precision = precision;
  }

  /** A literal. An i32 must be a 32-bit integer; an f32 is rounded to single precision. */
  constant(type: ScalarType, value: number | boolean): Node {
    if ((type === "bool") !== (typeof value === "boolean")) throw internal(`a ${type} literal`);
    if (type === "i32" && value !== ((value as number) | 0)) throw internal("an i32 out of range");
    // i32 has no negative zero.
    if (typeof value === "boolean") return this.#intern("const", type, [], value);
    const rounds = type === "f32" && this.#precision === "single";
    const exact = rounds ? Math.fround(value) : type === "f32" ? value : value + 0;
    return this.#intern("const", type, [], exact);
  }

  /** `Math.fround` of an f32: nothing to do, but in double precision, where it is a `toF32` of an f32. */
  single(node: Node): Node {
    return this.#precision === "single" ? node : this.#intern("toF32", "f32", [node], null);
  }

  index(axis: Axis): Node {
    return this.#intern("index", "i32", [], axis);
  }

  score(): Node {
    return this.#intern("score", "f32", [], null);
  }

  uniform(name: string, type: "i32" | "f32"): Node {
    return this.#intern("uniform", type, [], name);
  }

  /** `tensor[indices[0]][indices[1]]...`; each index is an i32. */
  load(tensor: string, type: ScalarType, indices: readonly Node[]): Node {
    if (!indices.every((index) => index.type === "i32")) throw internal("a load index not i32");
    return this.#intern("load", type, indices, tensor);
  }

  /** Any op with operands; the type follows from the op table. */
  make(op: OperatorOp, ...args: readonly Node[]): Node {
    const info = ops[op];
    const type = info.type(args.map((arg) => arg.type));
    if (args.length !== info.arity || type === null) {
      throw internal(`${op}(${args.map((arg) => arg.type).join(", ")})`);
    }
    const ordered = info.commutative
      ? args.toSorted((x, y) => (x.digest < y.digest ? -1 : x.digest > y.digest ? 1 : 0))
      : args;
    return this.#intern(op, type, ordered, null);
  }

  /** The node with other operands, or a foreign node made ours; `args` belong to this builder. */
  rebuild(node: Node, args: readonly Node[]): Node {
    switch (node.op) {
      case "const":
      case "index":
      case "score":
      case "uniform":
        return this.#intern(node.op, node.type, [], node.attr);
      case "load":
        return this.#intern("load", node.type, args, node.attr);
      default:
        return this.make(node.op, ...args);
    }
  }

  #intern(op: Op, type: ScalarType, args: readonly Node[], attr: Node["attr"]): Node {
    const structure = `${headOf(op, type, attr)}(${args.map((arg) => this.#numberOf(arg)).join(",")})`;
    const known = this.#nodes.get(structure);
    if (known !== undefined) return known;
    const digest = structureDigest({ op, type, args, attr });
    const node: Node = Object.freeze({ op, type, args, attr, digest });
    this.#nodes.set(structure, node);
    this.#numbers.set(node, this.#numbers.size);
    return node;
  }

  #numberOf(node: Node): number {
    const number = this.#numbers.get(node);
    if (number === undefined) throw internal("an operand from another builder");
    return number;
  }
}

/** Every node once, operands before users. Without recursion: an unrolled loop is thousands of nodes deep. */
export function topological(roots: readonly Node[]): readonly Node[] {
  const seen = new Set<Node>();
  const path = roots.toReversed();
  for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
    const next = node.args.find((arg) => !seen.has(arg));
    if (next !== undefined) path.push(next);
    else {
      seen.add(node);
      path.pop();
    }
  }
  return [...seen];
}

/** Rewrites a graph bottom-up: `rewrite` gets each node once, with its operands already rewritten. */
export function mapGraph(root: Node, rewrite: (node: Node, args: readonly Node[]) => Node): Node {
  const done = new Map<Node, Node>();
  const resultOf = (node: Node): Node => {
    const result = done.get(node);
    if (result === undefined) throw internal("an operand after its user");
    return result;
  };
  for (const node of topological([root])) done.set(node, rewrite(node, node.args.map(resultOf)));
  return resultOf(root);
}
