/**
 * The meaning of each op on one number that all lanes share: f32, i32, or bool as 0 and 1.
 *
 * As total as the lane forms, and equal to them: functions that C has no operator for go through their lane form.
 */
import type { OperatorOp } from "../../../ir/builder.ts";
import type { ScalarType } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";
import { infix, laneForm } from "./lane-ops.ts";
import type { Form } from "./lane-ops.ts";
import { lanes, operand } from "./operand.ts";

/** "lanes": equal lanes, of which one is kept. */
type ScalarForms = { readonly [K in ScalarType]?: Form | "lanes" };

const prefix =
  (sign: string): Form =>
  (args) =>
    `${sign}${operand(args, 0).text}`;
const numbers = (sign: string): ScalarForms => ({ f32: infix(sign), i32: infix(sign) });
const inWords = (form: Form | "lanes"): ScalarForms => ({ i32: form });
const inBits = (form: Form): ScalarForms => ({ bool: form });
const viaLanes: ScalarForms = { f32: "lanes", i32: "lanes" };

const text = (args: Parameters<Form>[0], at: number): string => operand(args, at).text;

const shift =
  (sign: string, type: "int32_t" | "uint32_t"): Form =>
  (args) =>
    `(int32_t)((${type})${text(args, 0)} ${sign} (${text(args, 1)} & 31))`;

const scalarForms: { readonly [K in OperatorOp]: ScalarForms } = {
  add: numbers("+"),
  sub: numbers("-"),
  mul: numbers("*"),
  div: { f32: infix("/") },
  rem: viaLanes,
  neg: { f32: prefix("-"), i32: prefix("-") },
  abs: {
    f32: (args) => `fabsf(${text(args, 0)})`,
    i32: (args) => `${text(args, 0)} < 0 ? -${text(args, 0)} : ${text(args, 0)}`,
  },
  sign: viaLanes,
  min: viaLanes,
  max: viaLanes,
  floorDiv: inWords("lanes"),
  truncDiv: inWords("lanes"),
  imul: inWords(infix("*")),

  bitAnd: inWords(infix("&")),
  bitOr: inWords(infix("|")),
  bitXor: inWords(infix("^")),
  bitNot: inWords(prefix("~")),
  shl: inWords(shift("<<", "uint32_t")),
  shr: inWords(shift(">>", "int32_t")),
  ushr: inWords(shift(">>", "uint32_t")),

  floor: viaLanes,
  ceil: viaLanes,
  round: viaLanes,
  trunc: viaLanes,

  sqrt: viaLanes,
  cbrt: viaLanes,
  exp: viaLanes,
  expm1: viaLanes,
  log: viaLanes,
  log1p: viaLanes,
  log2: viaLanes,
  log10: viaLanes,
  pow: viaLanes,
  hypot: viaLanes,
  sin: viaLanes,
  cos: viaLanes,
  tan: viaLanes,
  asin: viaLanes,
  acos: viaLanes,
  atan: viaLanes,
  atan2: viaLanes,
  sinh: viaLanes,
  cosh: viaLanes,
  tanh: viaLanes,
  asinh: viaLanes,
  acosh: viaLanes,
  atanh: viaLanes,

  lt: numbers("<"),
  le: numbers("<="),
  eq: { ...numbers("=="), bool: infix("==") },
  ne: { ...numbers("!="), bool: infix("!=") },

  and: inBits(infix("&")),
  or: inBits(infix("|")),
  not: inBits(prefix("!")),
  select: inBits((args) => `${text(args, 0)} ? ${text(args, 1)} : ${text(args, 2)}`),

  toF32: {
    i32: (args) => `(float)${text(args, 0)}`,
    bool: (args) => `(float)${text(args, 0)}`,
  },
  toI32: { f32: "lanes", bool: (args) => text(args, 0) },
};

/** The form of an operator on operands whose first has this type. */
export function scalarForm(op: OperatorOp, type: ScalarType): Form {
  const form = scalarForms[op][type];
  if (form === undefined) throw internalError(`${op} of ${type} has no scalar form`);
  if (form !== "lanes") return form;
  return (args) => {
    const spread = args.map((arg) => ({ ...arg, text: lanes(arg), isVector: true }));
    return `(${laneForm(op, type)(spread)})[0]`;
  };
}
