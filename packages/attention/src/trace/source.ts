/** The text of a function, parsed: arrows, function expressions and methods, as engines print them. */
import { parseExpressionAt } from "acorn";
import type { ArrowFunctionExpression, FunctionExpression } from "acorn";
import { typeError } from "../errors.ts";
import { TraceError } from "./trace-error.ts";
import type { Span } from "./trace-error.ts";

export type FunctionNode = ArrowFunctionExpression | FunctionExpression;

/** What a function is to its caller, for error messages that show what to write. */
export interface Role {
  /** The call that the user made, or will make: `scoreMod`, `maskMod`; `helper` for a plain captured function. */
  readonly call: "scoreMod" | "maskMod" | "helper";
  /** The names of its captures, or null where it was given without. */
  readonly captures: readonly string[] | null;
}

export interface Source {
  /** The text as the user wrote it. */
  readonly text: string;
  readonly role: Role;
  readonly fn: FunctionNode;
  /** How far the offsets of `fn` lie behind those of `text`. */
  readonly shift: number;
}

/** A range of offsets of the parsed text: any ESTree node. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export const spanOf = (source: Source, { start, end }: Range): Span => ({
  text: source.text,
  start: Math.max(0, start - source.shift),
  end: end - source.shift,
});

/** What engines print instead of a text; Hermes does so for every function. */
const nativeCode = /\{\s*\[(native code|bytecode)\]\s*\}\s*$/;

/** A method's text is a function only inside an object literal. */
const methodPrefix = "({";

interface Parsed {
  readonly fn: FunctionNode;
  readonly shift: number;
}

function asFunction(text: string): Parsed | null {
  const node = parseExpressionAt(text, 0, { ecmaVersion: "latest" });
  if (!/^[\s;]*$/.test(text.slice(node.end))) return null;
  const isFunction = node.type === "ArrowFunctionExpression" || node.type === "FunctionExpression";
  return isFunction ? { fn: node, shift: 0 } : null;
}

function asMethod(text: string): Parsed | null {
  const node = parseExpressionAt(`${methodPrefix}${text}})`, 0, { ecmaVersion: "latest" });
  const property = node.type === "ObjectExpression" ? node.properties[0] : undefined;
  if (property?.type !== "Property" || !property.method) return null;
  const { value } = property;
  return value.type === "FunctionExpression" ? { fn: value, shift: methodPrefix.length } : null;
}

const attempt = (parse: () => Parsed | null): Parsed | SyntaxError | null => {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SyntaxError) return error;
    throw error;
  }
};

function syntaxError(text: string, error: SyntaxError): TraceError {
  const at = "pos" in error && typeof error.pos === "number" ? error.pos : 0;
  const problem = `This is not JavaScript: ${error.message.replace(/ \(\d+:\d+\)$/, "")}`;
  const remedy = "Pass the text of one function, without type annotations.";
  return new TraceError(problem, { text, start: at, end: at + 1 }, remedy);
}

/** Parses the text of one function: `fn.toString()`, or a text the user typed. */
export function parseSource(text: string, role: Role): Source {
  const plain = attempt(() => asFunction(text));
  const parsed = plain === null || plain instanceof Error ? attempt(() => asMethod(text)) : plain;
  if (parsed !== null && !(parsed instanceof Error)) return { text, role, ...parsed };
  if (plain instanceof Error) throw syntaxError(text, plain);
  const span = { text, start: 0, end: text.length };
  throw new TraceError("This is not a function", span, "Pass an arrow or a function expression.");
}

/** The text of a function object. Bound and built-in functions have none. `name` is for the message. */
export function textOf(fn: (...args: never[]) => unknown, name: string): string {
  const text = Function.prototype.toString.call(fn);
  if (!nativeCode.test(text)) return text;
  throw typeError({
    name,
    expected: "a function with a text to compile",
    got: "a function that is built in, bound or a proxy",
    remedy: "wrap the call in an arrow, and capture what it needs",
  });
}
