/**
 * What each operation means on values: the one table behind `evaluate` and constant folding.
 *
 * Values are JavaScript numbers; a bool is 0 or 1. An i32 operation yields a 32-bit integer, wrapping
 * around as every target does (`check-ranges.ts` refuses launches in which that could be seen). An f32
 * operation rounds to single precision once: for + - * / and sqrt that is IEEE single precision
 * (double has more than 2 * 24 + 2 bits), for the others the correctly rounded double result, rounded.
 */
import type { OperatorOp } from "./builder.ts";
import type { ScalarType } from "./types.ts";

export type Scalar = (a: number, b: number, c: number) => number;

/** The meaning by the type of the first operand. */
type Row = Partial<Readonly<Record<ScalarType, Scalar>>>;

const { fround, imul } = Math;

const anyType = (f: Scalar): Row => ({ f32: f, i32: f, bool: f });
const i32 = (f: Scalar): Row => ({ i32: (a, b, c) => f(a, b, c) | 0 });
const f32 = (f: Scalar): Row => ({ f32: (a, b, c) => fround(f(a, b, c)) });
const number = (f: Scalar): Row => ({ ...i32(f), ...f32(f) });

const saturate = (value: number): number =>
  Number.isNaN(value) ? 0 : Math.max(-0x80000000, Math.min(0x7fffffff, Math.trunc(value))) | 0;

const rows: { readonly [K in OperatorOp]: Row } = {
  // The commonest are written out: a call less each.
  add: { i32: (a, b) => (a + b) | 0, f32: (a, b) => fround(a + b) },
  sub: { i32: (a, b) => (a - b) | 0, f32: (a, b) => fround(a - b) },
  mul: { i32: (a, b) => imul(a, b), f32: (a, b) => fround(a * b) },
  div: f32((a, b) => a / b),
  rem: { i32: (a, b) => (b === 0 ? 0 : (a % b) | 0), ...f32((a, b) => a % b) },
  neg: number((a) => -a),
  abs: number((a) => Math.abs(a)),
  sign: number((a) => Math.sign(a)),
  min: number((a, b) => Math.min(a, b)),
  max: number((a, b) => Math.max(a, b)),
  floorDiv: i32((a, b) => (b === 0 ? 0 : Math.floor(a / b))),
  truncDiv: i32((a, b) => (b === 0 ? 0 : a / b)),
  imul: i32((a, b) => imul(a, b)),

  bitAnd: i32((a, b) => a & b),
  bitOr: i32((a, b) => a | b),
  bitXor: i32((a, b) => a ^ b),
  bitNot: i32((a) => ~a),
  shl: i32((a, b) => a << b),
  shr: i32((a, b) => a >> b),
  ushr: i32((a, b) => a >>> b),

  floor: f32((a) => Math.floor(a)),
  ceil: f32((a) => Math.ceil(a)),
  round: f32((a) => Math.round(a)),
  trunc: f32((a) => Math.trunc(a)),

  sqrt: f32((a) => Math.sqrt(a)),
  cbrt: f32((a) => Math.cbrt(a)),
  exp: f32((a) => Math.exp(a)),
  expm1: f32((a) => Math.expm1(a)),
  log: f32((a) => Math.log(a)),
  log1p: f32((a) => Math.log1p(a)),
  log2: f32((a) => Math.log2(a)),
  log10: f32((a) => Math.log10(a)),
  pow: f32((a, b) => a ** b),
  hypot: f32((a, b) => Math.hypot(a, b)),
  sin: f32((a) => Math.sin(a)),
  cos: f32((a) => Math.cos(a)),
  tan: f32((a) => Math.tan(a)),
  asin: f32((a) => Math.asin(a)),
  acos: f32((a) => Math.acos(a)),
  atan: f32((a) => Math.atan(a)),
  atan2: f32((a, b) => Math.atan2(a, b)),
  sinh: f32((a) => Math.sinh(a)),
  cosh: f32((a) => Math.cosh(a)),
  tanh: f32((a) => Math.tanh(a)),
  asinh: f32((a) => Math.asinh(a)),
  acosh: f32((a) => Math.acosh(a)),
  atanh: f32((a) => Math.atanh(a)),

  lt: anyType((a, b) => (a < b ? 1 : 0)),
  le: anyType((a, b) => (a <= b ? 1 : 0)),
  eq: anyType((a, b) => (a === b ? 1 : 0)),
  ne: anyType((a, b) => (a !== b ? 1 : 0)),

  and: { bool: (a, b) => a & b },
  or: { bool: (a, b) => a | b },
  not: { bool: (a) => 1 - a },
  select: { bool: (a, b, c) => (a === 0 ? c : b) },

  toF32: anyType((a) => fround(a)),
  toI32: anyType(saturate),
};

/** The meaning of an op whose first operand has this type. */
export function scalarOf(op: OperatorOp, type: ScalarType): Scalar {
  const meaning = rows[op][type];
  if (meaning === undefined) throw new Error(`internal: ${op} of ${type}; please report this`);
  return meaning;
}
