/** The operators of JavaScript on traced values: one row each. */
import type { BinaryOperator, UnaryOperator } from "acorn";
import type { Builder, OperatorOp } from "../ir/builder.ts";
import { choose, not } from "./choose.ts";
import { scalarType, toCondition, toNumber } from "./coerce.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import { arithmetic, compare, divide, negate, power, toInt32 } from "./numbers.ts";
import type { Comparison, Num } from "./numbers.ts";
import { conditionValue, describeValue, scalarValue, staticValue } from "./values.ts";
import type { ChoiceValue, Condition, NothingValue, Value } from "./values.ts";

type Relation = "<" | "<=" | ">" | ">=";
type Equality = "===" | "!==" | "==" | "!=";

/** An operator on two numbers: folded in double precision where both are known, else lowered. */
interface NumericRow {
  readonly fold: (a: number, b: number) => number;
  readonly lower: (builder: Builder, a: Num, b: Num) => Num;
}

const keepsIntegers =
  (op: OperatorOp): NumericRow["lower"] =>
  (builder, a, b) =>
    arithmetic(builder, op, a, b);

const onBits =
  (op: OperatorOp): NumericRow["lower"] =>
  (builder, a, b) =>
    scalarValue(builder.make(op, toInt32(builder, a), toInt32(builder, b)));

type NumericOperator = Exclude<BinaryOperator, Relation | Equality | "in" | "instanceof">;

const numeric: { readonly [K in NumericOperator]: NumericRow } = {
  "+": { fold: (a, b) => a + b, lower: keepsIntegers("add") },
  "-": { fold: (a, b) => a - b, lower: keepsIntegers("sub") },
  "*": { fold: (a, b) => a * b, lower: keepsIntegers("mul") },
  "/": { fold: (a, b) => a / b, lower: divide },
  "%": { fold: (a, b) => a % b, lower: keepsIntegers("rem") },
  "**": { fold: (a, b) => a ** b, lower: power },
  "&": { fold: (a, b) => a & b, lower: onBits("bitAnd") },
  "|": { fold: (a, b) => a | b, lower: onBits("bitOr") },
  "^": { fold: (a, b) => a ^ b, lower: onBits("bitXor") },
  "<<": { fold: (a, b) => a << b, lower: onBits("shl") },
  ">>": { fold: (a, b) => a >> b, lower: onBits("shr") },
  ">>>": { fold: (a, b) => a >>> b, lower: onBits("ushr") },
};

const relations: {
  readonly [K in Relation]: { readonly op: Comparison; readonly swapped: boolean };
} = {
  "<": { op: "lt", swapped: false },
  "<=": { op: "le", swapped: false },
  ">": { op: "lt", swapped: true },
  ">=": { op: "le", swapped: true },
};

const equalities: {
  readonly [K in Equality]: { readonly strict: boolean; readonly negated: boolean };
} = {
  "===": { strict: true, negated: false },
  "!==": { strict: true, negated: true },
  "==": { strict: false, negated: false },
  "!=": { strict: false, negated: true },
};

const has = <T extends object>(table: T, key: PropertyKey): key is keyof T =>
  Object.hasOwn(table, key);

/** A value, and where it is written. */
export interface Operand {
  readonly value: Value;
  readonly site: Site;
}

const numberOf = (builder: Builder, { value, site }: Operand): Num =>
  toNumber(builder, value, site);

function applyNumeric(builder: Builder, row: NumericRow, a: Operand, b: Operand): Value {
  const x = numberOf(builder, a);
  const y = numberOf(builder, b);
  const known = x.kind === "static" && y.kind === "static";
  return known ? staticValue(row.fold(x.value, y.value)) : row.lower(builder, x, y);
}

function equalConditions(builder: Builder, x: Condition, y: Condition): Condition {
  if (typeof x === "boolean") return typeof y === "boolean" ? x === y : x ? y : not(builder, y);
  if (typeof y === "boolean") return y ? x : not(builder, x);
  return builder.make("eq", x, y);
}

