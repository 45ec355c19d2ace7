/**
 * From an expression graph to terms: C expressions, each at the level at which it has to be computed.
 *
 * Two things are not one term per node. A load is a term for each clamped index, one for the position of its row, and the
 * access itself, so that the address of `bias[h][q]` is computed once per row. And a number made from an integer that grows
 * by a literal from key to key (`kv - q`) is made once per tile and grows in float from there: a sum with a literal in place of
 * a subtraction and a conversion; exact below 2^24.
 */
import { topological } from "../../../ir/builder.ts";
import { internalError } from "../../../errors.ts";
import type { Axis, Node } from "../../../ir/types.ts";
import { edgedNodes } from "./edges.ts";
import { joinLevels } from "./levels.ts";
import type { Level } from "./levels.ts";
import { floatLiteral, literal } from "./literals.ts";
import { scalarForm } from "./scalar-ops.ts";
import type { Rounding } from "./scalar-ops.ts";
import { stepsPerKey } from "./steps.ts";
import type { Steps } from "./steps.ts";
import { atom, ctypes, TermTable } from "./terms.ts";
import type { Term } from "./terms.ts";

/** How a kernel's text names what an expression captures; C expressions. */
export interface CaptureAccess {
  /** A captured number. */
  readonly uniform: (name: string) => string;
  /** A captured tensor: a pointer to its elements (float, int, or unsigned char for bool), and its lengths (int). */
  readonly tensor: (name: string) => {
    readonly data: string;
    readonly lengths: readonly string[];
  };
}

export interface LoweringOptions {
  readonly captures: CaptureAccess;
  /**
   * Every operation rounds as the interpreter's does, and functions are accurate. Otherwise products may fuse with sums, and the
   * hardware's approximate functions stand in, where no edge sees the difference.
   */
  readonly exact: boolean;
  /** What dot products are multiplied by, in C; then `score` is the dot product. Default: `score` is the score. */
  readonly scale?: string;
}

const axisLevels: { readonly [K in Axis]: Level } = {
  b: "head",
  h: "head",
  q: "row",
  kv: "column",
};

type Coordinates = Readonly<Record<Axis, Term>>;

const coordinate = (axis: Axis): Term => atom("int", axisLevels[axis], axis);

const coordinates: Coordinates = {
  b: coordinate("b"),
  h: coordinate("h"),
  q: coordinate("q"),
  kv: coordinate("kv"),
};

/** A literal once the loop over the tile's keys is unrolled. */
const kvOffset = atom("float", "element", "__int2float_rn(kvOffset)");

/** As at the key that the tile counts from. */
const atBase: Coordinates = { ...coordinates, kv: atom("int", "tile", "kvBase") };

/** A root's value: `base * factor`, where the factor is known for the whole head; null: there is none. */
export interface Lowered {
  readonly whole: Term;
  readonly base: Term;
  readonly factor: Term | null;
}

export function lower(root: Node, options: LoweringOptions): Lowered {
  return new Lowering(root, options).result(root);
}

/** A value whose second part is known earlier than the first. */
interface Product {
  readonly base: Term;
  readonly factor: Term;
}

/** Whether a term is known where, and before, another one is. */
const isBefore = (early: Term, late: Term): boolean =>
  early.level !== late.level && joinLevels([early.level, late.level]) === late.level;

class Lowering {
  readonly #options: LoweringOptions;
  readonly #table = new TermTable();
  /** In what is not exact, terms that are products, as what they are made from. */
  readonly #products = new Map<Term, Product>();
  readonly #edged: ReadonlySet<Node>;
  readonly #steps: Steps;
  readonly #terms: ReadonlyMap<Node, Term>;

  constructor(root: Node, options: LoweringOptions) {
    this.#options = options;
    const nodes = topological([root]);
    this.#edged = edgedNodes(nodes);
    this.#steps = stepsPerKey(root);
    this.#terms = this.#lowerAll(nodes, coordinates);
  }

