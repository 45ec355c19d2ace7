/**
 * The types of numbers. Arithmetic is i32 where every operand provably is an integer, so that indices stay
 * exact beyond 2^24, and f32 otherwise. A number known now takes the type of what it meets: 2 beside an
 * index is an i32, beside a score an f32, and 0.5 makes an f32 of the index.
 *
 * An i32 has no negative zero, which JavaScript has for `0 * -1` and `-4 % 2`: only a division by it could tell.
 */
import type { Builder, OperatorOp } from "../ir/builder.ts";
import type { Node } from "../ir/types.ts";
import type { Condition, ScalarValue } from "./values.ts";

/** A number known now, or a node of type i32 or f32. */
export type Num = { readonly kind: "static"; readonly value: number } | ScalarValue;

export const staticNumber = (value: number): Num => ({ kind: "static", value });

export const isInt32 = (value: number): boolean => Object.is(value, value | 0);

/** The number as an i32, or null where it is not provably an integer of 32 bits. */
export function asInteger(builder: Builder, num: Num): Node | null {
  if (num.kind === "scalar") return num.node.type === "i32" ? num.node : null;
  // -0 too, which `-i` is in the first turn of a loop: as an i32 it is 0.
  const value = num.value + 0;
  return isInt32(value) ? builder.constant("i32", value) : null;
}

/** The number as an f32. A negated integer is negated there, since only there 0 becomes -0, as in JavaScript. */
export function asFloat(builder: Builder, num: Num): Node {
  if (num.kind === "static") return builder.constant("f32", num.value);
  return integerAsFloat(builder, num.node);
}

function integerAsFloat(builder: Builder, node: Node): Node {
  if (node.type === "f32") return node;
  const [negated] = node.op === "neg" ? node.args : [];
  if (negated === undefined) return builder.make("toF32", node);
  return builder.make("neg", integerAsFloat(builder, negated));
}

/** `-a`. A quotient negates its dividend. */
export function negate(builder: Builder, num: ScalarValue): ScalarValue {
  const node = builder.make("neg", num.node);
  if (num.quotient === undefined) return { kind: "scalar", node };
  const [dividend, divisor] = num.quotient;
  return { kind: "scalar", node, quotient: [builder.make("neg", dividend), divisor] };
}

/** Both as i32 where both are integers, else both as f32. */
export function unify(builder: Builder, a: Num, b: Num): readonly [Node, Node] {
  const [x, y] = [asInteger(builder, a), asInteger(builder, b)];
  return x !== null && y !== null ? [x, y] : [asFloat(builder, a), asFloat(builder, b)];
}

/** An operation that has an i32 and an f32 form. */
export function arithmetic(builder: Builder, op: OperatorOp, a: Num, b: Num): Num {
  return { kind: "scalar", node: builder.make(op, ...unify(builder, a, b)) };
}

/** Real division, which remembers that it was one of integers. By a negative literal, it is a negated one. */
export function divide(builder: Builder, a: Num, b: Num): Num {
  if (b.kind === "static" && b.value < 0 && a.kind === "scalar") {
    const quotient = divide(builder, a, staticNumber(-b.value));
    return quotient.kind === "static" ? quotient : negate(builder, quotient);
  }
  const node = builder.make("div", asFloat(builder, a), asFloat(builder, b));
  const [x, y] = [asInteger(builder, a), asInteger(builder, b)];
  return x !== null && y !== null
    ? { kind: "scalar", node, quotient: [x, y] }
    : { kind: "scalar", node };
}

/** Largest exponent that becomes multiplications of integers; no base but 0, 1 and -1 outlives it. */
const largestPower = 31;

/** `a ** b`: multiplications for an integer to a small power known now, so that it stays an integer. */
export function power(builder: Builder, a: Num, b: Num): Num {
  const base = asInteger(builder, a);
  const exponent = b.kind === "static" && isInt32(b.value) ? b.value : -1;
  if (base === null || exponent < 1 || exponent > largestPower) {
    const node = builder.make("pow", asFloat(builder, a), asFloat(builder, b));
    return { kind: "scalar", node };
  }
  const raise = (n: number): Node => {
    if (n === 1) return base;
    const half = raise(Math.floor(n / 2));
    const square = builder.make("mul", half, half);
    return n % 2 === 0 ? square : builder.make("mul", square, base);
  };
  return { kind: "scalar", node: raise(exponent) };
}

/** What JavaScript's bit operations see: an integer as it is, a quotient or an f32 truncated. */
export function toInt32(builder: Builder, num: Num): Node {
  if (num.kind === "static") return builder.constant("i32", num.value | 0);
  if (num.quotient !== undefined) return builder.make("truncDiv", ...num.quotient);
  return num.node.type === "i32" ? num.node : builder.make("toI32", num.node);
}

export type Comparison = "lt" | "le" | "eq" | "ne";

const compareStatic: { readonly [K in Comparison]: (a: number, b: number) => boolean } = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
};

/** The integer that compares with every integer as this number does, or null where none does. */
function integerBound(op: Comparison, value: number, isLeft: boolean): number | null {
  if (op === "eq" || op === "ne") return Number.isInteger(value) ? value : null;
  const roundsUp = (op === "lt") !== isLeft;
  return roundsUp ? Math.ceil(value) : Math.floor(value);
}

/** An integer beside a number known now that is no i32: decided exactly, not in f32. */
function compareInteger(
  builder: Builder,
  op: Comparison,
  node: Node,
  value: number,
  isLeft: boolean,
): Condition {
  const bound = integerBound(op, value, isLeft);
  if (bound !== null && isInt32(bound + 0)) {
    const constant = builder.constant("i32", bound);
    return isLeft ? builder.make(op, constant, node) : builder.make(op, node, constant);
  }
  // Beyond 32 bits, a fraction or NaN: any integer gives the same answer.
  return isLeft ? compareStatic[op](value, 0) : compareStatic[op](0, value);
}

export function compare(builder: Builder, op: Comparison, a: Num, b: Num): Condition {
  if (a.kind === "static" && b.kind === "static") return compareStatic[op](a.value, b.value);
  if (a.kind === "static" && b.kind === "scalar" && b.node.type === "i32") {
    return compareInteger(builder, op, b.node, a.value, true);
  }
  if (b.kind === "static" && a.kind === "scalar" && a.node.type === "i32") {
    return compareInteger(builder, op, a.node, b.value, false);
  }
  return builder.make(op, ...unify(builder, a, b));
}

/** One of two numbers; a quotient stays one where both are. */
export function selectNumber(builder: Builder, condition: Node, a: Num, b: Num): Num {
  const node = builder.make("select", condition, ...unify(builder, a, b));
  return { kind: "scalar", node };
}
