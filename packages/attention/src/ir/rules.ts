/**
 * The rewrite rules, one row per operation. Each rule holds for every value of its operands, NaN, -0 and
 * Infinity included, to the bit, and for i32 modulo 2^32; so `x * 0` stays for floats, and so does `x + 0` (at
 * -0). A rule says what an operation on already simplified operands becomes, or null where it does not apply.
 */
import type { OperatorOp } from "./builder.ts";
import { canonicalDecision } from "./decisions.ts";
import type { Maker } from "./choose.ts";
import { I32_MAX, I32_MIN } from "./interval-rules.ts";
import type { Node, Op } from "./types.ts";

/** For an op with fewer operands, b and c repeat the last one. */
export type Rule = (make: Maker, a: Node, b: Node, c: Node) => Node | null;

// --- Asking ---

/** Whether the node is this literal; -0 and 0 are two. */
const is = (node: Node, value: number): boolean =>
  node.op === "const" && Object.is(node.attr, value);
const isI32 = (node: Node): boolean => node.type === "i32";
const isF32 = (node: Node): boolean => node.type === "f32";
const isConst = (node: Node): boolean => node.op === "const";
const valueOf = (node: Node): number => Number(node.attr);
const isOp = (node: Node, op: Op): boolean => node.op === op;
const operand = (node: Node, at = 0): Node => node.args[at] ?? node;
const fitsI32 = (value: number): boolean => value >= I32_MIN && value <= I32_MAX;

/** Whether 1 / value is exact and normal in single precision. */
const isPowerOfTwo = (value: number): boolean =>
  Math.abs(value) >= 2 ** -126 &&
  Math.abs(value) <= 2 ** 126 &&
  Number.isInteger(Math.log2(Math.abs(value)));

const isWhole = (node: Node): boolean =>
  ["toF32", "floor", "ceil", "round", "trunc", "sign"].includes(node.op);

// --- Making ---

const literal = (make: Maker, like: Node, value: number): Node =>
  make.builder.constant(like.type, value);
const truth = (make: Maker, value: boolean): Node => make.builder.constant("bool", value);

/** -c for a literal c, where it is of the same type. */
const negated = (make: Maker, node: Node): Node | null =>
  isConst(node) && !is(node, I32_MIN)
    ? literal(make, node, isI32(node) ? 0 - valueOf(node) : -valueOf(node))
    : null;

// --- Shapes of rules ---

/** A rule that tries both orders of the operands of a commutative op. */
const eitherWay =
  (rule: (make: Maker, a: Node, b: Node) => Node | null): Rule =>
  (make, a, b) =>
    rule(make, a, b) ?? rule(make, b, a);

const forI32 =
  (rule: Rule): Rule =>
  (make, a, b, c) =>
    isI32(a) ? rule(make, a, b, c) : null;

const forF32 =
  (rule: Rule): Rule =>
  (make, a, b, c) =>
    isF32(a) ? rule(make, a, b, c) : null;

/** op(x, unit) = x. */
const unit =
  (value: number): Rule =>
  (_, a, b) =>
    is(b, value) ? a : null;
const unitEitherWay = (value: number): Rule => eitherWay((_, a, b) => (is(b, value) ? a : null));
/** op(x, zero) = zero. */
const absorbing = (value: number): Rule => eitherWay((_, __, b) => (is(b, value) ? b : null));
/** op(x, x) = x. */
const idempotent: Rule = (_, a, b) => (a === b ? a : null);
/** op(x, x) = value. */
const selfIs =
  (value: number): Rule =>
  (make, a, b) =>
    a === b ? literal(make, a, value) : null;

/** (x op c) op d = x op (c op d), exact for integers as long as c op d is one of 32 bits. */
const gatherConstants = (op: "add" | "mul", combine: (c: number, d: number) => number): Rule =>
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

/** A sign on either operand moves outside. */
const signsMoveOut = (op: "mul" | "div"): readonly Rule[] => [
  (make, a, b) => (isOp(a, "neg") ? make.make("neg", make.make(op, operand(a), b)) : null),
  (make, a, b) => (isOp(b, "neg") ? make.make("neg", make.make(op, a, operand(b))) : null),
];

const integral: readonly Rule[] = [(_, a) => (isWhole(a) ? a : null)];

const decision =
  (op: OperatorOp): Rule =>
  (make, a, b, c) => {
    const args = [a, b, c].slice(0, op === "select" ? 3 : op === "not" ? 1 : 2);
    const node = make.builder.make(op, ...args);
    const canonical = canonicalDecision(make, node);
    return canonical === node ? null : canonical;
  };

const betweenBools =
  (rule: Rule): Rule =>
  (make, a, b, c) =>
    a.type === "bool" ? rule(make, a, b, c) : null;

/** A truth value as a number is a choice between 1 and 0. */
const ofBool =
  (type: "i32" | "f32"): Rule =>
  (make, a) =>
    a.type === "bool"
      ? make.make("select", a, make.builder.constant(type, 1), make.builder.constant(type, 0))
      : null;

/** Integers are equal where their difference is 0, modulo 2^32 too. */
const differenceIsZero = (op: "eq" | "ne"): Rule =>
  forI32(
    eitherWay((make, a, b) =>
      isOp(a, "sub") && is(b, 0) ? make.make(op, operand(a, 0), operand(a, 1)) : null,
    ),
  );

const none: readonly Rule[] = [];

