/** Conditions, and one of two values by a condition. */
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/types.ts";
import { selectNumber } from "./numbers.ts";
import type { Num } from "./numbers.ts";
import { conditionValue, sameValue } from "./values.ts";
import type { Condition, Value } from "./values.ts";

export function not(builder: Builder, a: Condition): Condition {
  if (typeof a === "boolean") return !a;
  return a.op === "not" && a.args[0] !== undefined ? a.args[0] : builder.make("not", a);
}

/** Whether one is the negation of the other. */
const areOpposite = (a: Node, b: Node): boolean =>
  (a.op === "not" && a.args[0] === b) || (b.op === "not" && b.args[0] === a);

export function and(builder: Builder, a: Condition, b: Condition): Condition {
  if (typeof a === "boolean") return a && b;
  if (typeof b === "boolean") return b && a;
  if (areOpposite(a, b)) return false;
  return a === b ? a : builder.make("and", a, b);
}

export function or(builder: Builder, a: Condition, b: Condition): Condition {
  if (typeof a === "boolean") return a || b;
  if (typeof b === "boolean") return b || a;
  if (areOpposite(a, b)) return true;
  return a === b ? a : builder.make("or", a, b);
}

export function selectCondition(builder: Builder, c: Node, a: Condition, b: Condition): Condition {
  if (a === b) return a;
  if (typeof a === "boolean") return a ? or(builder, c, b) : and(builder, not(builder, c), b);
  if (typeof b === "boolean") return b ? or(builder, not(builder, c), a) : and(builder, c, a);
  return builder.make("select", c, a, b);
}

function asCondition(value: Value): Condition | null {
  if (value.kind === "static") return typeof value.value === "boolean" ? value.value : null;
  return value.kind === "scalar" && value.node.type === "bool" ? value.node : null;
}

function asNumber(value: Value): Num | null {
  if (value.kind === "static") {
    return typeof value.value === "number" ? { kind: "static", value: value.value } : null;
  }
  return value.kind === "scalar" && value.node.type !== "bool" ? value : null;
}

/** `condition ? yes : no`: one scalar where the two have a type in common, else a choice to be made later. */
export function choose(builder: Builder, condition: Node, yes: Value, no: Value): Value {
  if (sameValue(yes, no)) return yes;
  const conditions = [asCondition(yes), asCondition(no)] as const;
  if (conditions[0] !== null && conditions[1] !== null) {
    return conditionValue(selectCondition(builder, condition, conditions[0], conditions[1]));
  }
  const numbers = [asNumber(yes), asNumber(no)] as const;
  if (numbers[0] !== null && numbers[1] !== null) {
    return selectNumber(builder, condition, numbers[0], numbers[1]);
  }
  return { kind: "choice", condition, yes, no };
}
