/** `Math`: one row per function. */
import type { Builder, OperatorOp } from "../ir/builder.ts";
import type { MathOp, RoundingOp } from "../ir/types.ts";
import { toNumber } from "./coerce.ts";
import { insteadOfMath } from "./instead.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import { arithmetic, asFloat, asInteger, power, staticNumber, toInt32 } from "./numbers.ts";
import type { Num } from "./numbers.ts";
import { scalarValue, staticValue } from "./values.ts";
import type { CallableValue, RecordValue, Value } from "./values.ts";

/** A function of numbers: `fold` where all are known, else `lower`. */
interface MathRow {
  readonly arity: number | "any";
  readonly fold: (...args: number[]) => number;
  readonly lower: (builder: Builder, args: readonly Num[]) => Num;
}

const zero = staticNumber(0);

const inFloat = (op: MathOp | RoundingOp, arity: number, fold: MathRow["fold"]): MathRow => ({
  arity,
  fold,
  lower: (builder, args) =>
    scalarValue(builder.make(op, ...args.map((arg) => asFloat(builder, arg)))),
});

const keepsType = (op: OperatorOp, fold: MathRow["fold"]): MathRow => ({
  arity: 1,
  fold,
  lower: (builder, [a = zero]) =>
    scalarValue(builder.make(op, asInteger(builder, a) ?? asFloat(builder, a))),
});

/** An operation on two numbers, over any number of them from the left. */
const inTurn = (op: OperatorOp, fold: MathRow["fold"]): MathRow => ({
  arity: "any",
  fold,
  lower: (builder, args) => args.reduce((a, b) => arithmetic(builder, op, a, b)),
});

type IntegerDivision = (builder: Builder, a: Num, b: Num) => Num;

const whole =
  (op: "floorDiv" | "truncDiv"): IntegerDivision =>
  (builder, a, b) =>
    arithmetic(builder, op, a, b);

/** ceil(a / b) = -floor(-a / b). */
const ceilDivision: IntegerDivision = (builder, a, b) => {
  const negative = scalarValue(builder.make("neg", asInteger(builder, a) ?? asFloat(builder, a)));
  const floor = arithmetic(builder, "floorDiv", negative, b);
  return floor.kind === "static" ? floor : scalarValue(builder.make("neg", floor.node));
};

/** round(a / b) = floor(a / b + 1/2) = floor((2 a + b) / 2 b). */
const roundDivision: IntegerDivision = (builder, a, b) => {
  const two = staticNumber(2);
  const dividend = arithmetic(builder, "add", arithmetic(builder, "mul", a, two), b);
  return arithmetic(builder, "floorDiv", dividend, arithmetic(builder, "mul", b, two));
};

/** Rounding leaves an integer alone, and makes an exact integer division of a quotient. */
const rounding = (op: RoundingOp, fold: MathRow["fold"], division: IntegerDivision): MathRow => ({
  arity: 1,
  fold,
  lower: (builder, [num = zero]) => {
    if (num.kind === "scalar" && num.quotient !== undefined) {
      const [a, b] = num.quotient;
      return division(builder, scalarValue(a), scalarValue(b));
    }
    const integer = asInteger(builder, num);
    return scalarValue(integer ?? builder.make(op, asFloat(builder, num)));
  },
});

