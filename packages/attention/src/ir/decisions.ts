/**
 * One form for each decision, however it was written.
 *
 * `&&`, `||`, `!`, `?:` and chains of early returns are read as boolean functions of *atoms* (comparisons and loaded
 * booleans), and written again from their truth tables. Early returns that a minifier has merged, negated,
 * nested or turned into `?:` are the same function of the same atoms, so they reach the same nodes. Functions
 * of more than `MAX_ATOMS` atoms, or with no short form, keep the shape they have, sorted.
 */
import type { Builder, OperatorOp } from "./builder.ts";
import { ops } from "./ops.ts";
import { TooLong, TruthSpace, factor, negate, costOf } from "./truth.ts";
import type { Formula, Literal } from "./truth.ts";
import type { Node } from "./types.ts";

const MAX_ATOMS = 10;

const byDigest = (x: Node, y: Node): number =>
  x.digest < y.digest ? -1 : x.digest > y.digest ? 1 : 0;

const isI32Compare = (node: Node): boolean => node.args[0]?.type === "i32";

/** Whether the node combines truth values, so that its operands are decisions too. */
function isConnective(node: Node): boolean {
  if (node.op === "eq" || node.op === "ne") return node.args[0]?.type === "bool";
  return (
    ["and", "or", "not", "const"].includes(node.op) ||
    (node.op === "select" && node.type === "bool")
  );
}

/** An atom and its complement are one variable: `!==` is not `===`, and for integers `b < a` is not `a <= b`. */
interface Atom {
  readonly node: Node;
  readonly positive: boolean;
}

