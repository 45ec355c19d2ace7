/** Truth tables of nodes over the atoms of one decision, and the nodes of truth tables. */
import { atomOf, byDigest, complementOf, hasComplement, isConnective } from "./atoms.ts";
import type { Builder } from "./builder.ts";
import { costOf, factor, negate, truthSpace } from "./truth.ts";
import type { Formula, Literal, TruthSpace } from "./truth.ts";
import type { Node } from "./types.ts";

/** The leaves of nested selects, each with where it is chosen. */
export type Leaves = Map<Node, bigint>;

export interface Written {
  readonly node: Node;
  /** How many atoms it asks, roughly. */
  readonly cost: number;
}

export class Decision {
  readonly #builder: Builder;
  readonly #atoms: readonly Node[];
  readonly #space: TruthSpace;
  readonly #tables = new Map<Node, bigint>();

  constructor(builder: Builder, atoms: readonly Node[]) {
    this.#builder = builder;
    this.#atoms = atoms;
    this.#space = truthSpace(atoms.length);
  }

  tableOf(node: Node): bigint {
    const known = this.#tables.get(node);
    if (known !== undefined) return known;
    const table = isConnective(node) ? this.#connect(node) : this.#atomTable(node);
    this.#tables.set(node, table);
    return table;
  }

  /** The shortest node of a function that may be anything where `free` is true; null where none is short. */
  write(table: bigint, free: bigint): Written | null {
    const space = this.#space;
    const sum = space.cover(table & ~free, table | free);
    const product = space.cover(space.not(table | free), space.not(table & ~free));
    const forms = [sum && factor(sum), product && negate(factor(product))]
      .filter((formula) => formula !== null)
      .map((formula) => ({ formula, cost: costOf(formula, this.#literalCost) }));
    const [first, second = first] = forms;
    if (first === undefined || second === undefined) return null;
    const { formula, cost } = second.cost < first.cost ? second : first;
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
