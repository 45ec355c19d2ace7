/**
 * What is known of integers where a branch is taken, from the conditions that lead to it.
 *
 * A comparison speaks of more nodes than it names: `q !== kv` keeps `q - kv` and `kv - q` from 0, `Math.abs(d) <= 9` bounds d
 * on both sides, and `kv <= q` makes `q - kv + 1` positive. Facts are kept only of nodes that cannot leave 32 bits, for which
 * arithmetic is exact.
 */
import { linearForms, minus, type Linear } from "./linear.ts";
import type { Node, Op } from "./types.ts";

/** An inclusive range of integers. */
export interface Range {
  readonly lo: number;
  readonly hi: number;
}

export interface Fact extends Range {
  /** Whether 0 is out of the question, though it may lie between the ends. */
  readonly isNotZero: boolean;
}

/** By node; null where the conditions cannot hold together. */
export type Facts = ReadonlyMap<Node, Fact> | null;

/** A range, and one value in it that is left out. */
interface Statement extends Range {
  readonly except: number | null;
}

export const meet = (a: Range, b: Range | undefined): Range =>
  b === undefined ? a : { lo: Math.max(a.lo, b.lo), hi: Math.min(a.hi, b.hi) };

export const holdsZero = ({ lo, hi }: Range): boolean => lo <= 0 && hi >= 0;

const everything: Range = { lo: -Infinity, hi: Infinity };
const atLeast = (lo: number): Statement => ({ lo, hi: Infinity, except: null });
const atMost = (hi: number): Statement => ({ lo: -Infinity, hi, except: null });
const within = ({ lo, hi }: Range): Statement => ({ lo, hi, except: null });
const otherThan = (except: number): Statement => ({ ...everything, except });

/** What the range of a result says of each operand. */
const backwards: { readonly [K in Op]?: (result: Range) => Statement } = {
  abs: ({ lo, hi }) => ({ lo: -hi, hi, except: lo > 0 ? 0 : null }),
  min: ({ lo }) => atLeast(lo),
  max: ({ hi }) => atMost(hi),
};

/** Choices inside choices that are looked through for a divisor that is not 0. */
const MAX_DEPTH = 6;

/** Draws facts from conditions. `ranges` are those of a graph's nodes where the facts so far hold. */
export class Deduction {
  readonly #forms: ReadonlyMap<Node, Linear>;
  /** Nodes by one of the nodes they are made of. */
  readonly #byPart = new Map<Node, Node[]>();
  readonly #rangeOf: (node: Node) => Range;
  readonly #isExact: (node: Node) => boolean;

  constructor(
    nodes: readonly Node[],
    rangeOf: (node: Node) => Range,
    isExact: (node: Node) => boolean,
  ) {
    this.#forms = linearForms(nodes);
    this.#rangeOf = rangeOf;
    this.#isExact = isExact;
    for (const [node, { plus, minus }] of this.#forms) {
      const part = plus ?? minus;
      if (part === null) continue;
      const known = this.#byPart.get(part) ?? [];
      known.push(node);
      this.#byPart.set(part, known);
    }
  }

  /** The facts, and that `cond` is `truth`. */
  assume(facts: Facts, cond: Node, truth: boolean): Facts {
    const { lo, hi } = this.#rangeOf(cond);
    if (facts === null || (truth ? hi === 0 : lo === 1)) return null;
    const [a, b] = cond.args;
    if (cond.op === "not" && a !== undefined) return this.assume(facts, a, !truth);
    if (cond.op === (truth ? "and" : "or")) {
      // Twice, so that what one part says of another's bound counts, in whatever order they come.
      return [...cond.args, ...cond.args].reduce<Facts>(
        (known, arg) => this.assume(known, arg, truth),
        facts,
      );
    }
    if (a?.type !== "i32" || b === undefined) return facts;
    if (cond.op === "lt") return truth ? this.#below(facts, a, b, 1) : this.#below(facts, b, a, 0);
    if (cond.op === "le") return truth ? this.#below(facts, a, b, 0) : this.#below(facts, b, a, 1);
    return cond.op === (truth ? "eq" : "ne") ? this.#same(facts, a, b) : this.#apart(facts, a, b);
  }

