/**
 * The form of decisions too wide for a truth table: negations at the atoms, chains of `&&` and `||` flat, sorted and
 * without repetitions, equal branches merged. Most shapes that minifiers make of one source meet here too.
 */
import { atomOf, byDigest, complementOf, isConnective } from "./atoms.ts";
import type { Builder } from "./builder.ts";
import type { Maker } from "./choose.ts";
import type { Node } from "./types.ts";

type Sort = (make: Maker, node: Node, a: Node, b: Node, c: Node) => Node;

const isTruth = (node: Node, value: boolean): boolean => node.op === "const" && node.attr === value;

const truth = (make: Maker, value: boolean): Node => make.builder.constant("bool", value);

/** The negation, with every `!` at an atom; nothing in it is merged. */
function negation(builder: Builder, node: Node): Node {
  const [a, b, c] = node.args;
  if (!isConnective(node)) {
    const atom = atomOf(builder, node);
    return atom.positive ? complementOf(builder, atom.node) : atom.node;
  }
  if (a === undefined) return builder.constant("bool", node.attr !== true);
  if (node.op === "not" || b === undefined) return a;
  if (node.op === "eq") return builder.make("ne", a, b);
  if (node.op === "ne") return builder.make("eq", a, b);
  if (c !== undefined) {
    return builder.make("select", a, negation(builder, b), negation(builder, c));
  }
  const dual = node.op === "and" ? "or" : "and";
  return builder.make(dual, negation(builder, a), negation(builder, b));
}

const flatten = (node: Node, op: "and" | "or"): readonly Node[] =>
  node.op === op ? node.args.flatMap((arg) => flatten(arg, op)) : [node];

const chain =
  (op: "and" | "or"): Sort =>
  (make, node) => {
    const { builder } = make;
    const unit = op === "and";
    const terms = new Set(flatten(node, op).filter((term) => !isTruth(term, unit)));
    const isOver = (term: Node): boolean =>
      isTruth(term, !unit) || (!isConnective(term) && terms.has(negation(builder, term)));
    if ([...terms].some(isOver)) return truth(make, !unit);
    const [first, ...rest] = [...terms].toSorted(byDigest);
    if (first === undefined) return truth(make, unit);
    return rest.reduce((joined, term) => builder.make(op, joined, term), first);
  };

/** A branch that is a choice with a branch in common: one choice by both conditions. */
function mergeBranches(make: Maker, cond: Node, a: Node, b: Node): Node | null {
  const [inner, x, y] = b.op === "select" ? b.args : [];
  if (inner === undefined || x === undefined || y === undefined) return null;
  const not = (node: Node): Node => make.make("not", node);
  if (a === x) return make.make("select", make.make("or", cond, inner), a, y);
  if (a === y) return make.make("select", make.make("or", cond, not(inner)), a, x);
  return null;
}

const choice: Sort = (make, node, cond, a, b) => {
  if (a === b || isTruth(cond, true)) return a;
  if (isTruth(cond, false)) return b;
  const not = (): Node => make.make("not", cond);
  if (isTruth(a, true)) return make.make("or", cond, b);
  if (isTruth(a, false)) return make.make("and", not(), b);
  if (isTruth(b, true)) return make.make("or", not(), a);
  if (isTruth(b, false)) return make.make("and", cond, a);
  const merged = mergeBranches(make, cond, a, b) ?? mergeBranches(make, not(), b, a);
  if (merged !== null) return merged;
  return byDigest(a, b) <= 0 ? node : make.builder.make("select", not(), b, a);
};

const sorts: Readonly<Record<string, Sort>> = {
  and: chain("and"),
  or: chain("or"),
  not: (make, _, a) => sortedDecision(make, negation(make.builder, a)),
  select: choice,
};

/** The sorted form of a connective or a select whose operands are simplified. */
export function sortedDecision(make: Maker, node: Node): Node {
  const [a = node, b = a, c = b] = node.args;
  return sorts[node.op]?.(make, node, a, b, c) ?? node;
}
