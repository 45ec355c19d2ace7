/**
 * The rewrite rules, one row per operation. Each rule holds for every value of its operands, NaN, -0 and
 * Infinity included, to the bit, and for i32 modulo 2^32; so `x * 0` stays for floats, and so does `x + 0` (at
 * -0). A rule says what an operation on already simplified operands becomes, or null where it does not apply.
 */
import type { OperatorOp } from "./builder.ts";
import { I32_MAX, I32_MIN } from "./interval-rules.ts";
import {
  absorbing,
  betweenBools,
  bitChain,
  decision,
  differenceIsZero,
  distributes,
  eitherWay,
  forF32,
  forI32,
  gatherConstants,
  idempotent,
  integral,
  is,
  isConst,
  isF32,
  isI32,
  isOp,
  isPowerOfTwo,
  literal,
  literalTurns,
  ofBool,
  oneSign,
  operand,
  selfIs,
  signGoesIn,
  signTurns,
  truth,
  unit,
  unitEitherWay,
  valueOf,
} from "./rule-shapes.ts";
import type { Rule } from "./rule-shapes.ts";
import { negatedLiteral } from "./signs.ts";

const none: readonly Rule[] = [];

export const rules: { readonly [K in OperatorOp]: readonly Rule[] } = {
  add: [
    forI32(unitEitherWay(0)),
    forF32(unitEitherWay(-0)),
    eitherWay(signTurns("sub")),
    (make, a, b) => (a === b ? make.make("mul", a, literal(make, a, 2)) : null),
    gatherConstants("add", (c, d) => c + d),
  ],
  sub: [
    forI32(selfIs(0)),
    literalTurns,
    signTurns("add"),
    (make, a, b) => (is(a, isI32(a) ? 0 : -0) ? make.make("neg", b) : null),
  ],
  mul: [
    unitEitherWay(1),
    forI32(absorbing(0)),
    eitherWay((make, a, b) => (is(b, -1) ? make.make("neg", a) : null)),
    oneSign("mul"),
    gatherConstants("mul", (c, d) => c * d),
  ],
  div: [
    unit(1),
    (make, a, b) =>
      isConst(b) && isPowerOfTwo(valueOf(b))
        ? make.make("mul", a, literal(make, b, 1 / valueOf(b)))
        : null,
    oneSign("div"),
  ],
  rem: [
    forI32((make, a, b) => (is(b, 1) || is(b, -1) ? literal(make, a, 0) : null)),
    // The sign of a remainder is the dividend's.
    (make, a, b) => {
      const minus = isConst(b) && valueOf(b) < 0 ? negatedLiteral(make, b) : null;
      return minus === null ? null : make.make("rem", a, minus);
    },
    forF32(oneSign("rem")),
  ],
  neg: [
    (_, a) => (isOp(a, "neg") ? operand(a) : null),
    signGoesIn,
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

  bitAnd: [absorbing(0), bitChain("bitAnd", -1)],
  bitOr: [absorbing(-1), bitChain("bitOr", 0)],
  bitXor: [
    bitChain("bitXor", 0),
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
    distributes("lt"),
  ],
  le: [
    forI32((make, a, b) =>
      a === b || is(b, I32_MAX) || is(a, I32_MIN) ? truth(make, true) : null,
    ),
    distributes("le"),
  ],
  eq: [
    (make, a, b) => (a === b && !isF32(a) ? truth(make, true) : null),
    differenceIsZero("eq"),
    betweenBools(decision("eq")),
    distributes("eq"),
  ],
  ne: [
    (make, a, b) => (a === b && !isF32(a) ? truth(make, false) : null),
    differenceIsZero("ne"),
    betweenBools(decision("ne")),
    distributes("ne"),
  ],

  and: [decision("and")],
  or: [decision("or")],
  not: [decision("not")],
  select: [decision("select")],

  toF32: [ofBool("f32")],
  toI32: [ofBool("i32"), (make, a) => (isOp(a, "trunc") ? make.make("toI32", operand(a)) : null)],
};
