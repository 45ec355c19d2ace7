/** The operators of JavaScript on traced values: one row each. */
import type { BinaryOperator, UnaryOperator } from "acorn";
import type { Builder, OperatorOp } from "../ir/builder.ts";
import { choose, not } from "./choose.ts";
import { isBoolean, toCondition, toNumber } from "./coerce.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import { arithmetic, compare, divide, power, toInt32 } from "./numbers.ts";
import type { Comparison, Num } from "./numbers.ts";
import { conditionValue, describeValue, scalarValue, staticValue } from "./values.ts";
import type { Condition, Value } from "./values.ts";

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

function refuseText(a: Value, b: Value, site: Site): void {
  if (a.kind !== "text" && b.kind !== "text") return;
  fail(site, "This is a string", "Use numbers and booleans; a string can only name a property.");
}

function applyNumeric(
  builder: Builder,
  row: NumericRow,
  a: Value,
  b: Value,
  site: Site,
): Value {
  const x = toNumber(builder, a, site);
  const y = toNumber(builder, b, site);
  const known = x.kind === "static" && y.kind === "static";
  return known ? staticValue(row.fold(x.value, y.value)) : row.lower(builder, x, y);
}

function equalConditions(builder: Builder, x: Condition, y: Condition): Condition {
  if (typeof x === "boolean") return typeof y === "boolean" ? x === y : x ? y : not(builder, y);
  if (typeof y === "boolean") return y ? x : not(builder, x);
  return builder.make("eq", x, y);
}

/** `===` and `==` of numbers and booleans. A boolean is never `===` a number. */
function equal(builder: Builder, strict: boolean, a: Value, b: Value, site: Site): Value {
  for (const [one, other, flip] of [[a, b, false], [b, a, true]] as const) {
    if (one.kind !== "choice") continue;
    const test = (value: Value): Value =>
      flip ? equal(builder, strict, other, value, site) : equal(builder, strict, value, other, site);
    return choose(builder, one.condition, test(one.yes), test(one.no));
  }
  const [x, y] = [isBoolean(a), isBoolean(b)];
  if (x === true && y === true) {
    const conditions = [toCondition(builder, a, site), toCondition(builder, b, site)] as const;
    return conditionValue(equalConditions(builder, ...conditions));
  }
  const numbers = [toNumber(builder, a, site), toNumber(builder, b, site)] as const;
  if (strict && x !== y) return staticValue(false);
  return conditionValue(compare(builder, "eq", ...numbers));
}

function negate(builder: Builder, value: Value, site: Site): Value {
  return conditionValue(not(builder, toCondition(builder, value, site)));
}

/** `a op b`. */
export function applyBinary(
  builder: Builder,
  operator: string,
  a: Value,
  b: Value,
  site: Site,
): Value {
  refuseText(a, b, site);
  if (has(numeric, operator)) return applyNumeric(builder, numeric[operator], a, b, site);
  if (has(relations, operator)) {
    const { op, swapped } = relations[operator];
    const x = toNumber(builder, a, site);
    const y = toNumber(builder, b, site);
    return conditionValue(swapped ? compare(builder, op, y, x) : compare(builder, op, x, y));
  }
  if (has(equalities, operator)) {
    const { strict, negated } = equalities[operator];
    const same = equal(builder, strict, a, b, site);
    return negated ? negate(builder, same, site) : same;
  }
  return fail(site, `\`${operator}\` has no meaning in a kernel`, "Use arithmetic and comparisons.");
}

type UnaryRow = (builder: Builder, value: Value, site: Site) => Value;

const onNumber =
  (fold: (a: number) => number, lower: (builder: Builder, num: Num) => Num): UnaryRow =>
  (builder, value, site) => {
    const num = toNumber(builder, value, site);
    return num.kind === "static" ? staticValue(fold(num.value)) : lower(builder, num);
  };

const unary: { readonly [K in Exclude<UnaryOperator, "void" | "typeof" | "delete">]: UnaryRow } = {
  "!": negate,
  "+": onNumber(
    (a) => a,
    (_, num) => num,
  ),
  "-": onNumber(
    (a) => -a,
    (builder, num) =>
      num.kind === "static" ? num : scalarValue(builder.make("neg", num.node)),
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
