/**
 * The op table: what each operation takes, what it yields, and what it means.
 *
 * Every other per-op table (simplify, evaluate, intervals, the emitters) has one row per op too,
 * so that adding an op here does not compile until each of them says what to do.
 *
 * Every op is total. i32 results wrap around, and an integer divided by 0 is 0, never a trap: branches that are not
 * taken are computed too. Where such a result could be seen, `check-ranges.ts` refuses the launch.
 */
import type { Op, ScalarType } from "./types.ts";

/** The result type for operands of these types, or null where the op does not take them. */
type TypeRule = (args: readonly ScalarType[]) => ScalarType | null;

export interface OpInfo {
  /** Number of operands; "any" for a load (one per dimension). */
  readonly arity: number | "any";
  readonly type: TypeRule;
  readonly commutative: boolean;
  /** The meaning in JavaScript, with a and b the operands. */
  readonly meaning: string;
}

const all = (args: readonly ScalarType[], type: ScalarType): boolean =>
  args.every((arg) => arg === type);

/** i32 from i32, f32 from f32: the operand types are never mixed; the tracer inserts casts. */
const sameNumber: TypeRule = (args) => (all(args, "f32") ? "f32" : all(args, "i32") ? "i32" : null);
const only =
  (type: ScalarType): TypeRule =>
  (args) =>
    all(args, type) ? type : null;
const compares: TypeRule = (args) => (all(args, "f32") || all(args, "i32") ? "bool" : null);
const equates: TypeRule = (args) => ((compares(args) ?? all(args, "bool")) ? "bool" : null);
const selects: TypeRule = ([cond, a, b]) =>
  cond === "bool" && a !== undefined && a === b ? a : null;
/** Leaves carry their type themselves; `builder.ts` checks it against `attr`. */
const own: TypeRule = () => null;

const row = (arity: OpInfo["arity"], type: TypeRule, meaning: string): OpInfo => ({
  arity,
  type,
  commutative: false,
  meaning,
});
const commutes = (type: TypeRule, meaning: string): OpInfo => ({
  arity: 2,
  type,
  commutative: true,
  meaning,
});
const f32 = only("f32");
const i32 = only("i32");
const bool = only("bool");

export const ops: { readonly [K in Op]: OpInfo } = {
  const: row(0, own, "a literal"),
  index: row(0, own, "the coordinate b, h, q or kv (i32)"),
  score: row(0, own, "the scaled dot product (f32)"),
  uniform: row(0, own, "a captured number (i32 or f32)"),
  load: row("any", own, "tensor[a][b]..., each index clamped to its dimension"),

  add: commutes(sameNumber, "a + b"),
  sub: row(2, sameNumber, "a - b"),
  mul: commutes(sameNumber, "a * b"),
  div: row(2, f32, "a / b"),
  rem: row(2, sameNumber, "a % b, with the sign of a; for i32, 0 where b is 0"),
  neg: row(1, sameNumber, "-a"),
  abs: row(1, sameNumber, "Math.abs(a)"),
  sign: row(1, sameNumber, "Math.sign(a)"),
  min: commutes(sameNumber, "Math.min(a, b): NaN if either is"),
  max: commutes(sameNumber, "Math.max(a, b): NaN if either is"),
  floorDiv: row(2, i32, "Math.floor(a / b) of integers; 0 where b is 0"),
  truncDiv: row(2, i32, "Math.trunc(a / b) of integers; 0 where b is 0"),
  imul: commutes(i32, "Math.imul(a, b): the low 32 bits of the product"),

  bitAnd: commutes(i32, "a & b"),
  bitOr: commutes(i32, "a | b"),
  bitXor: commutes(i32, "a ^ b"),
  bitNot: row(1, i32, "~a"),
  shl: row(2, i32, "a << b"),
  shr: row(2, i32, "a >> b"),
  ushr: row(2, i32, "a >>> b, which must stay below 2^31"),

  floor: row(1, f32, "Math.floor(a)"),
  ceil: row(1, f32, "Math.ceil(a)"),
  round: row(1, f32, "Math.round(a): halves go up"),
  trunc: row(1, f32, "Math.trunc(a)"),

  sqrt: row(1, f32, "Math.sqrt(a)"),
  cbrt: row(1, f32, "Math.cbrt(a)"),
  exp: row(1, f32, "Math.exp(a)"),
  expm1: row(1, f32, "Math.expm1(a)"),
  log: row(1, f32, "Math.log(a)"),
  log1p: row(1, f32, "Math.log1p(a)"),
  log2: row(1, f32, "Math.log2(a)"),
  log10: row(1, f32, "Math.log10(a)"),
  pow: row(2, f32, "a ** b"),
  hypot: row(2, f32, "Math.hypot(a, b)"),
  sin: row(1, f32, "Math.sin(a)"),
  cos: row(1, f32, "Math.cos(a)"),
  tan: row(1, f32, "Math.tan(a)"),
  asin: row(1, f32, "Math.asin(a)"),
  acos: row(1, f32, "Math.acos(a)"),
  atan: row(1, f32, "Math.atan(a)"),
  atan2: row(2, f32, "Math.atan2(a, b)"),
  sinh: row(1, f32, "Math.sinh(a)"),
  cosh: row(1, f32, "Math.cosh(a)"),
  tanh: row(1, f32, "Math.tanh(a)"),
  asinh: row(1, f32, "Math.asinh(a)"),
  acosh: row(1, f32, "Math.acosh(a)"),
  atanh: row(1, f32, "Math.atanh(a)"),

  lt: row(2, compares, "a < b"),
  le: row(2, compares, "a <= b"),
  eq: commutes(equates, "a === b"),
  ne: commutes(equates, "a !== b"),

  and: commutes(bool, "a && b"),
  or: commutes(bool, "a || b"),
  not: row(1, bool, "!a"),
  select: row(3, selects, "a ? b : c"),

  toF32: row(1, ([a]) => (a === "i32" || a === "bool" ? "f32" : null), "Number(a) as f32"),
  toI32: row(
    1,
    ([a]) => (a === "f32" || a === "bool" ? "i32" : null),
    "Math.trunc(a), saturated to 32 bits; NaN is 0",
  ),
};
