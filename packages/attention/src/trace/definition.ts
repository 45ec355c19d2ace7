/** What a mod carries for the compiler: the text of its function, and what it captures. */
import type { Tensor } from "../tensor.ts";

/**
 * A captured value that is part of the kernel's text instead of an input: see `constant`.
 */
export class Constant<T extends ConstantData = ConstantData> {
  readonly value: T;

  constructor(value: T) {
    this.value = value;
  }
}

/** A number, a boolean, or arrays of them. */
export type ConstantData = number | boolean | readonly ConstantData[];

export type NumberArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float16Array
  | Float32Array
  | Float64Array;

/** Numbers or booleans in arrays of any depth; every dimension has one length. */
export type NestedArray = readonly (number | boolean | NestedArray)[];

/** A function whose result depends on its arguments alone: it captures nothing. */
export type HelperFunction = (...args: never[]) => number | boolean;

export type Capture =
  | number
  | boolean
  | Constant
  | NumberArray
  | NestedArray
  | Tensor
  | HelperFunction;

/** What a function captures, by name. */
export type Captures = Readonly<Record<string, Capture>>;

export type ModKind = "score" | "mask";

/** The text of a function. With captures it takes them as one object, and returns the score or mask function. */
export interface FunctionDefinition {
  readonly form: "function";
  readonly kind: ModKind;
  readonly text: string;
  readonly captures: Captures | null;
}

/** Masks joined into one. */
export interface CompositionDefinition {
  readonly form: "and" | "or" | "not";
  readonly kind: "mask";
  readonly parts: readonly Mod[];
}

export type Definition = FunctionDefinition | CompositionDefinition;

/** Under this key a mod keeps its definition. A registered symbol: two copies of the package understand each other. */
export const definitionKey: unique symbol = Symbol.for("@vigil/attention definition");

/** A score or mask function that the compiler can read. */
export interface Mod {
  readonly [definitionKey]: Definition;
}

export const isMod = (value: unknown): value is Mod =>
  typeof value === "function" && definitionKey in value;
