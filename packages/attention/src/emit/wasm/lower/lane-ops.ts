/**
 * The meaning of each op on four lanes: f32, i32, or bool as all ones and all zeros.
 *
 * Every form is total: it yields a value for any operands, and never traps. Division of integers by 0 yields 0, as
 * the interpreter has it (a launch in which that could happen has been refused). The sign of a zero that a transcendental
 * function yields may differ from JavaScript's.
 */
import type { OperatorOp } from "../../../ir/builder.ts";
import type { Node } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";
import { extractLane, i32, op, replaceLane, shuffle } from "../asm/expression.ts";
import type { I32, V128 } from "../asm/expression.ts";
import type { Instruction } from "../asm/instructions.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { choose } from "../lanes.ts";
import type { Emitter, LaneFunction } from "../math/emitter.ts";
import { exp, expm1, tanh } from "../math/exp.ts";
import { log, log10, log1p, log2 } from "../math/log.ts";
import { pow } from "../math/pow.ts";
import { onEachLane } from "../math/scalar.ts";
import { cos, sin, tan } from "../math/trig.ts";

/** An operand as lanes and, where all lanes agree, as the scalar they agree on. */
export interface LaneOperand {
  readonly lanes: Local<"v128">;
  /** i32 operands only. */
  readonly scalar: I32 | null;
  /** The value of an i32 literal. */
  readonly literal: number | null;
}

type LaneForm = (e: Emitter, args: readonly LaneOperand[]) => V128;

/** By the type of the first operand. */
interface LaneForms {
  readonly f32?: LaneForm;
  readonly i32?: LaneForm;
  readonly bool?: LaneForm;
}

type Unary = Extract<
  Instruction,
  `${string}x4.${"abs" | "neg" | "floor" | "ceil" | "trunc" | "sqrt"}`
>;
type Binary =
  | Extract<
      Instruction,
      `${"f32" | "i32"}x4.${"add" | "sub" | "mul" | "div" | "min" | "max" | "eq" | "ne" | "lt" | "le"}`
    >
  | Extract<Instruction, `i32x4.${"min_s" | "max_s" | "lt_s" | "le_s"}`>
  | Extract<Instruction, `v128.${"and" | "or" | "xor"}`>;

function operand(args: readonly LaneOperand[], at: number): LaneOperand {
  const found = args[at];
  if (found === undefined) throw internalError("an operand is missing");
  return found;
}

const unary =
  (name: Unary): LaneForm =>
  (_, args) =>
    op(name, operand(args, 0).lanes);

const binary =
  (name: Binary): LaneForm =>
  (_, args) =>
    op(name, operand(args, 0).lanes, operand(args, 1).lanes);

const math = (fn: LaneFunction): LaneForms => ({
  f32: (e, args) => fn(e, operand(args, 0).lanes, (args[1] ?? operand(args, 0)).lanes),
});

const inFloat = (name: Unary): LaneForms => ({ f32: unary(name) });
const slow = (name: string, arity: 1 | 2 = 1): LaneForms => math(onEachLane(name, arity));
const inWords = (form: LaneForm): LaneForms => ({ i32: form });
const inBits = (form: LaneForm): LaneForms => ({ bool: form });

/** -1, 0 or 1; of floats, zeros and NaN are themselves. */
const sign: LaneForms = {
  f32: ({ f }, args) => {
    const { lanes } = operand(args, 0);
    const one = op("v128.or", op("v128.and", lanes, f.lanes(-0)), f.lanes(1));
    const nonZero = op(
      "v128.or",
      op("f32x4.lt", lanes, f.lanes(0)),
      op("f32x4.gt", lanes, f.lanes(0)),
    );
    return choose(nonZero, one, lanes);
  },
  i32: ({ f }, args) => {
    const { lanes } = operand(args, 0);
    return op(
      "i32x4.sub",
      op("i32x4.lt_s", lanes, f.words(0)),
      op("i32x4.gt_s", lanes, f.words(0)),
    );
  },
};

