/**
 * What an expression of the user's function is worth while it is traced.
 *
 * - *static*: known now, exact in double precision, as the minifier or the engine would fold it.
 * - *scalar*: a node of the graph, known only in the kernel.
 * - *choice*: one of two values that have no common type, by a condition known only in the kernel;
 *   it becomes one scalar where it is used (`false && 5` is 0 in a sum), and is refused where it cannot.
 */
import type { Node, ScalarType } from "../ir/types.ts";
import type { Site } from "./site.ts";
import type { FunctionNode, Source } from "./source.ts";

export interface StaticValue {
  readonly kind: "static";
  readonly value: number | boolean;
}

export interface ScalarValue {
  readonly kind: "scalar";
  readonly node: Node;
  /** For a division of integers: dividend and divisor, from which floor, trunc and `| 0` are exact. */
  readonly quotient?: readonly [Node, Node];
}

/** A captured tensor with the first `indices.length` of its dimensions indexed, but not all. */
export interface TensorValue {
  readonly kind: "tensor";
  readonly name: string;
  readonly rank: number;
  readonly type: ScalarType;
  readonly indices: readonly Node[];
}

export interface RecordValue {
  readonly kind: "record";
  /** For messages: `the position`, `the captures`, `Math`. */
  readonly title: string;
  readonly names: readonly string[];
  /** A fresh read of one property; null where there is none. */
  readonly get: (name: string) => Value | null;
  /** What may be meant by a name that is not there. */
  readonly hint?: (name: string) => string;
}

export interface ListValue {
  readonly kind: "list";
  readonly items: readonly Value[];
}

export interface CallableValue {
  readonly kind: "callable";
  readonly title: string;
  readonly call: (args: readonly Value[], site: Site) => Value;
  /** The text, where the user wrote it. */
  readonly text?: { readonly source: Source; readonly node: FunctionNode };
  /** Its properties: `Number.isNaN`. */
  readonly member?: (name: string) => Value | null;
  /** What to write in place of a property that is not there. */
  readonly hint?: (name: string) => string | undefined;
}

export interface ChoiceValue {
  readonly kind: "choice";
  readonly condition: Node;
  readonly yes: Value;
  readonly no: Value;
}

/** A string: only ever a property key. */
export interface TextValue {
  readonly kind: "text";
  readonly value: string;
}

/** `undefined` or `null`. */
export interface NothingValue {
  readonly kind: "nothing";
  readonly text: "undefined" | "null";
}

export type Value =
  | StaticValue
  | ScalarValue
  | TensorValue
  | RecordValue
  | ListValue
  | CallableValue
  | ChoiceValue
  | TextValue
  | NothingValue;

/** Known now, or a bool node. */
export type Condition = boolean | Node;

export const undefinedValue: NothingValue = { kind: "nothing", text: "undefined" };

export const nullValue: NothingValue = { kind: "nothing", text: "null" };

export const staticValue = (value: number | boolean): StaticValue => ({ kind: "static", value });

export const scalarValue = (node: Node): ScalarValue => ({ kind: "scalar", node });

export const conditionValue = (condition: Condition): StaticValue | ScalarValue =>
  typeof condition === "boolean" ? staticValue(condition) : scalarValue(condition);

/** Whether the two are the same value, so that no select is needed between them. */
export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind === "static" && b.kind === "static") return Object.is(a.value, b.value);
  return a.kind === "scalar" && b.kind === "scalar" && a.node === b.node;
}

const kindNames: { readonly [K in Value["kind"]]: string } = {
  static: "a number",
  scalar: "a number",
  tensor: "a captured tensor",
  record: "an object",
  list: "an array",
  callable: "a function",
  choice: "a value of two types",
  text: "a string",
  nothing: "nothing",
};

const isBoolean = (value: Value): boolean =>
  (value.kind === "static" && typeof value.value === "boolean") ||
  (value.kind === "scalar" && value.node.type === "bool");

/** For messages: `a boolean`, `a function`. */
export function describeValue(value: Value): string {
  if (isBoolean(value)) return "a boolean";
  if (value.kind !== "choice") return kindNames[value.kind];
  return `${describeValue(value.yes)} on one path and ${describeValue(value.no)} on another`;
}
