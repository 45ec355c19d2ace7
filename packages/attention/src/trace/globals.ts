/** The global names that a score or mask function may use without capturing them. */
import type { Builder } from "../ir/builder.ts";
import { and } from "./choose.ts";
import { scalarType, toCondition, toNumber } from "./coerce.ts";
import type { Site } from "./site.ts";
import { insteadOfNumber } from "./instead.ts";
import { checkArity, mathRecord } from "./math.ts";
import { compare, staticNumber } from "./numbers.ts";
import type { Num } from "./numbers.ts";
import { conditionValue, staticValue, undefinedValue } from "./values.ts";
import type { CallableValue, Condition, Value } from "./values.ts";

type NumberTest = (builder: Builder, num: Num) => Condition;

const isNaNumber: NumberTest = (builder, num) => {
  if (num.kind === "static") return Number.isNaN(num.value);
  return num.node.type === "i32" ? false : builder.make("ne", num.node, num.node);
};

const isFiniteNumber: NumberTest = (builder, num) => {
  if (num.kind === "static") return Number.isFinite(num.value);
  if (num.node.type === "i32") return true;
  const size: Num = { kind: "scalar", node: builder.make("abs", num.node) };
  return compare(builder, "lt", size, staticNumber(Infinity));
};

const isIntegerNumber: NumberTest = (builder, num) => {
  if (num.kind === "static") return Number.isInteger(num.value);
  if (num.node.type === "i32") return true;
  const isWhole = builder.make("eq", num.node, builder.make("trunc", num.node));
  return and(builder, isWhole, isFiniteNumber(builder, num));
};

/** A function of one argument. */
function unaryFunction(
  title: string,
  apply: (arg: Value, site: Site) => Value,
  member?: CallableValue["member"],
): CallableValue {
  const call = (args: readonly Value[], site: Site): Value => {
    checkArity(title, 1, args, site);
    return apply(args[0] ?? undefinedValue, site);
  };
  return { kind: "callable", title, call, ...(member === undefined ? {} : { member }) };
}

/** The global `isNaN(x)` converts a boolean. */
const converting = (builder: Builder, title: string, test: NumberTest): CallableValue =>
  unaryFunction(title, (arg, site) => conditionValue(test(builder, toNumber(builder, arg, site))));

/** `Number.isNaN(x)` is false for a boolean. */
const strict = (builder: Builder, title: string, test: NumberTest): CallableValue =>
  unaryFunction(title, (arg, site) => {
    const num = toNumber(builder, arg, site);
    return scalarType(arg) === "boolean" ? staticValue(false) : conditionValue(test(builder, num));
  });

const { EPSILON, MAX_SAFE_INTEGER, MAX_VALUE, MIN_SAFE_INTEGER, MIN_VALUE } = Number;
const numberConstants: ReadonlyMap<string, number> = new Map(
  Object.entries({
    EPSILON,
    MAX_SAFE_INTEGER,
    MAX_VALUE,
    MIN_SAFE_INTEGER,
    MIN_VALUE,
    NaN: Number.NaN,
    NEGATIVE_INFINITY: Number.NEGATIVE_INFINITY,
    POSITIVE_INFINITY: Number.POSITIVE_INFINITY,
  }),
);

function numberFunction(builder: Builder): CallableValue {
  const functions: ReadonlyMap<string, CallableValue> = new Map([
    ["isNaN", strict(builder, "Number.isNaN", isNaNumber)],
    ["isFinite", strict(builder, "Number.isFinite", isFiniteNumber)],
    ["isInteger", strict(builder, "Number.isInteger", isIntegerNumber)],
  ]);
  const member = (name: string): Value | null => {
    const constant = numberConstants.get(name);
    return constant === undefined ? (functions.get(name) ?? null) : staticValue(constant);
  };
  const hint = (name: string): string | undefined => insteadOfNumber.get(name);
  return { ...unaryFunction("Number", (arg, site) => toNumber(builder, arg, site), member), hint };
}

/** What a name means that the function does not declare, or null: a free variable. */
export type Globals = ReadonlyMap<string, Value>;

export function globalsOf(builder: Builder): Globals {
  const toBoolean = (arg: Value, site: Site): Value =>
    conditionValue(toCondition(builder, arg, site));
  return new Map<string, Value>([
    ["undefined", undefinedValue],
    ["Infinity", staticValue(Infinity)],
    ["NaN", staticValue(NaN)],
    ["Math", mathRecord(builder)],
    ["Number", numberFunction(builder)],
    ["Boolean", unaryFunction("Boolean", toBoolean)],
    ["isNaN", converting(builder, "isNaN", isNaNumber)],
    ["isFinite", converting(builder, "isFinite", isFiniteNumber)],
  ]);
}