/** Halves go up: floor(a), and one more where the rest is at least 1/2 (the rest is exact; a + 1/2 need not be). */
const round: LaneForm = ({ f }, args) => {
  const { lanes } = operand(args, 0);
  const floor = f.let("floor", op("f32x4.floor", lanes));
  const up = op("f32x4.ge", op("f32x4.sub", lanes, floor), f.lanes(0.5));
  const sum = op("f32x4.add", floor, op("v128.and", up, f.lanes(1)));
  // Results of negative numbers are negative, or -0.
  return op("v128.or", sum, op("v128.and", lanes, f.lanes(-0)));
};

/**
 * Floor or truncation of a / b, in float64, where quotients of 32-bit integers are exact enough; 0 where b is 0. -2^31 / -1 wraps, as
 * all arithmetic does, so that -1 has a way of its own.
 */
function quotient(
  f: FunctionBuilder,
  rounding: "f64x2.floor" | "f64x2.trunc",
  a: Local<"v128">,
  b: Local<"v128">,
): V128 {
  const two = (x: V128, y: V128): V128 =>
    op(
      "i32x4.trunc_sat_f64x2_s_zero",
      op(
        rounding,
        op("f64x2.div", op("f64x2.convert_low_i32x4_s", x), op("f64x2.convert_low_i32x4_s", y)),
      ),
    );
  const upper = (x: V128): V128 => shuffle(x, x, [2, 3, 2, 3]);
  const all = shuffle(two(a, b), two(upper(a), upper(b)), [0, 1, 4, 5]);
  const divided = op("v128.andnot", all, op("i32x4.eq", b, f.words(0)));
  return choose(op("i32x4.eq", b, f.words(-1)), op("i32x4.neg", a), divided);
}

/** The exponent of a positive power of two below 2^31, else null. */
function shiftOf({ literal }: LaneOperand): number | null {
  const shift = literal === null || literal < 1 ? 0.5 : Math.log2(literal);
  return Number.isInteger(shift) ? shift : null;
}

/** a, plus 2^shift - 1 where a is negative: what a shift must start from to round towards 0. */
const towardsZero = (a: V128, shift: number): V128 =>
  shift === 0
    ? a
    : op("i32x4.add", a, op("i32x4.shr_u", op("i32x4.shr_s", a, i32(31)), i32(32 - shift)));

const floorDiv: LaneForm = ({ f }, args) => {
  const [a, b] = [operand(args, 0), operand(args, 1)];
  const shift = shiftOf(b);
  return shift === null
    ? quotient(f, "f64x2.floor", a.lanes, b.lanes)
    : op("i32x4.shr_s", a.lanes, i32(shift));
};

const truncDiv: LaneForm = ({ f }, args) => {
  const [a, b] = [operand(args, 0), operand(args, 1)];
  const shift = shiftOf(b);
  return shift === null
    ? quotient(f, "f64x2.trunc", a.lanes, b.lanes)
    : op("i32x4.shr_s", towardsZero(a.lanes, shift), i32(shift));
};

/** a - trunc(a / b) * b; 0 where b is 0. */
const rem: LaneForm = ({ f }, args) => {
  const [a, b] = [operand(args, 0), operand(args, 1)];
  const shift = shiftOf(b);
  if (shift !== null) {
    const whole = op("v128.and", towardsZero(a.lanes, shift), f.words(-(2 ** shift)));
    return op("i32x4.sub", a.lanes, whole);
  }
  const whole = op("i32x4.mul", quotient(f, "f64x2.trunc", a.lanes, b.lanes), b.lanes);
  return op("v128.andnot", op("i32x4.sub", a.lanes, whole), op("i32x4.eq", b.lanes, f.words(0)));
};

const shifts = {
  "i32x4.shl": "i32.shl",
  "i32x4.shr_s": "i32.shr_s",
  "i32x4.shr_u": "i32.shr_u",
} as const;

/** Lane shifts take one count for all lanes; counts that differ are taken lane by lane. */
const shift =
  (name: keyof typeof shifts): LaneForm =>
  ({ f }, args) => {
    const [a, by] = [operand(args, 0), operand(args, 1)];
    if (by.scalar !== null) return op(name, a.lanes, by.scalar);
    const result = f.let("shifted", a.lanes);
    for (const lane of [0, 1, 2, 3]) {
      const value = op(
        shifts[name],
        extractLane("i32x4", a.lanes, lane),
        extractLane("i32x4", by.lanes, lane),
      );
      f.set(result, replaceLane("i32x4", result, lane, value));
    }
    return result;
  };

