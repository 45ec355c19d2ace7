/** Conditions, and one of two values by a condition. */
import type { Builder } from "../ir/builder.ts";
import { simplify } from "../ir/simplify.ts";
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

/**
 * What is left of a choice on a path, null where nothing is: what a path cannot reach is dropped, so that
 * `q > kv ? a : q <= kv ? b : undefined` is never undefined.
 */
function reachable(builder: Builder, value: Value, path: Condition): Value | null {
  if (value.kind !== "choice" && value.kind !== "nothing") return value;
  if (path === false || (path !== true && simplify(path).attr === false)) return null;
  if (value.kind === "nothing") return value;
  const { condition } = value;
  const yes = reachable(builder, value.yes, and(builder, path, condition));
  const no = reachable(builder, value.no, and(builder, path, not(builder, condition)));
  if (yes === null || no === null) return yes ?? no;
  return yes === value.yes && no === value.no ? value : choose(builder, condition, yes, no);
}

/** `condition ? yes : no`: one scalar where the two have a type in common, else a choice to be made later. */
export function choose(
  builder: Builder,
  condition: Node,
  whenTrue: Value,
  whenFalse: Value,
): Value {
  if (sameValue(whenTrue, whenFalse)) return whenTrue;
  const yes = reachable(builder, whenTrue, condition);
  const no = reachable(builder, whenFalse, not(builder, condition));
  if (yes === null || no === null) return yes ?? no ?? whenTrue;
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
