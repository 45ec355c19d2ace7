/**
 * What a mod captures, as the compiler sees it: each value is a *leaf* under its path, for example `width`,
 * `alibi.slopes` for a capture of the captured mod `alibi`, or `1.width` in the second part of an `and`.
 */
import { describe, rangeError, typeError } from "../errors.ts";
import type { CaptureValues, Expression, TensorValue } from "../ir/types.ts";
import { capturedArray, exactElements } from "./captured-array.ts";
import type { CapturedArray } from "./captured-array.ts";
import { Constant, definitionKey, isMod } from "./definition.ts";
import type { ConstantData, Definition, HelperFunction } from "./definition.ts";
import { isInt32 } from "./numbers.ts";

export type Leaf =
  | { readonly kind: "number"; readonly type: "i32" | "f32"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "constant"; readonly value: ConstantData }
  | { readonly kind: "array"; readonly array: CapturedArray }
  | { readonly kind: "mod"; readonly definition: Definition }
  | { readonly kind: "helper"; readonly fn: HelperFunction };

export type Leaves = ReadonlyMap<string, Leaf>;

/** The uniform that holds the length of a captured tensor's dimension. */
export const lengthName = (tensor: string, axis: number): string =>
  `${tensor}${"[]".repeat(axis)}.length`;

const isFunction = (value: unknown): value is HelperFunction => typeof value === "function";

function arrayLeaf(path: string, array: CapturedArray): Leaf {
  if (!array.shape.includes(0)) return { kind: "array", array };
  throw rangeError({
    name: path,
    expected: "at least one element, since an index outside is clamped to the nearest one",
    got: `shape [${array.shape.join(", ")}]`,
    remedy: "leave it out, or give it one element that changes nothing",
  });
}

function leafOf(path: string, value: unknown): Leaf {
  if (typeof value === "number")
    return { kind: "number", type: isInt32(value) ? "i32" : "f32", value };
  if (typeof value === "boolean") return { kind: "boolean", value };
  if (value instanceof Constant) return { kind: "constant", value: value.value };
  if (isMod(value)) return { kind: "mod", definition: value[definitionKey] };
  if (isFunction(value)) return { kind: "helper", fn: value };
  const array = capturedArray(path, value);
  if (array !== null) return arrayLeaf(path, array);
  throw typeError({
    name: `capture ${path}`,
    expected:
      "a number, a boolean, constant(...), a typed array, nested arrays, a Tensor or a function",
    got: describe(value),
    remedy: "capture each number, array or function that the function needs under its own name",
  });
}

function collect(definition: Definition, prefix: string, leaves: Map<string, Leaf>): void {
  if (definition.form !== "function") {
    definition.parts.forEach((part, at) => collect(part[definitionKey], `${prefix}${at}.`, leaves));
    return;
  }
  for (const [name, value] of Object.entries(definition.captures ?? {})) {
    const leaf = leafOf(prefix + name, value);
    leaves.set(prefix + name, leaf);
    if (leaf.kind === "mod") collect(leaf.definition, `${prefix}${name}.`, leaves);
  }
}

/** All that the definition captures, the captures of its parts included, as they are now. */
export function leavesOf(definition: Definition): Leaves {
  const leaves = new Map<string, Leaf>();
  collect(definition, "", leaves);
  return leaves;
}

const identities = new WeakMap<object, number>();
let identityCount = 0;

/** A number for an object, the same each time. */
function identityOf(object: object): number {
  const known = identities.get(object);
  if (known !== undefined) return known;
  identities.set(object, ++identityCount);
  return identityCount;
}

const exactText = (value: ConstantData): string =>
  Array.isArray(value)
    ? `[${value.map(exactText).join()}]`
    : Object.is(value, -0)
      ? "-0"
      : String(value);

const signatures: { readonly [K in Leaf["kind"]]: (leaf: Extract<Leaf, { kind: K }>) => string } = {
  number: ({ type }) => type,
  boolean: () => "flag",
  constant: ({ value }) => `constant ${exactText(value)}`,
  array: ({ array }) => `${array.type} ${array.shape.length}`,
  mod: ({ definition }) => `mod ${identityOf(definition)}`,
  helper: ({ fn }) => `helper ${identityOf(fn)}`,
};

/** Everything about the captures that an expression depends on; equal signatures mean the same expression. */
export function signatureOf(leaves: Leaves): string {
  const lines = [...leaves].map(([path, leaf]) => {
    // The row that fits the leaf's kind, which TypeScript cannot follow by index.
    const row = signatures[leaf.kind] as (leaf: Leaf) => string;
    return `${path}: ${row(leaf)}`;
  });
  return lines.join("\n");
}

/** The values of all lengths of a captured array, by the names of their uniforms. */
const lengthsOf = (path: string, array: CapturedArray): [string, number][] =>
  array.shape.map((length, axis) => [lengthName(path, axis), length]);

/** What the expression's uniforms and tensors are worth now. Arrays of other types than f32, i32 and bool are copied. */
export function valuesOf(expression: Expression, leaves: Leaves): CaptureValues {
  const uniforms = new Map<string, number>();
  const tensors = new Map<string, TensorValue>();
  const reads = new Set([...expression.uniforms, ...expression.tensors].map(({ name }) => name));
  for (const [path, leaf] of leaves) {
    if (leaf.kind === "number" || leaf.kind === "boolean") uniforms.set(path, Number(leaf.value));
    if (leaf.kind !== "array") continue;
    for (const [name, length] of lengthsOf(path, leaf.array)) uniforms.set(name, length);
    if (reads.has(path)) tensors.set(path, leaf.array.read());
  }
  for (const name of uniforms.keys()) if (!reads.has(name)) uniforms.delete(name);
  return { uniforms, tensors };
}

/** What captures are worth before a kernel's types round them. */
export interface ExactValues {
  readonly uniforms: ReadonlyMap<string, number>;
  readonly tensors: ReadonlyMap<
    string,
    { readonly shape: readonly number[]; readonly data: ArrayLike<number> }
  >;
}

/** Every number, length and array as it is now; arrays are copied. */
export function exactValuesOf(leaves: Leaves): ExactValues {
  const uniforms = new Map<string, number>();
  const tensors = new Map<string, { shape: readonly number[]; data: Float64Array }>();
  for (const [path, leaf] of leaves) {
    if (leaf.kind === "number" || leaf.kind === "boolean") uniforms.set(path, Number(leaf.value));
    if (leaf.kind !== "array") continue;
    for (const [name, length] of lengthsOf(path, leaf.array)) uniforms.set(name, length);
    tensors.set(path, { shape: leaf.array.shape, data: exactElements(leaf.array) });
  }
  return { uniforms, tensors };
}