export const rules: { readonly [K in OperatorOp]: readonly Rule[] } = {
  add: [
    forI32(unitEitherWay(0)),
    forF32(unitEitherWay(-0)),
    eitherWay((make, a, b) => (isOp(b, "neg") ? make.make("sub", a, operand(b)) : null)),
    (make, a, b) => (a === b ? make.make("mul", a, literal(make, a, 2)) : null),
    gatherConstants("add", (c, d) => c + d),
  ],
  sub: [
    forI32(selfIs(0)),
    // For floats too: IEEE 754 defines x - c as x + (-c).
    (make, a, b) => {
      const minus = negated(make, b);
      return minus === null ? null : make.make("add", a, minus);
    },
    (make, a, b) => (isOp(b, "neg") ? make.make("add", a, operand(b)) : null),
    // As for a literal: x - (c ? 1 : 0) is x + (c ? -1 : 0).
    (make, a, b) => {
      const minus = isOp(b, "select") ? make.make("neg", b) : b;
      return isOp(minus, "neg") || minus === b ? null : make.make("add", a, minus);
    },
    (make, a, b) => (is(a, isI32(a) ? 0 : -0) ? make.make("neg", b) : null),
  ],
  mul: [
    unitEitherWay(1),
    forI32(absorbing(0)),
    eitherWay((make, a, b) => (is(b, -1) ? make.make("neg", a) : null)),
    ...signsMoveOut("mul"),
    gatherConstants("mul", (c, d) => c * d),
  ],
  div: [
    unit(1),
    (make, a, b) =>
      isConst(b) && isPowerOfTwo(valueOf(b))
        ? make.make("mul", a, literal(make, b, 1 / valueOf(b)))
        : null,
    ...signsMoveOut("div"),
  ],
  rem: [
    forI32((make, a, b) => (is(b, 1) || is(b, -1) ? literal(make, a, 0) : null)),
    // The sign of a remainder is the dividend's.
    (make, a, b) => {
      const minus = isConst(b) && valueOf(b) < 0 ? negated(make, b) : null;
      return minus === null ? null : make.make("rem", a, minus);
    },
  ],
  neg: [
    (_, a) => (isOp(a, "neg") ? operand(a) : null),
    (make, a) => {
      if (!isOp(a, "mul") && !isOp(a, "div")) return null;
      const at = a.args.findIndex((arg) => negated(make, arg) !== null);
      const minus = at < 0 ? null : negated(make, operand(a, at));
      return minus === null ? null : make.remake(a, a.args.with(at, minus));
    },
    forI32((make, a) => (isOp(a, "sub") ? make.make("sub", operand(a, 1), operand(a, 0)) : null)),
  ],
  abs: [
    (make, a) => (isOp(a, "neg") ? make.make("abs", operand(a)) : null),
    (_, a) => (isOp(a, "abs") ? a : null),
  ],
  sign: none,
  min: [idempotent],
  max: [idempotent],
  // An arithmetic shift rounds down as floor does.
  floorDiv: [
    unit(1),
    (make, a, b) =>
      isConst(b) && valueOf(b) > 1 && isPowerOfTwo(valueOf(b))
        ? make.make("shr", a, literal(make, b, Math.log2(valueOf(b))))
        : null,
  ],
  truncDiv: [unit(1)],
  imul: [unitEitherWay(1), absorbing(0)],

  bitAnd: [idempotent, absorbing(0), unitEitherWay(-1)],
  bitOr: [idempotent, absorbing(-1), unitEitherWay(0)],
  bitXor: [
    selfIs(0),
    unitEitherWay(0),
    eitherWay((make, a, b) => (is(b, -1) ? make.make("bitNot", a) : null)),
  ],
  bitNot: [(_, a) => (isOp(a, "bitNot") ? operand(a) : null)],
  shl: [unit(0)],
  shr: [unit(0)],
  ushr: none,

  floor: integral,
  ceil: integral,
  round: integral,
  trunc: integral,

  sqrt: none,
  cbrt: none,
  exp: none,
  expm1: none,
  log: none,
  log1p: none,
  log2: none,
  log10: none,
  pow: [
    unit(1),
    (make, a, b) => (is(b, 2) ? make.make("mul", a, a) : null),
    // In JavaScript x ** 0 is 1 for NaN too.
    (make, a, b) => (isConst(b) && valueOf(b) === 0 ? literal(make, a, 1) : null),
  ],
  hypot: none,
  sin: none,
  cos: none,
  tan: none,
  asin: none,
  acos: none,
  atan: none,
  atan2: none,
  sinh: none,
  cosh: none,
  tanh: none,
  asinh: none,
  acosh: none,
  atanh: none,

  lt: [
    (make, a, b) => (a === b ? truth(make, false) : null),
    forI32((make, a, b) => {
      if (isConst(b)) {
        return is(b, I32_MIN)
          ? truth(make, false)
          : make.make("le", a, literal(make, b, valueOf(b) - 1));
      }
      if (!isConst(a)) return null;
      return is(a, I32_MAX)
        ? truth(make, false)
        : make.make("le", literal(make, a, valueOf(a) + 1), b);
    }),
  ],
  le: [
    forI32((make, a, b) =>
      a === b || is(b, I32_MAX) || is(a, I32_MIN) ? truth(make, true) : null,
    ),
  ],
  eq: [
    (make, a, b) => (a === b && !isF32(a) ? truth(make, true) : null),
    differenceIsZero("eq"),
    betweenBools(decision("eq")),
  ],
  ne: [
    (make, a, b) => (a === b && !isF32(a) ? truth(make, false) : null),
    differenceIsZero("ne"),
    betweenBools(decision("ne")),
  ],

  and: [decision("and")],
  or: [decision("or")],
  not: [decision("not")],
  select: [decision("select")],

  toF32: [ofBool("f32")],
  toI32: [ofBool("i32"), (make, a) => (isOp(a, "trunc") ? make.make("toI32", operand(a)) : null)],
};
