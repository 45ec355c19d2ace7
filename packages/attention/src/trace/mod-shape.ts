/** What score and mask functions look like: what they take, what they return, and what to write instead. */
import type { Expression, ReturnStatement } from "acorn";
import { axes } from "../ir/types.ts";
import { scalarType, toNumber } from "./coerce.ts";
import type { Tracer } from "./context.ts";
import type { ModKind } from "./definition.ts";
import { namesOf } from "./hoist.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import type { FunctionNode, Role, Source } from "./source.ts";
import { describeValue } from "./values.ts";
import type { CallableValue, RecordValue, Value } from "./values.ts";

export interface ModShape {
  readonly call: Role["call"];
  readonly title: string;
  readonly arity: number;
  readonly takes: string;
  readonly text: string;
  readonly result: "number" | "boolean";
  readonly wrongResult: string;
}

export const modShapes: { readonly [K in ModKind]: ModShape } = {
  score: {
    call: "scoreMod",
    title: "A score function",
    arity: 2,
    takes: "the score and the position",
    text: "(score, { b, h, q, kv }) => ...",
    result: "number",
    wrongResult:
      "Return a number on every path: `condition ? score : -Infinity`. What keeps or drops is a mask: maskMod.",
  },
  mask: {
    call: "maskMod",
    title: "A mask function",
    arity: 1,
    takes: "the position",
    text: "({ b, h, q, kv }) => ...",
    result: "boolean",
    wrongResult:
      "Return a boolean on every path: a comparison, or `... !== 0`. What changes scores is a score function: scoreMod.",
  },
};

/** The call with captures, as it has to be written. */
const capturedForm = ({ call, text }: ModShape, names: readonly string[]): string =>
  `${call}({ ${names.join(", ")} }, ({ ${names.join(", ")} }) => ${text})`;

const isFunction = ({ type }: { readonly type: string }): boolean =>
  type === "ArrowFunctionExpression" || type === "FunctionExpression";

const whole = (source: Source): Site => ({ source, node: source.fn });

/** What the function returns, as it is written: the expression of an arrow, or the last `return`. */
function resultOf(node: FunctionNode): Expression | ReturnStatement | FunctionNode {
  const { body } = node;
  if (body.type !== "BlockStatement") return body;
  const last = body.body.findLast((statement) => statement.type === "ReturnStatement");
  return last?.type === "ReturnStatement" ? (last.argument ?? last) : node;
}

/** For a name that the captures object has not: an axis, or what a minifier that renames properties has left. */
export function missingCapture(shape: ModShape, names: readonly string[], name: string): string {
  if (name === "score" || axes.some((axis) => axis === name)) {
    return `The function inside gets ${shape.takes}: ${capturedForm(shape, names)}.`;
  }
  return name.length > 2 ? "" : "If a minifier renames properties, tell it to leave them alone.";
}

/** Calls the function with its captures, and demands that it returns the score or mask function. */
export function callOuter(
  outer: CallableValue,
  captures: RecordValue,
  source: Source,
  shape: ModShape,
): CallableValue {
  const remedy = `Write ${capturedForm(shape, captures.names)}.`;
  if (source.fn.params.length > 1) {
    fail(whole(source), "With captures, the function takes one object: the captures", remedy);
  }
  const inner = outer.call([captures], whole(source));
  if (inner.kind === "callable") return inner;
  const problem = `With captures, the function returns a function, and this returns ${describeValue(inner)}`;
  return fail({ source, node: resultOf(source.fn) }, problem, remedy);
}

function checkParameters({ text }: CallableValue, shape: ModShape): void {
  const extra = text?.node.params[shape.arity];
  if (text === undefined || extra === undefined) return;
  const problem = `${shape.title} takes ${shape.takes}, as ${shape.text}`;
  const remedy = "Take b, h, q and kv from the position: `{ h, q, kv }`.";
  fail({ source: text.source, node: extra }, problem, remedy);
}

/** A function that returns a function was meant to have captures. */
function checkBody({ text }: CallableValue, shape: ModShape): void {
  if (text === undefined) return;
  const { source, node } = text;
  const result = resultOf(node);
  if (result === node || !isFunction(result)) return;
  const problem = `${shape.title} returns a ${shape.result}, and this returns a function`;
  const [captures] = node.params;
  const names = captures === undefined ? ["a"] : namesOf(captures);
  fail({ source, node: result }, problem, `Pass what it captures: ${capturedForm(shape, names)}.`);
}

function checkResult(t: Tracer, value: Value, shape: ModShape, site: Site): void {
  if (scalarType(value) === shape.result) return;
  // A tensor with an index too few says so.
  if (value.kind === "tensor") toNumber(t.builder, value, site);
  fail(site, `${shape.title} returns ${describeValue(value)}`, shape.wrongResult);
}

/** The function with what it is called with and what it returns checked. */
export function checkedMod(t: Tracer, inner: CallableValue, shape: ModShape): CallableValue {
  checkParameters(inner, shape);
  checkBody(inner, shape);
  const { title, arity, takes } = shape;
  const call = (args: readonly Value[], site: Site): Value => {
    if (args.length !== arity) {
      fail(site, `${title} takes ${takes}, and gets ${args.length} arguments`, `Pass ${takes}.`);
    }
    const value = inner.call(args, site);
    const { text } = inner;
    const result = text && { source: text.source, node: resultOf(text.node) };
    checkResult(t, value, shape, result ?? site);
    return value;
  };
  return { ...inner, call };
}