const mathRows: Readonly<Record<string, MathRow>> = {
  abs: keepsType("abs", Math.abs),
  sign: keepsType("sign", Math.sign),
  min: inTurn("min", Math.min),
  max: inTurn("max", Math.max),
  floor: rounding("floor", Math.floor, whole("floorDiv")),
  trunc: rounding("trunc", Math.trunc, whole("truncDiv")),
  ceil: rounding("ceil", Math.ceil, ceilDivision),
  round: rounding("round", Math.round, roundDivision),
  hypot: {
    arity: "any",
    fold: Math.hypot,
    lower: (builder, [first = zero, ...rest]) =>
      rest.length === 0
        ? scalarValue(builder.make("abs", asFloat(builder, first)))
        : rest.reduce(
            (a, b) => scalarValue(builder.make("hypot", asFloat(builder, a), asFloat(builder, b))),
            first,
          ),
  },
  pow: { arity: 2, fold: Math.pow, lower: (builder, [a = zero, b = zero]) => power(builder, a, b) },
  imul: {
    arity: 2,
    fold: Math.imul,
    lower: (builder, args) =>
      scalarValue(builder.make("imul", ...args.map((arg) => toInt32(builder, arg)))),
  },
  fround: {
    arity: 1,
    fold: Math.fround,
    lower: (builder, [a = zero]) => scalarValue(builder.single(asFloat(builder, a))),
  },
  sqrt: inFloat("sqrt", 1, Math.sqrt),
  cbrt: inFloat("cbrt", 1, Math.cbrt),
  exp: inFloat("exp", 1, Math.exp),
  expm1: inFloat("expm1", 1, Math.expm1),
  log: inFloat("log", 1, Math.log),
  log1p: inFloat("log1p", 1, Math.log1p),
  log2: inFloat("log2", 1, Math.log2),
  log10: inFloat("log10", 1, Math.log10),
  sin: inFloat("sin", 1, Math.sin),
  cos: inFloat("cos", 1, Math.cos),
  tan: inFloat("tan", 1, Math.tan),
  asin: inFloat("asin", 1, Math.asin),
  acos: inFloat("acos", 1, Math.acos),
  atan: inFloat("atan", 1, Math.atan),
  atan2: inFloat("atan2", 2, Math.atan2),
  sinh: inFloat("sinh", 1, Math.sinh),
  cosh: inFloat("cosh", 1, Math.cosh),
  tanh: inFloat("tanh", 1, Math.tanh),
  asinh: inFloat("asinh", 1, Math.asinh),
  acosh: inFloat("acosh", 1, Math.acosh),
  atanh: inFloat("atanh", 1, Math.atanh),
};

/** Refuses a call with another number of arguments than the function takes. */
export function checkArity(
  title: string,
  arity: number | "any",
  args: readonly Value[],
  site: Site,
): void {
  if (arity === "any" || args.length === arity) return;
  const noun = arity === 1 ? "argument" : "arguments";
  fail(site, `${title} takes ${arity} ${noun} and gets ${args.length}`, `Pass ${arity} ${noun}.`);
}

function mathFunction(builder: Builder, name: string, row: MathRow): CallableValue {
  const title = `Math.${name}`;
  const call = (args: readonly Value[], site: Site): Value => {
    checkArity(title, row.arity, args, site);
    const nums = args.map((arg) => toNumber(builder, arg, site));
    const known = nums.flatMap((num) => (num.kind === "static" ? [num.value] : []));
    return known.length === nums.length
      ? staticValue(row.fold(...known))
      : row.lower(builder, nums);
  };
  return { kind: "callable", title, call };
}

const { E, LN10, LN2, LOG10E, LOG2E, PI, SQRT1_2, SQRT2 } = Math;
const mathConstants: ReadonlyMap<string, number> = new Map(
  Object.entries({ E, LN10, LN2, LOG10E, LOG2E, PI, SQRT1_2, SQRT2 }),
);

/** The global `Math`: `Math.random`, which is not a function of its arguments, is not there. */
export function mathRecord(builder: Builder): RecordValue {
  const get = (name: string): Value | null => {
    const constant = mathConstants.get(name);
    if (constant !== undefined) return staticValue(constant);
    const row = Object.hasOwn(mathRows, name) ? mathRows[name] : undefined;
    return row === undefined ? null : mathFunction(builder, name, row);
  };
  const names = [...Object.keys(mathRows), ...mathConstants.keys()];
  const hint = (name: string): string => insteadOfMath.get(name) ?? "";
  return { kind: "record", title: "Math", names, get, hint };
}
