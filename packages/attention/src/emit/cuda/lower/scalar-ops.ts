/**
 * The meaning of each op as a C expression of its operands: f32 as float, i32 as int, bool as bool.
 *
 * Operands are names, members or literals: they may be read any number of times. The sign of a zero that a
 * transcendental function yields, and its last place, may differ from JavaScript's.
 */
import type { OperatorOp } from "../../../ir/builder.ts";
import { internalError } from "../../../errors.ts";
import type { Node } from "../../../ir/types.ts";
import { floatLiteral } from "./literals.ts";

/**
 * `exact`: every operation rounds once, by itself. `fast`: products may fuse with sums, and the hardware's approximate functions
 * stand in for the accurate ones.
 */
export type Rounding = "exact" | "fast";

type Form = (args: readonly string[], rounding: Rounding) => string;

/** By the type of the first operand. */
interface Forms {
  readonly f32?: Form;
  readonly i32?: Form;
  readonly bool?: Form;
}

function operand(args: readonly string[], at: number): string {
  const found = args[at];
  if (found === undefined) throw internalError("an operand is missing");
  return found;
}

const infix =
  (symbol: string): Form =>
  (args) =>
    `${operand(args, 0)} ${symbol} ${operand(args, 1)}`;

const prefix =
  (symbol: string): Form =>
  (args) => {
    const a = operand(args, 0);
    return a.startsWith("-") ? `${symbol}(${a})` : `${symbol}${a}`;
  };

const call =
  (name: string): Form =>
  (args) =>
    `${name}(${args.join(", ")})`;

/** The accurate function, and the one that may stand in for it. */
const either =
  (accurate: Form, fast: Form): Form =>
  (args, rounding) =>
    (rounding === "fast" ? fast : accurate)(args, rounding);

const float = (form: Form): Forms => ({ f32: form });
const int = (form: Form): Forms => ({ i32: form });
const bits = (form: Form): Forms => ({ bool: form });
const math = (name: string): Forms => float(call(name));

/** `scale * name(a)`, or `name(scale * a)`. */
const scaledResult =
  (name: string, scale: number): Form =>
  (args) =>
    `${floatLiteral(scale)} * ${name}(${operand(args, 0)})`;
const scaledOperand =
  (name: string, scale: number): Form =>
  (args) =>
    `${name}(${floatLiteral(scale)} * ${operand(args, 0)})`;

/** The compiler fuses a product with the sum that takes it, unless it is told not to. */
const product = either(call("__fmul_rn"), infix("*"));

const compare = (symbol: string): Forms => ({ f32: infix(symbol), i32: infix(symbol) });
const equate = (symbol: string): Forms => ({ ...compare(symbol), bool: infix(symbol) });

const fastTan: Form = (args) =>
  `__fdividef(fastSin(${operand(args, 0)}), fastCos(${operand(args, 0)}))`;

const forms: { readonly [K in OperatorOp]: Forms } = {
  add: { f32: infix("+"), i32: call("wrapAdd") },
  sub: { f32: infix("-"), i32: call("wrapSub") },
  mul: { f32: product, i32: call("wrapMul") },
  div: float(either(infix("/"), call("__fdividef"))),
  rem: { f32: call("fmodf"), i32: call("remainderOf") },
  neg: { f32: prefix("-"), i32: call("wrapNeg") },
  abs: { f32: call("fabsf"), i32: call("wrapAbs") },
  sign: { f32: call("signOf"), i32: call("signOfInt") },
  min: { f32: call("minimum"), i32: call("min") },
  max: { f32: call("maximum"), i32: call("max") },
  floorDiv: int(call("floorDiv")),
  truncDiv: int(call("truncDiv")),
  imul: int(call("wrapMul")),

  bitAnd: int(infix("&")),
  bitOr: int(infix("|")),
  bitXor: int(infix("^")),
  bitNot: int(prefix("~")),
  shl: int(call("shiftLeft")),
  shr: int(call("shiftRight")),
  ushr: int(call("shiftRightUnsigned")),

  floor: math("floorf"),
  ceil: math("ceilf"),
  round: math("roundUp"),
  trunc: math("truncf"),

  sqrt: math("sqrtf"),
  cbrt: math("cbrtf"),
  exp: float(either(call("expf"), scaledOperand("fastExp2", Math.LOG2E))),
  expm1: math("expm1f"),
  log: float(either(call("logf"), scaledResult("fastLog2", Math.LN2))),
  log1p: math("log1pf"),
  log2: float(either(call("log2f"), call("fastLog2"))),
  log10: float(either(call("log10f"), scaledResult("fastLog2", Math.LN2 / Math.LN10))),
  pow: math("power"),
  hypot: math("hypotf"),
  sin: float(either(call("sinf"), call("fastSin"))),
  cos: float(either(call("cosf"), call("fastCos"))),
  tan: float(either(call("tanf"), fastTan)),
  asin: math("asinf"),
  acos: math("acosf"),
  atan: math("atanf"),
  atan2: math("atan2f"),
  sinh: math("sinhf"),
  cosh: math("coshf"),
  tanh: float(either(call("tanhf"), call("fastTanh"))),
  asinh: math("asinhf"),
  acosh: math("acoshf"),
  atanh: math("atanhf"),

  lt: compare("<"),
  le: compare("<="),
  eq: equate("=="),
  ne: equate("!="),

  and: bits(infix("&&")),
  or: bits(infix("||")),
  not: bits(prefix("!")),
  select: bits((args) => `${operand(args, 0)} ? ${operand(args, 1)} : ${operand(args, 2)}`),

  toF32: { i32: call("__int2float_rn"), bool: (args) => `${operand(args, 0)} ? 1.0f : 0.0f` },
  // Saturates, and NaN is 0.
  toI32: { f32: call("__float2int_rz"), bool: (args) => `${operand(args, 0)} ? 1 : 0` },
};

/** A node's value from its operands' values. */
export function scalarForm(node: Node, args: readonly string[], rounding: Rounding): string {
  const type = node.args[0]?.type ?? node.type;
  const form = forms[node.op as OperatorOp][type];
  if (form === undefined) throw internalError(`${node.op} of ${type} has no CUDA form`);
  return form(args, rounding);
}