  /** Whether the node is never 0 where the facts hold. */
  isNotZero(facts: Facts, node: Node, depth: number = 0): boolean {
    if (facts === null) return true;
    if (!holdsZero(this.#known(facts, node)) || facts.get(node)?.isNotZero === true) return true;
    const [a, b, c] = node.args;
    if (a === undefined || depth > MAX_DEPTH) return false;
    const isFree = (arg: Node | undefined, under: Facts = facts): boolean =>
      arg !== undefined && this.isNotZero(under, arg, depth + 1);
    if (node.op === "neg" || node.op === "abs") return isFree(a);
    if (node.op === "mul") return isFree(a) && isFree(b);
    if (node.op !== "select") return false;
    return isFree(b, this.assume(facts, a, true)) && isFree(c, this.assume(facts, a, false));
  }

  #known(facts: ReadonlyMap<Node, Fact>, node: Node): Range {
    return meet(this.#rangeOf(node), facts.get(node));
  }

  /** `a + gap <= b`. */
  #below(facts: ReadonlyMap<Node, Fact>, a: Node, b: Node, gap: number): Facts {
    const [least, most] = [this.#known(facts, a).lo + gap, this.#known(facts, b).hi - gap];
    const once = this.#learn(facts, this.#form(a), atMost(most));
    const twice = this.#learn(once, this.#form(b), atLeast(least));
    return this.#learn(twice, this.#difference(a, b), atMost(-gap));
  }

  #same(facts: ReadonlyMap<Node, Fact>, a: Node, b: Node): Facts {
    const [ofA, ofB] = [this.#known(facts, a), this.#known(facts, b)];
    const once = this.#learn(facts, this.#form(a), within(ofB));
    const twice = this.#learn(once, this.#form(b), within(ofA));
    return this.#learn(twice, this.#difference(a, b), within({ lo: 0, hi: 0 }));
  }

  #apart(facts: ReadonlyMap<Node, Fact>, a: Node, b: Node): Facts {
    const [ofA, ofB] = [this.#known(facts, a), this.#known(facts, b)];
    const once = ofB.lo === ofB.hi ? this.#learn(facts, this.#form(a), otherThan(ofB.lo)) : facts;
    const twice = ofA.lo === ofA.hi ? this.#learn(once, this.#form(b), otherThan(ofA.lo)) : once;
    return this.#learn(twice, this.#difference(a, b), otherThan(0));
  }

  #form(node: Node): Linear {
    return this.#forms.get(node) ?? { plus: node, minus: null, offset: 0 };
  }

  #difference(a: Node, b: Node): Linear {
    return minus(this.#form(a), this.#form(b)) ?? { plus: a, minus: b, offset: 0 };
  }

  /** What a statement about `form` says of every node that differs from it, or from its negation, by a constant. */
  #learn(facts: Facts, form: Linear, { lo, hi, except }: Statement): Facts {
    const part = form.plus ?? form.minus;
    const other = form.minus ?? form.plus;
    if (part === null || other === null) return facts;
    const candidates = new Set([part, other].flatMap((node) => this.#byPart.get(node) ?? []));
    let known = facts;
    for (const node of candidates) {
      const own = this.#form(node);
      const isSame = own.plus === form.plus && own.minus === form.minus;
      const isNegated = own.plus === form.minus && own.minus === form.plus;
      if (!isSame && !isNegated) continue;
      const sign = isSame ? 1 : -1;
      const shift = own.offset - sign * form.offset;
      const range = isSame
        ? { lo: lo + shift, hi: hi + shift }
        : { lo: shift - hi, hi: shift - lo };
      known = this.#restrict(known, node, {
        ...range,
        except: except === null ? null : sign * except + shift,
      });
    }
    return known;
  }

  #restrict(facts: Facts, node: Node, { except, ...range }: Statement): Facts {
    if (facts === null || node.op === "const" || !this.#isExact(node)) return facts;
    const met = meet(this.#known(facts, node), range);
    const lo = met.lo === except ? met.lo + 1 : met.lo;
    const hi = met.hi === except ? met.hi - 1 : met.hi;
    if (lo > hi) return null;
    const before = facts.get(node);
    const isNotZero = except === 0 || before?.isNotZero === true;
    if (before?.lo === lo && before.hi === hi && before.isNotZero === isNotZero) return facts;
    const known = new Map(facts).set(node, { lo, hi, isNotZero });
    const say = backwards[node.op];
    if (say === undefined) return known;
    return node.args.reduce<Facts>(
      (all, arg) => this.#learn(all, this.#form(arg), say({ lo, hi })),
      known,
    );
  }
}
