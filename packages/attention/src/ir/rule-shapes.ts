/** What the rewrite rules are made of: questions about nodes, and shapes that several rules share. */
import { asksAlike, byDigest } from "./atoms.ts";
import type { OperatorOp } from "./builder.ts";
import type { Maker } from "./choose.ts";
import { canonicalDecision } from "./decisions.ts";
import { I32_MAX, I32_MIN } from "./interval-rules.ts";
import { scalarOf } from "./scalar.ts";
import { isLiteralChoice, isProduct, negateProduct, negatedLiteral, splitSign } from "./signs.ts";
import type { Node, Op } from "./types.ts";

/** For an op with fewer operands, b and c repeat the last one. */
export type Rule = (make: Maker, a: Node, b: Node, c: Node) => Node | null;

// --- Asking ---

/** Whether the node is this literal; -0 and 0 are two. */
export const is = (node: Node, value: number): boolean =>
  node.op === "const" && Object.is(node.attr, value);
export const isI32 = (node: Node): boolean => node.type === "i32";
export const isF32 = (node: Node): boolean => node.type === "f32";
export const isConst = (node: Node): boolean => node.op === "const";
export const valueOf = (node: Node): number => Number(node.attr);
export const isOp = (node: Node, op: Op): boolean => node.op === op;
export const operand = (node: Node, at = 0): Node => node.args[at] ?? node;
const fitsI32 = (value: number): boolean => value >= I32_MIN && value <= I32_MAX;

/** Whether 1 / value is exact and normal in single precision. */
export const isPowerOfTwo = (value: number): boolean =>
  Math.abs(value) >= 2 ** -126 &&
  Math.abs(value) <= 2 ** 126 &&
  Number.isInteger(Math.log2(Math.abs(value)));

const isWhole = (node: Node): boolean =>
  ["toF32", "floor", "ceil", "round", "trunc", "sign"].includes(node.op);

// --- Making ---

export const literal = (make: Maker, like: Node, value: number): Node =>
  make.builder.constant(like.type, value);
export const truth = (make: Maker, value: boolean): Node => make.builder.constant("bool", value);

// --- Shapes of rules ---

type BinaryRule = (make: Maker, a: Node, b: Node) => Node | null;

/** A rule that tries both orders of the operands of a commutative op. */
export const eitherWay =
  (rule: BinaryRule): Rule =>
  (make, a, b) =>
    rule(make, a, b) ?? rule(make, b, a);

export const forI32 =
  (rule: Rule): Rule =>
  (make, a, b, c) =>
    isI32(a) ? rule(make, a, b, c) : null;

export const forF32 =
  (rule: Rule): Rule =>
  (make, a, b, c) =>
    isF32(a) ? rule(make, a, b, c) : null;

/** op(x, unit) = x. */
export const unit =
  (value: number): Rule =>
  (_, a, b) =>
    is(b, value) ? a : null;
export const unitEitherWay = (value: number): Rule =>
  eitherWay((_, a, b) => (is(b, value) ? a : null));
/** op(x, zero) = zero. */
export const absorbing = (value: number): Rule =>
  eitherWay((_, __, b) => (is(b, value) ? b : null));
/** op(x, x) = x. */
export const idempotent: Rule = (_, a, b) => (a === b ? a : null);
/** op(x, x) = value. */
export const selfIs =
  (value: number): Rule =>
  (make, a, b) =>
    a === b ? literal(make, a, value) : null;

/** x - c = x + -c, for floats too: IEEE 754 defines it so. And x - (c ? 1 : 0) = x + (c ? -1 : 0). */
export const literalTurns: Rule = (make, a, b) => {
  const minus = negatedLiteral(make, b);
  return minus === null ? null : make.make("add", a, minus);
};

/** (x op c) op d = x op (c op d), exact for integers as long as c op d is one of 32 bits. */
export const gatherConstants = (
  op: "add" | "mul",
  combine: (c: number, d: number) => number,
): Rule =>
  forI32(
    eitherWay((make, a, b) => {
      if (!isConst(b) || a.op !== op) return null;
      const inner = a.args.find(isConst);
      const rest = a.args.find((arg) => arg !== inner);
      if (inner === undefined || rest === undefined) return null;
      const value = combine(valueOf(inner), valueOf(b));
      return fitsI32(value) ? make.make(op, rest, literal(make, b, value)) : null;
    }),
  );