function atomOf(builder: Builder, node: Node): Atom {
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

const hasComplement = (atom: Node | undefined): boolean =>
  atom !== undefined && (atom.op === "eq" || (atom.op === "le" && isI32Compare(atom)));

/** The complement of an atom, as one node where there is one: NaN allows none for `<` of floats. */
function complementOf(builder: Builder, atom: Node): Node {
  const [a, b] = atom.args;
  if (atom.op === "eq" && a !== undefined && b !== undefined) return builder.make("ne", a, b);
  if (atom.op === "le" && isI32Compare(atom) && a !== undefined && b !== undefined) {
    if (b.op !== "const") return builder.make("lt", b, a);
    return builder.make("le", builder.constant("i32", Number(b.attr) + 1), a);
  }
  return builder.make("not", atom);
}

/** The leaves of nested selects, each with where it is chosen. */
type Leaves = Map<Node, bigint>;

/** Truth tables of nodes over the atoms of one decision. */
class Decision {
  readonly #builder: Builder;
  readonly #atoms: readonly Node[];
  readonly #space: TruthSpace;
  readonly #tables = new Map<Node, bigint>();

  constructor(builder: Builder, atoms: readonly Node[]) {
    this.#builder = builder;
    this.#atoms = atoms;
    this.#space = new TruthSpace(atoms.length);
  }

  tableOf(node: Node): bigint {
    const known = this.#tables.get(node);
    if (known !== undefined) return known;
    const table = isConnective(node) ? this.#connect(node) : this.#atomTable(node);
    this.#tables.set(node, table);
    return table;
  }

  /** The canonical node of a function that may be anything where `free` is true. */
  write(table: bigint, free: bigint): { node: Node; cost: number } {
    const { formula, cost } = this.#formula(table, free);
    return { node: this.#build(formula), cost };
  }

  leavesOf(root: Node): Leaves {
    const leaves: Leaves = new Map();
    const visit = (node: Node, where: bigint): void => {
      if (where === 0n) return;
      const [cond, a, b] = node.args;
      if (node.op !== "select" || cond === undefined || a === undefined || b === undefined) {
        leaves.set(node, (leaves.get(node) ?? 0n) | where);
        return;
      }
      const table = this.tableOf(cond);
      visit(a, where & table);
      visit(b, where & this.#space.not(table));
    };
    visit(root, this.#space.all);
    return leaves;
  }

  /** Of a sum of products and a product of sums, the cheaper. */
  #formula(table: bigint, free: bigint): { formula: Formula; cost: number } {
    const space = this.#space;
    const sum = factor(space.cover(table & ~free, table | free));
    const product = negate(factor(space.cover(space.not(table | free), space.not(table & ~free))));
    const sumCost = costOf(sum, this.#literalCost);
    const productCost = costOf(product, this.#literalCost);
    return productCost < sumCost
      ? { formula: product, cost: productCost }
      : { formula: sum, cost: sumCost };
  }

  /** A `!` counts where the complement is not an operation of its own. */
  readonly #literalCost = ({ variable, positive }: Literal): number =>
    positive || hasComplement(this.#atoms[variable]) ? 1 : 2;

  #connect(node: Node): bigint {
    const space = this.#space;
    if (node.op === "const") return node.attr === true ? space.all : 0n;
    const [a = 0n, b = 0n, c = 0n] = node.args.map((arg) => this.tableOf(arg));
    switch (node.op) {
      case "and":
        return a & b;
      case "or":
        return a | b;
      case "not":
        return space.not(a);
      case "eq":
        return space.not(a ^ b);
      case "ne":
        return a ^ b;
      default:
        return (a & b) | (space.not(a) & c);
    }
  }

  #atomTable(node: Node): bigint {
    const atom = atomOf(this.#builder, node);
    const table = this.#space.variable(this.#atoms.indexOf(atom.node));
    return atom.positive ? table : this.#space.not(table);
  }

  #build(formula: Formula): Node {
    if (formula.kind === "literal") return this.#literal(formula.literal);
    const { kind } = formula;
    const [first, ...others] = formula.terms.map((term) => this.#build(term)).toSorted(byDigest);
    if (first === undefined) return this.#builder.constant("bool", kind === "and");
    return others.reduce((joined, term) => this.#builder.make(kind, joined, term), first);
  }

  #literal({ variable, positive }: Literal): Node {
    const atom = this.#atoms[variable];
    if (atom === undefined)
      throw new Error("internal: a literal without an atom; please report this");
    return positive ? atom : complementOf(this.#builder, atom);
  }
}

/** The atoms under a decision, or null where there are too many. */
function atomsUnder(builder: Builder, root: Node): readonly Node[] | null {
  const atoms = new Set<Node>();
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (isConnective(node)) node.args.forEach(visit);
    else if (node.type === "bool") atoms.add(atomOf(builder, node).node);
    else if (node.op === "select") node.args.forEach(visit);
  };
  visit(root);
  return atoms.size > MAX_ATOMS ? null : [...atoms].toSorted(byDigest);
}

/** What `simplify` needs of a decision: a maker of simplified nodes, for operands that are merged. */
export interface Maker {
  readonly builder: Builder;
  make(op: OperatorOp, ...args: readonly Node[]): Node;
  /** The simplified node with the op and attribute of `like`, and these operands. */
  remake(like: Node, args: readonly Node[]): Node;
}

/** The canonical node equal to `root`, a connective or a select. */
export function canonicalDecision(maker: Maker, root: Node): Node {
  const atoms = atomsUnder(maker.builder, root);
  if (atoms === null) return root;
  const decision = new Decision(maker.builder, atoms);
  const [cond, a, b] = root.args;
  if (root.op === "select" && cond !== undefined && a !== undefined && b !== undefined) {
    if (mergedOperands(a, b) !== null) return choose(maker, cond, a, b);
  }
  try {
    return root.type === "bool"
      ? decision.write(decision.tableOf(root), 0n).node
      : writeLeaves(maker, decision, decision.leavesOf(root));
  } catch (error) {
    if (error instanceof TooLong) return root;
    throw error;
  }
}

/** A chain of selects: the leaf with the shortest condition first, given that none before it was chosen. */
function writeLeaves(maker: Maker, decision: Decision, leaves: Leaves): Node {
  const chain: { cond: Node; leaf: Node }[] = [];
  const left = [...leaves].toSorted(([x], [y]) => byDigest(x, y));
  let taken = 0n;
  while (left.length > 1) {
    const options = left.map(([leaf, table]) => ({ leaf, table, ...decision.write(table, taken) }));
    const best = options.reduce((least, option) => (option.cost < least.cost ? option : least));
    chain.push({ cond: best.node, leaf: best.leaf });
    taken |= best.table;
    left.splice(options.indexOf(best), 1);
  }
  const last = left[0]?.[0];
  if (last === undefined) throw new Error("internal: a select without a leaf; please report this");
  return chain.reduceRight((rest, { cond, leaf }) => choose(maker, cond, leaf, rest), last);
}

/**
 * `c ? f(x) : f(y)` is `f(c ? x : y)`: one call less, and what some minifiers write.
 * Where the operands differ in one place only.
 */
function choose(maker: Maker, cond: Node, a: Node, b: Node): Node {
  const merged = mergedOperands(a, b);
  if (merged === null) return maker.builder.make("select", cond, a, b);
  const { common, x, y, at } = merged;
  const inner = maker.make("select", cond, x, y);
  return maker.remake(a, common.toSpliced(at, 0, inner));
}

interface Merge {
  readonly common: readonly Node[];
  readonly x: Node;
  readonly y: Node;
  readonly at: number;
}

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
