/**
 * The meaning of each op on vectors: f32, i32, or bool as lanes of 0 and -1; at least one operand is a vector.
 *
 * Every form is total, as `ir/ops.ts` demands: shifts take five bits, an integer divided by 0 is 0.
 */
import type { OperatorOp } from "../../../ir/builder.ts";
import type { ScalarType } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";
import { lanes, operand } from "./operand.ts";
import type { Operand } from "./operand.ts";

export type Form = (args: readonly Operand[]) => string;

/** By the type of the first operand. */
export type Forms = { readonly [K in ScalarType]?: Form };

const at = (args: readonly Operand[], n: number): string => operand(args, n).text;

/** Operators take a vector and a number, in either order. */
export const infix =
  (sign: string): Form =>
  (args) =>
    `${at(args, 0)} ${sign} ${at(args, 1)}`;

const prefix =
  (sign: string): Form =>
  (args) =>
    `${sign}${at(args, 0)}`;

/** A function of vectors. */
const call =
  (name: string): Form =>
  (args) =>
    `${name}(${args.map(lanes).join(", ")})`;

/** Bools as vectors on both sides. */
const masks =
  (sign: string): Form =>
  (args) =>
    `${lanes(operand(args, 0))} ${sign} ${lanes(operand(args, 1))}`;

const inFloat = (name: string): Forms => ({ f32: call(name) });
const inWords = (form: Form): Forms => ({ i32: form });
const inBits = (form: Form): Forms => ({ bool: form });
const numbers = (sign: string): Forms => ({ f32: infix(sign), i32: infix(sign) });

const five = ({ text, literal }: Operand): string =>
  literal === null ? `(${text} & 31)` : String(literal & 31);
const shift =
  (sign: "<<" | ">>"): Form =>
  (args) =>
    `${lanes(operand(args, 0))} ${sign} ${five(operand(args, 1))}`;
const unsignedShift: Form = (args) => {
  const by = operand(args, 1);
  const count = by.isVector ? `(u32x)${five(by)}` : five(by);
  return `(i32x)((u32x)${lanes(operand(args, 0))} >> ${count})`;
};

/** The exponent of a positive power of two below 2^31, else null. */
function exponentOf({ literal }: Operand): number | null {
  const exponent = literal === null || literal < 1 ? 0.5 : Math.log2(literal);
  return Number.isInteger(exponent) ? exponent : null;
}

const floorDiv: Form = (args) => {
  const exponent = exponentOf(operand(args, 1));
  return exponent === null ? call("v_floordiv")(args) : `${at(args, 0)} >> ${exponent}`;
};

const select: Form = (args) => {
  const [condition, a, b] = [operand(args, 0), operand(args, 1), operand(args, 2)];
  if (a.type !== "bool") return call(a.type === "f32" ? "v_choose" : "v_choosei")(args);
  const mask = lanes(condition);
  return `(${mask} & ${lanes(a)}) | (~${mask} & ${lanes(b)})`;
};

const laneForms: { readonly [K in OperatorOp]: Forms } = {
  add: numbers("+"),
  sub: numbers("-"),
  mul: numbers("*"),
  div: { f32: infix("/") },
  rem: { f32: call("lanes_fmod"), i32: call("v_remi") },
  neg: { f32: prefix("-"), i32: prefix("-") },
  abs: {
    f32: call("v_abs"),
    i32: (args) => `v_choosei(${at(args, 0)} < 0, -${at(args, 0)}, ${at(args, 0)})`,
  },
  sign: { f32: call("v_sign"), i32: call("v_signi") },
  min: { f32: call("v_min"), i32: call("v_mini") },
  max: { f32: call("v_max"), i32: call("v_maxi") },
  floorDiv: inWords(floorDiv),
  truncDiv: inWords(call("v_truncdiv")),
  imul: inWords(infix("*")),

  bitAnd: inWords(infix("&")),
  bitOr: inWords(infix("|")),
  bitXor: inWords(infix("^")),
  bitNot: inWords(prefix("~")),
  shl: inWords(shift("<<")),
  shr: inWords(shift(">>")),
  ushr: inWords(unsignedShift),

  floor: inFloat("v_floor"),
  ceil: inFloat("v_ceil"),
  round: inFloat("v_round"),
  trunc: inFloat("v_trunc"),

  sqrt: inFloat("v_sqrt"),
  cbrt: inFloat("lanes_cbrt"),
  exp: inFloat("v_exp"),
  expm1: inFloat("v_expm1"),
  log: inFloat("v_log"),
  log1p: inFloat("v_log1p"),
  log2: inFloat("v_log2"),
  log10: inFloat("v_log10"),
  pow: inFloat("v_pow"),
  hypot: inFloat("lanes_hypot"),
  sin: inFloat("v_sin"),
  cos: inFloat("v_cos"),
  tan: inFloat("v_tan"),
  asin: inFloat("lanes_asin"),
  acos: inFloat("lanes_acos"),
  atan: inFloat("lanes_atan"),
  atan2: inFloat("lanes_atan2"),
  sinh: inFloat("lanes_sinh"),
  cosh: inFloat("lanes_cosh"),
  tanh: inFloat("v_tanh"),
  asinh: inFloat("lanes_asinh"),
  acosh: inFloat("lanes_acosh"),
  atanh: inFloat("lanes_atanh"),

  lt: numbers("<"),
  le: numbers("<="),
  eq: { ...numbers("=="), bool: masks("==") },
  ne: { ...numbers("!="), bool: masks("^") },

  and: inBits(masks("&")),
  or: inBits(masks("|")),
  not: inBits(prefix("~")),
  select: inBits(select),

  toF32: {
    i32: call("v_tofloat"),
    bool: (args) => `v_and(${at(args, 0)}, v_set(1.0f))`,
  },
  toI32: { f32: call("v_truncated"), bool: (args) => `${at(args, 0)} & 1` },
};

/** The form of an operator on operands whose first has this type. */
export function laneForm(op: OperatorOp, type: ScalarType): Form {
  const form = laneForms[op][type];
  if (form === undefined) throw internalError(`${op} of ${type} has no lane form`);
  return form;
}