  result(root: Node): Lowered {
    const whole = found(this.#terms, root);
    const split = this.#products.get(whole);
    const isSplit = split !== undefined && split.factor.level === "head";
    return isSplit ? { whole, ...split } : { whole, base: whole, factor: null };
  }

  #lowerAll(nodes: readonly Node[], at: Coordinates): Map<Node, Term> {
    const terms = new Map<Node, Term>();
    for (const node of nodes) terms.set(node, this.#lower(node, at, terms));
    return terms;
  }

  #lower(node: Node, at: Coordinates, terms: ReadonlyMap<Node, Term>): Term {
    switch (node.op) {
      case "const":
        return atom(ctypes[node.type], "head", literal(node));
      case "index":
        return at[node.attr as Axis];
      case "score":
        return this.#score();
      case "uniform":
        return atom(ctypes[node.type], "head", this.#options.captures.uniform(String(node.attr)));
      case "load":
        return this.#load(node, terms);
      default:
        return this.#growing(node) ?? this.#operator(node, terms);
    }
  }

  #operator(node: Node, terms: ReadonlyMap<Node, Term>): Term {
    const rounding: Rounding = this.#isExact(node) ? "exact" : "fast";
    const args = node.args.map((arg) => found(terms, arg));
    const [a, b] = args;
    if (rounding === "fast" && a !== undefined && b !== undefined) {
      if (node.op === "div") return this.#quotient(a, b);
      if (node.op === "mul" && node.type === "f32") return this.#product(a, b);
    }
    return this.#table.make(ctypes[node.type], node.op, args, (texts) =>
      scalarForm(node, texts, rounding),
    );
  }

  #isExact(node: Node): boolean {
    return this.#options.exact || this.#edged.has(node);
  }

  #score(): Term {
    const score = atom("float", "element", "score");
    const { scale, exact } = this.#options;
    if (scale === undefined) return score;
    const factor = atom("float", "head", scale);
    if (!exact) return this.#scaled(score, factor);
    return this.#table.make("float", "score", [score, factor], ([x, y]) => `__fmul_rn(${x}, ${y})`);
  }

  /** A divisor that is known earlier than what it divides is turned into a factor. */
  #quotient(a: Term, b: Term): Term {
    if (isBefore(b, a)) {
      const inverse = this.#table.make("float", "inverse", [b], ([y]) => `1.0f / ${y}`);
      return this.#scaled(a, inverse);
    }
    return this.#table.make("float", "div", [a, b], ([x, y]) => `__fdividef(${x}, ${y})`);
  }

  #product(a: Term, b: Term): Term {
    if (isBefore(a, b)) return this.#scaled(b, a);
    if (isBefore(b, a)) return this.#scaled(a, b);
    return this.#times(a, b);
  }

  /** A factor that is known earlier joins the others: they are multiplied once. */
  #scaled(term: Term, factor: Term): Term {
    const { base, factor: before } = this.#products.get(term) ?? { base: term, factor: null };
    const joined = before === null ? factor : this.#times(before, factor);
    const product = this.#times(base, joined);
    if (isBefore(joined, base)) this.#products.set(product, { base, factor: joined });
    return product;
  }

  #times(a: Term, b: Term): Term {
    return this.#table.make("float", "mul", [a, b], ([x, y]) => `${x} * ${y}`);
  }

  /**
   * A float made from an integer that grows by a literal from key to key. It is not multiplied before it has grown: a product
   * as large as the tile is wide would round away what is left of it near the diagonal, where it counts.
   */
  #growing(node: Node): Term | null {
    const [whole] = node.args;
    if (node.op !== "toF32" || whole?.type !== "i32" || this.#isExact(node)) return null;
    const step = this.#steps.get(whole) ?? 0;
    if (step === 0) return null;
    const base = found(this.#lowerAll(topological([whole]), atBase), whole);
    const start = this.#table.make("float", "start", [base], ([x]) => `__int2float_rn(${x})`);
    const offset =
      step === 1 ? kvOffset : this.#times(atom("float", "head", floatLiteral(step)), kvOffset);
    return this.#table.make("float", "grown", [start, offset], ([x, y]) => `${x} + ${y}`);
  }

  #load(node: Node, terms: ReadonlyMap<Node, Term>): Term {
    const { data, lengths } = this.#options.captures.tensor(String(node.attr));
    const at = node.args
      .map((arg, axis) => this.#clamped(found(terms, arg), lengths[axis]))
      .reduce((row, index, axis) => this.#below(row, index, lengths[axis]));
    const array = atom("int", "head", data);
    return this.#table.make(ctypes[node.type], "load", [array, at], ([from, index]) =>
      node.type === "bool" ? `__ldg(${from} + ${index}) != 0` : `__ldg(${from} + ${index})`,
    );
  }

  #clamped(index: Term, length = "1"): Term {
    const end = atom("int", "head", length);
    return this.#table.make("int", "index", [index, end], ([i, n]) => `clampIndex(${i}, ${n})`);
  }

  /** Position in a row-major tensor: of 64 bits, since a bias may hold more than 2^31 elements. */
  #below(row: Term, index: Term, length = "1"): Term {
    const count = atom("int", "head", length);
    const start = this.#table.make("long long", "row", [row, count], ([r, n]) =>
      row.type === "int" ? `(long long)${r} * ${n}` : `${r} * ${n}`,
    );
    return this.#table.make("long long", "at", [start, index], ([r, i]) => `${r} + ${i}`);
  }
}

function found(terms: ReadonlyMap<Node, Term>, node: Node): Term {
  const term = terms.get(node);
  if (term === undefined) throw internalError(`${node.op} is used before it is computed`);
  return term;
}