const flatten = (node: Node, op: Op): readonly Node[] =>
  isOp(node, op) ? node.args.flatMap((arg) => flatten(arg, op)) : [node];

/**
 * A chain of one bit operation: its literals become one, the rest is sorted, and what occurs twice
 * counts once (or, for xor, not at all).
 */
export const bitChain =
  (op: "bitAnd" | "bitOr" | "bitXor", neutral: number): Rule =>
  (make, a, b) => {
    const terms = [...flatten(a, op), ...flatten(b, op)];
    const combine = scalarOf(op, "i32");
    const value = terms
      .filter(isConst)
      .reduce((all, term) => combine(all, valueOf(term), 0), neutral);
    const times = (term: Node): number => terms.filter((other) => other === term).length;
    const others = [...new Set(terms.filter((term) => !isConst(term)))]
      .filter((term) => op !== "bitXor" || times(term) % 2 === 1)
      .toSorted(byDigest);
    const last = others.length === 0 || value !== neutral ? [literal(make, a, value)] : [];
    const [first = a, ...rest] = [...others, ...last];
    const chain = rest.reduce((all, term) => make.builder.make(op, all, term), first);
    return chain === make.builder.make(op, a, b) ? null : chain;
  };

/** The signs of both operands become one, in its one place. */
export const oneSign =
  (op: "mul" | "div" | "rem"): Rule =>
  (make, a, b) => {
    const product = make.builder.make(op, a, b);
    const { node, negative } = splitSign(make, product);
    if (node === product) return null;
    return negative ? negateProduct(make, node) : node;
  };

/** a + -b = a - b and a - -b = a + b, where b is no literal. */
export const signTurns =
  (op: "add" | "sub"): BinaryRule =>
  (make, a, b) => {
    if (isLiteralChoice(b)) return null;
    const { node, negative } = splitSign(make, b);
    return negative ? make.make(op, a, node) : null;
  };

/** A sign in front of a product goes to its place. */
export const signGoesIn: Rule = (make, a) => {
  if (!isProduct(a)) return null;
  const { node, negative } = splitSign(make, a);
  const minus = negative ? node : negateProduct(make, node);
  return minus === make.builder.make("neg", a) ? null : minus;
};

/** Rounding a whole number. */
export const integral: readonly Rule[] = [(_, a) => (isWhole(a) ? a : null)];

export const decision =
  (op: OperatorOp): Rule =>
  (make, a, b, c) => {
    const args = [a, b, c].slice(0, op === "select" ? 3 : op === "not" ? 1 : 2);
    const node = make.builder.make(op, ...args);
    const canonical = canonicalDecision(make, node);
    return canonical === node ? null : canonical;
  };

export const betweenBools =
  (rule: Rule): Rule =>
  (make, a, b, c) =>
    a.type === "bool" ? rule(make, a, b, c) : null;

/** A truth value as a number is a choice between 1 and 0. */
export const ofBool =
  (type: "i32" | "f32"): Rule =>
  (make, a) =>
    a.type === "bool"
      ? make.make("select", a, make.builder.constant(type, 1), make.builder.constant(type, 0))
      : null;

/** Whether a condition is known, or asks what `cond` asks. */
function isSettled(make: Maker, cond: Node, node: Node): boolean {
  return isConst(node) || asksAlike(make.builder, cond, node);
}

/** `(c ? x : y) < k` is `c ? x < k : y < k` where one of these is known or asks what c asks. */
export const distributes =
  (op: "lt" | "le" | "eq" | "ne"): Rule =>
  (make, a, b) => {
    const turn = (choice: Node, compare: (arm: Node) => Node): Node | null => {
      if (!isOp(choice, "select")) return null;
      const cond = operand(choice);
      const [x, y] = [compare(operand(choice, 1)), compare(operand(choice, 2))];
      const helps = isSettled(make, cond, x) || isSettled(make, cond, y);
      return helps ? make.make("select", cond, x, y) : null;
    };
    if (a.type === "bool" || isOp(a, "select") === isOp(b, "select")) return null;
    return turn(a, (arm) => make.make(op, arm, b)) ?? turn(b, (arm) => make.make(op, a, arm));
  };

/** Integers are equal where their difference is 0, modulo 2^32 too. */
export const differenceIsZero = (op: "eq" | "ne"): Rule =>
  forI32(
    eitherWay((make, a, b) =>
      isOp(a, "sub") && is(b, 0) ? make.make(op, operand(a, 0), operand(a, 1)) : null,
    ),
  );
