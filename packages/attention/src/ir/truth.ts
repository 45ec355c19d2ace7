/**
 * Boolean functions of a few variables as truth tables, and their shortest sums of products.
 *
 * A table of n variables is a BigInt of 2^n bits; bit k is the value where variable i is bit i of k. Equal
 * functions are equal numbers, so whatever is derived from a table does not depend on how the
 * function was written. Source of `cover`: Minato, irredundant sum-of-products forms from decision diagrams (1992).
 */

/** A variable or its negation. */
export interface Literal {
  readonly variable: number;
  readonly positive: boolean;
}

/** A product of literals; the empty product is true. */
export type Product = readonly Literal[];

const MAX_PRODUCTS = 24;

/** Ends the search for a cover that has become too long. */
class TooLong extends Error {}

export class TruthSpace {
  readonly size: number;
  /** The table that is true everywhere. */
  readonly all: bigint;
  readonly #variables: readonly bigint[];

  constructor(size: number) {
    this.size = size;
    this.all = (1n << (1n << BigInt(size))) - 1n;
    this.#variables = Array.from({ length: size }, (_, at) => {
      const half = 1n << BigInt(at);
      // Ones where bit `at` of the row number is set: blocks of `half` zeros and `half` ones.
      return (this.all / ((1n << half) + 1n)) << half;
    });
  }

  variable(at: number): bigint {
    return this.#variables[at] ?? 0n;
  }

  not(table: bigint): bigint {
    return this.all ^ table;
  }

  /**
   * An irredundant sum of products that is true on `lower`, false outside `upper`, and free between;
   * null where it would have more than 24 products.
   */
  cover(lower: bigint, upper: bigint): readonly Product[] | null {
    try {
      return this.#cover(lower, upper, this.size - 1).products;
    } catch (error) {
      if (error instanceof TooLong) return null;
      throw error;
    }
  }

  #cover(lower: bigint, upper: bigint, from: number): { products: Product[]; table: bigint } {
    if (lower === 0n) return { products: [], table: 0n };
    if (upper === this.all) return { products: [[]], table: this.all };
    let at = from;
    while (!this.#dependsOn(lower, at) && !this.#dependsOn(upper, at)) at--;
    const [lower0, lower1] = this.#cofactors(lower, at);
    const [upper0, upper1] = this.#cofactors(upper, at);
    const when0 = this.#cover(lower0 & ~upper1, upper0, at - 1);
    const when1 = this.#cover(lower1 & ~upper0, upper1, at - 1);
    const rest = (lower0 & ~when0.table) | (lower1 & ~when1.table);
    const always = this.#cover(rest, upper0 & upper1, at - 1);
    const products = [
      ...when0.products.map((product) => [...product, { variable: at, positive: false }]),
      ...when1.products.map((product) => [...product, { variable: at, positive: true }]),
      ...always.products,
    ];
    if (products.length > MAX_PRODUCTS) throw new TooLong();
    const variable = this.variable(at);
    const table = (when0.table & this.not(variable)) | (when1.table & variable) | always.table;
    return { products, table };
  }

  #dependsOn(table: bigint, at: number): boolean {
    const [zero, one] = this.#cofactors(table, at);
    return zero !== one;
  }

  /** The function with the variable set to 0 and to 1, over the same variables. */
  #cofactors(table: bigint, at: number): readonly [bigint, bigint] {
    const half = 1n << BigInt(at);
    const variable = this.variable(at);
    const zero = table & this.not(variable);
    const one = table & variable;
    return [zero | (zero << half), one | (one >> half)];
  }
}

const spaces = new Map<number, TruthSpace>();

/** The functions of `size` variables; one space for each size. */
export function truthSpace(size: number): TruthSpace {
  const space = spaces.get(size) ?? new TruthSpace(size);
  spaces.set(size, space);
  return space;
}

/** A sum of products with common factors taken out: `a & b | a & c` becomes `a & (b | c)`. */
export type Formula =
  | { readonly kind: "literal"; readonly literal: Literal }
  | { readonly kind: "and" | "or"; readonly terms: readonly Formula[] };

const keyOf = ({ variable, positive }: Literal): number => 2 * variable + (positive ? 1 : 0);

/** The literal in most products; of several, the one with the lowest variable. */
function mostCommon(products: readonly Product[]): { literal: Literal; count: number } | null {
  const counts = new Map<number, { literal: Literal; count: number }>();
  for (const literal of products.flat()) {
    const entry = counts.get(keyOf(literal)) ?? { literal, count: 0 };
    entry.count++;
    counts.set(keyOf(literal), entry);
  }
  const entries = [...counts.values()].toSorted(
    (x, y) => y.count - x.count || keyOf(x.literal) - keyOf(y.literal),
  );
  return entries[0] ?? null;
}

const join = (kind: "and" | "or", terms: readonly Formula[]): Formula => {
  const flat = terms.flatMap((term) => (term.kind === kind ? term.terms : [term]));
  const [only] = flat;
  return flat.length === 1 && only !== undefined ? only : { kind, terms: flat };
};

const productOf = (product: Product): Formula =>
  join(
    "and",
    product.map((literal) => ({ kind: "literal", literal })),
  );

/** An empty `and` is true, an empty `or` is false. */
export function factor(products: readonly Product[]): Formula {
  const best = mostCommon(products);
  if (best === null || best.count === 1) return join("or", products.map(productOf));
  const { literal } = best;
  const key = keyOf(literal);
  const withIt = products.filter((product) => product.some((other) => keyOf(other) === key));
  const without = products.filter((product) => !withIt.includes(product));
  const quotient = withIt.map((product) => product.filter((other) => keyOf(other) !== key));
  const factored = join("and", [{ kind: "literal", literal }, factor(quotient)]);
  return without.length === 0 ? factored : join("or", [factored, factor(without)]);
}

/** De Morgan, to the leaves. */
export function negate(formula: Formula): Formula {
  if (formula.kind === "literal") {
    const { variable, positive } = formula.literal;
    return { kind: "literal", literal: { variable, positive: !positive } };
  }
  return { kind: formula.kind === "and" ? "or" : "and", terms: formula.terms.map(negate) };
}

/** The sum of what its literals cost. */
export const costOf = (formula: Formula, literalCost: (literal: Literal) => number): number =>
  formula.kind === "literal"
    ? literalCost(formula.literal)
    : formula.terms.reduce((total, term) => total + costOf(term, literalCost), 0);
