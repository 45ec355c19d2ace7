/**
 * The meaning of each op on one value that all lanes share: f32, i32, or bool as 0 and 1.
 *
 * As total as the lane forms, and equal to them. Functions without a scalar instruction go through their lane form, so that
 * there is one definition of each.
 */
import type { OperatorOp } from "../../../ir/builder.ts";
import type { Node } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";
import { call, extractLane, i32, op, select } from "../asm/expression.ts";
import type { Expr, F32, I32 } from "../asm/expression.ts";
import type { Instruction } from "../asm/instructions.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import type { Emitter } from "../math/emitter.ts";
import { laneForm } from "./lane-ops.ts";

export type Scalar = Expr<"i32" | "f32">;

/** Operands are locals or literals: they may be read any number of times. */
type ScalarForm = (e: Emitter, args: readonly Scalar[]) => Scalar;

/** By the type of the first operand; "lanes": four equal lanes, of which one is kept. */
interface ScalarForms {
  readonly f32?: ScalarForm | "lanes";
  readonly i32?: ScalarForm | "lanes";
  readonly bool?: ScalarForm | "lanes";
}

function integer(args: readonly Scalar[], at: number): I32 {
  const found = args[at];
  if (found?.type !== "i32") throw internalError("an operand is no i32");
  return found as I32;
}

function float(args: readonly Scalar[], at: number): F32 {
  const found = args[at];
  if (found?.type !== "f32") throw internalError("an operand is no f32");
  return found as F32;
}

type Words = Extract<
  Instruction,
  `i32.${"add" | "sub" | "mul" | "and" | "or" | "xor" | "shl" | "shr_s" | "shr_u" | "eq" | "ne" | "lt_s" | "le_s"}`
>;
type Floats = Extract<Instruction, `f32.${"add" | "sub" | "mul" | "div" | "min" | "max"}`>;
type FloatTests = Extract<Instruction, `f32.${"eq" | "ne" | "lt" | "le"}`>;
type FloatUnary = Extract<
  Instruction,
  `f32.${"abs" | "neg" | "ceil" | "floor" | "trunc" | "sqrt"}`
>;

const words =
  (name: Words): ScalarForm =>
  (_, args) =>
    op(name, integer(args, 0), integer(args, 1));
const floats =
  (name: Floats): ScalarForm =>
  (_, args) =>
    op(name, float(args, 0), float(args, 1));
const tests =
  (name: FloatTests): ScalarForm =>
  (_, args) =>
    op(name, float(args, 0), float(args, 1));
const floatUnary = (name: FloatUnary): ScalarForms => ({
  f32: (_, args) => op(name, float(args, 0)),
});
const inWords = (name: Words): ScalarForms => ({ i32: words(name) });
const inBits = (form: ScalarForm): ScalarForms => ({ bool: form });
const viaLanes: ScalarForms = { f32: "lanes", i32: "lanes" };

const negated: ScalarForm = (_, args) => op("i32.sub", i32(0), integer(args, 0));
const absolute: ScalarForm = (_, args) => {
  const a = integer(args, 0);
  return select(op("i32.lt_s", a, i32(0)), op("i32.sub", i32(0), a), a);
};
const smaller: ScalarForm = (_, args) => {
  const [a, b] = [integer(args, 0), integer(args, 1)];
  return select(op("i32.lt_s", a, b), a, b);
};
const larger: ScalarForm = (_, args) => {
  const [a, b] = [integer(args, 0), integer(args, 1)];
  return select(op("i32.gt_s", a, b), a, b);
};

const remOfFloats: ScalarForm = (e, args) =>
  call("f32", e.scalar("rem", 2), float(args, 0), float(args, 1));

const chosen: ScalarForm = (_, args) => {
  const [, a, b] = args;
  if (a === undefined || b?.type !== a.type) throw internalError("a select of two types");
  return select(integer(args, 0), a, b);
};

const scalarForms: { readonly [K in OperatorOp]: ScalarForms } = {
  add: { f32: floats("f32.add"), i32: words("i32.add") },
  sub: { f32: floats("f32.sub"), i32: words("i32.sub") },
  mul: { f32: floats("f32.mul"), i32: words("i32.mul") },
  div: { f32: floats("f32.div") },
  rem: { f32: remOfFloats, i32: "lanes" },
  neg: { ...floatUnary("f32.neg"), i32: negated },
  abs: { ...floatUnary("f32.abs"), i32: absolute },
  sign: viaLanes,
  min: { f32: floats("f32.min"), i32: smaller },
  max: { f32: floats("f32.max"), i32: larger },
  floorDiv: viaLanes,
  truncDiv: viaLanes,
  imul: inWords("i32.mul"),

  bitAnd: inWords("i32.and"),
  bitOr: inWords("i32.or"),
  bitXor: inWords("i32.xor"),
  bitNot: { i32: (_, args) => op("i32.xor", integer(args, 0), i32(-1)) },
  shl: inWords("i32.shl"),
  shr: inWords("i32.shr_s"),
  ushr: inWords("i32.shr_u"),

  floor: floatUnary("f32.floor"),
  ceil: floatUnary("f32.ceil"),
  round: viaLanes,
  trunc: floatUnary("f32.trunc"),

  sqrt: floatUnary("f32.sqrt"),
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

  lt: { f32: tests("f32.lt"), i32: words("i32.lt_s") },
  le: { f32: tests("f32.le"), i32: words("i32.le_s") },
  eq: { f32: tests("f32.eq"), i32: words("i32.eq"), bool: words("i32.eq") },
  ne: { f32: tests("f32.ne"), i32: words("i32.ne"), bool: words("i32.ne") },

  and: inBits(words("i32.and")),
  or: inBits(words("i32.or")),
  not: inBits((_, args) => op("i32.eqz", integer(args, 0))),
  select: inBits(chosen),

  toF32: {
    i32: (_, args) => op("f32.convert_i32_s", integer(args, 0)),
    bool: (_, args) => op("f32.convert_i32_s", integer(args, 0)),
  },
  toI32: {
    f32: (_, args) => op("i32.trunc_sat_f32_s", float(args, 0)),
    bool: (_, args) => integer(args, 0),
  },
};

/** A value in all four lanes; a bool becomes all ones or all zeros. */
export function spread(f: FunctionBuilder, value: Scalar, isBool: boolean): Local<"v128"> {
  if (value.type === "f32") return f.let("spread", op("f32x4.splat", value as F32));
  const word = isBool ? op("i32.sub", i32(0), value as I32) : (value as I32);
  return f.let("spread", op("i32x4.splat", word));
}

/** A node's value from its operands' values. */
export function scalarForm(e: Emitter, node: Node, args: readonly Scalar[]): Scalar {
  const type = node.args[0]?.type ?? node.type;
  const form = scalarForms[node.op as OperatorOp][type];
  if (form === undefined) throw internalError(`${node.op} of ${type} has no scalar form`);
  if (form !== "lanes") return form(e, args);
  const operands = args.map((arg) => ({
    lanes: spread(e.f, arg, false),
    scalar: null,
    literal: null,
  }));
  const result = e.f.let("result", laneForm(node)(e, operands));
  return node.type === "f32" ? extractLane("f32x4", result, 0) : extractLane("i32x4", result, 0);
}
