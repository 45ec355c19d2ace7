/** Values as numbers, conditions and indices, as JavaScript converts them; with an error where it should not. */
import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/types.ts";
import { and, choose, selectCondition } from "./choose.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import { asFloat, asInteger, selectNumber, staticNumber } from "./numbers.ts";
import type { Num } from "./numbers.ts";
import { describeValue } from "./values.ts";
import type { Condition, TensorValue, Value } from "./values.ts";

const letters = ["i", "j", "k", "l", "m", "n"];

/** `bias[i][j][k]`: how to index all dimensions. */
export const fullyIndexed = (name: string, rank: number): string =>
  name + Array.from({ length: rank }, (_, axis) => `[${letters[axis] ?? "i"}]`).join("");

export const dimensions = (rank: number): string => `${rank} dimension${rank === 1 ? "" : "s"}`;

/** `bias` has 3 dimensions, 2 of them indexed here. */
function failTooFewIndices({ name, rank, indices }: TensorValue, site: Site): never {
  const count = `${indices.length} ${indices.length === 1 ? "index" : "indices"}`;
  const problem = `\`${name}\` has ${dimensions(rank)} and gets ${count} here`;
  return fail(site, problem, `Index every dimension: ${fullyIndexed(name, rank)}.`);
}

/** Refuses a value that is no number and no boolean. */
function failNotScalar(value: Value, site: Site): never {
  if (value.kind === "tensor") failTooFewIndices(value, site);
  if (value.kind === "callable") {
    const remedy = "Call the function, and use what it returns.";
    fail(site, `${value.title} is used as a number`, remedy);
  }
  if (value.kind === "nothing") {
    fail(site, `This is ${value.text}`, "Give it a value on every path, or leave it out.");
  }
  const isText = value.kind === "text";
  const remedy = isText
    ? "Write a number: strings name properties only."
    : "Use numbers and booleans.";
  fail(site, `This is ${describeValue(value)}, not a number`, remedy);
}

/** `Number(value)`. */
export function toNumber(builder: Builder, value: Value, site: Site): Num {
  switch (value.kind) {
    case "static":
      return staticNumber(Number(value.value));
    case "scalar": {
      const isBool = value.node.type === "bool";
      return isBool ? { kind: "scalar", node: builder.make("toI32", value.node) } : value;
    }
    case "choice": {
      const yes = toNumber(builder, value.yes, site);
      const no = toNumber(builder, value.no, site);
      return selectNumber(builder, value.condition, yes, no);
    }
    default:
      return failNotScalar(value, site);
  }
}

/** `Boolean(value)`: 0 and NaN are false. */
export function toCondition(builder: Builder, value: Value, site: Site): Condition {
  switch (value.kind) {
    case "static":
      return Boolean(value.value);
    case "scalar":
      return isTrue(builder, value.node);
    case "choice": {
      const yes = toCondition(builder, value.yes, site);
      const no = toCondition(builder, value.no, site);
      return selectCondition(builder, value.condition, yes, no);
    }
    default:
      return failNotScalar(value, site);
  }
}

function isTrue(builder: Builder, node: Node): Condition {
  if (node.type === "bool") return node;
  const nonzero = builder.make("ne", node, builder.constant(node.type, 0));
  return node.type === "i32" ? nonzero : and(builder, nonzero, builder.make("eq", node, node));
}

/** What the value is in JavaScript: null where it is neither, or where that depends on the path. */
export function scalarType(value: Value): "number" | "boolean" | null {
  if (value.kind === "static") return typeof value.value === "boolean" ? "boolean" : "number";
  if (value.kind === "scalar") return value.node.type === "bool" ? "boolean" : "number";
  if (value.kind !== "choice") return null;
  const type = scalarType(value.yes);
  return type === scalarType(value.no) ? type : null;
}

const roundings = new Set(["floor", "ceil", "round", "trunc"]);
const keepIntegers = new Set(["add", "sub", "mul", "neg", "abs", "sign", "min", "max"]);

/** Whether an f32 is an integer (or NaN or infinite) whatever its operands are. */
function isIntegral(node: Node): boolean {
  if (node.type !== "f32") return true;
  if (node.op === "const") return Number.isInteger(node.attr);
  if (node.op === "select") return node.args.slice(1).every(isIntegral);
  if (keepIntegers.has(node.op)) return node.args.every(isIntegral);
  return node.op === "toF32" || roundings.has(node.op);
}

/** An index of a tensor: an i32, or an f32 that was rounded to an integer. */
export function toIndex(builder: Builder, value: Value, site: Site): Node {
  if (value.kind === "choice") {
    const [yes, no] = [toIndex(builder, value.yes, site), toIndex(builder, value.no, site)];
    return builder.make("select", value.condition, yes, no);
  }
  if (scalarType(value) === "boolean") {
    fail(site, "This index is a boolean", "Write `condition ? 1 : 0`.");
  }
  const num = toNumber(builder, value, site);
  const integer = asInteger(builder, num);
  if (integer !== null) return integer;
  const float = asFloat(builder, num);
  if (isIntegral(float)) return builder.make("toI32", float);
  const remedy = "Round it: Math.floor(...), or capture the indices as an Int32Array.";
  return fail(site, "This index may not be an integer", remedy);
}

/** Applies to both values of a choice what works on one. */
export function distribute(builder: Builder, value: Value, apply: (value: Value) => Value): Value {
  if (value.kind !== "choice") return apply(value);
  const yes = distribute(builder, value.yes, apply);
  return choose(builder, value.condition, yes, distribute(builder, value.no, apply));
}