const select: LaneForm = (_, args) =>
  choose(operand(args, 0).lanes, operand(args, 1).lanes, operand(args, 2).lanes);

/** All ones as -1: the integer 1. */
const bit: LaneForm = ({ f }, args) => op("v128.and", operand(args, 0).lanes, f.words(1));

const laneForms: { readonly [K in OperatorOp]: LaneForms } = {
  add: { f32: binary("f32x4.add"), i32: binary("i32x4.add") },
  sub: { f32: binary("f32x4.sub"), i32: binary("i32x4.sub") },
  mul: { f32: binary("f32x4.mul"), i32: binary("i32x4.mul") },
  div: { f32: binary("f32x4.div") },
  rem: { ...slow("rem", 2), i32: rem },
  neg: { f32: unary("f32x4.neg"), i32: unary("i32x4.neg") },
  abs: { f32: unary("f32x4.abs"), i32: unary("i32x4.abs") },
  sign,
  min: { f32: binary("f32x4.min"), i32: binary("i32x4.min_s") },
  max: { f32: binary("f32x4.max"), i32: binary("i32x4.max_s") },
  floorDiv: inWords(floorDiv),
  truncDiv: inWords(truncDiv),
  imul: inWords(binary("i32x4.mul")),

  bitAnd: inWords(binary("v128.and")),
  bitOr: inWords(binary("v128.or")),
  bitXor: inWords(binary("v128.xor")),
  bitNot: inWords((_, args) => op("v128.not", operand(args, 0).lanes)),
  shl: inWords(shift("i32x4.shl")),
  shr: inWords(shift("i32x4.shr_s")),
  ushr: inWords(shift("i32x4.shr_u")),

  floor: inFloat("f32x4.floor"),
  ceil: inFloat("f32x4.ceil"),
  round: { f32: round },
  trunc: inFloat("f32x4.trunc"),

  sqrt: inFloat("f32x4.sqrt"),
  cbrt: slow("cbrt"),
  exp: math(exp),
  expm1: math(expm1),
  log: math(log),
  log1p: math(log1p),
  log2: math(log2),
  log10: math(log10),
  pow: math(pow),
  hypot: slow("hypot", 2),
  sin: math(sin),
  cos: math(cos),
  tan: math(tan),
  asin: slow("asin"),
  acos: slow("acos"),
  atan: slow("atan"),
  atan2: slow("atan2", 2),
  sinh: slow("sinh"),
  cosh: slow("cosh"),
  tanh: math(tanh),
  asinh: slow("asinh"),
  acosh: slow("acosh"),
  atanh: slow("atanh"),

  lt: { f32: binary("f32x4.lt"), i32: binary("i32x4.lt_s") },
  le: { f32: binary("f32x4.le"), i32: binary("i32x4.le_s") },
  eq: { f32: binary("f32x4.eq"), i32: binary("i32x4.eq"), bool: binary("i32x4.eq") },
  ne: { f32: binary("f32x4.ne"), i32: binary("i32x4.ne"), bool: binary("v128.xor") },

  and: inBits(binary("v128.and")),
  or: inBits(binary("v128.or")),
  not: inBits((_, args) => op("v128.not", operand(args, 0).lanes)),
  select: inBits(select),

  toF32: {
    i32: (_, args) => op("f32x4.convert_i32x4_s", operand(args, 0).lanes),
    bool: ({ f }, args) => op("v128.and", operand(args, 0).lanes, f.lanes(1)),
  },
  toI32: {
    f32: (_, args) => op("i32x4.trunc_sat_f32x4_s", operand(args, 0).lanes),
    bool: bit,
  },
};

/** The form of a node with operands (not a leaf, not a load). */
export function laneForm(node: Node): LaneForm {
  const type = node.args[0]?.type ?? node.type;
  const form = laneForms[node.op as OperatorOp][type];
  if (form === undefined) throw internalError(`${node.op} of ${type} has no lane form`);
  return form;
}