const isNothing = (value: Value): value is NothingValue => value.kind === "nothing";

/** The equality of a choice is the choice between two equalities. */
function equalChoice(
  builder: Builder,
  strict: boolean,
  choice: ChoiceValue,
  site: Site,
  other: Operand,
): Value {
  const yes = equal(builder, strict, { value: choice.yes, site }, other);
  const no = equal(builder, strict, { value: choice.no, site }, other);
  return choose(builder, choice.condition, yes, no);
}

/** `===` and `==` of numbers and booleans. A boolean is never `===` a number. */
function equal(builder: Builder, strict: boolean, a: Operand, b: Operand): Value {
  if (a.value.kind === "choice") return equalChoice(builder, strict, a.value, a.site, b);
  if (b.value.kind === "choice") return equalChoice(builder, strict, b.value, b.site, a);
  if (isNothing(a.value) || isNothing(b.value)) {
    const both = isNothing(a.value) && isNothing(b.value);
    return staticValue(both && (!strict || a.value.text === b.value.text));
  }
  const types = [scalarType(a.value), scalarType(b.value)];
  if (types.every((type) => type === "boolean")) {
    const x = toCondition(builder, a.value, a.site);
    return conditionValue(equalConditions(builder, x, toCondition(builder, b.value, b.site)));
  }
  const [x, y] = [numberOf(builder, a), numberOf(builder, b)];
  if (strict && types[0] !== types[1]) return staticValue(false);
  return conditionValue(compare(builder, "eq", x, y));
}

function logicalNot(builder: Builder, value: Value, site: Site): Value {
  return conditionValue(not(builder, toCondition(builder, value, site)));
}

/** `a op b`. */
export function applyBinary(
  builder: Builder,
  operator: string,
  a: Operand,
  b: Operand,
  site: Site,
): Value {
  if (has(numeric, operator)) return applyNumeric(builder, numeric[operator], a, b);
  if (has(relations, operator)) {
    const { op, swapped } = relations[operator];
    const [x, y] = [numberOf(builder, a), numberOf(builder, b)];
    return conditionValue(swapped ? compare(builder, op, y, x) : compare(builder, op, x, y));
  }
  if (has(equalities, operator)) {
    const { strict, negated } = equalities[operator];
    const same = equal(builder, strict, a, b);
    return negated ? logicalNot(builder, same, site) : same;
  }
  return fail(
    site,
    `\`${operator}\` has no meaning in a kernel`,
    "Use arithmetic and comparisons.",
  );
}

type UnaryRow = (builder: Builder, value: Value, site: Site) => Value;

const onNumber =
  (fold: (a: number) => number, lower: (builder: Builder, num: Num) => Num): UnaryRow =>
  (builder, value, site) => {
    const num = toNumber(builder, value, site);
    return num.kind === "static" ? staticValue(fold(num.value)) : lower(builder, num);
  };

const unary: { readonly [K in Exclude<UnaryOperator, "void" | "typeof" | "delete">]: UnaryRow } = {
  "!": logicalNot,
  "+": onNumber(
    (a) => a,
    (_, num) => num,
  ),
  "-": onNumber(
    (a) => -a,
    (builder, num) => (num.kind === "static" ? num : negate(builder, num)),
  ),
  "~": onNumber(
    (a) => ~a,
    (builder, num) => scalarValue(builder.make("bitNot", toInt32(builder, num))),
  ),
};

/** `op a`, for the operators that have a meaning in a kernel. */
export function applyUnary(builder: Builder, operator: string, value: Value, site: Site): Value {
  if (has(unary, operator)) return unary[operator](builder, value, site);
  const got = describeValue(value);
  return fail(site, `\`${operator}\` of ${got} has no meaning in a kernel`, "Leave it out.");
}

/** Whether `a op= b` is arithmetic: every compound assignment but `&&=`, `||=` and `??=`. */
export const isNumericOperator = (operator: string): operator is NumericOperator =>
  has(numeric, operator);
