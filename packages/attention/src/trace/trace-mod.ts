/** From a mod to its expression: the main path of the tracer. */
import { Builder, topological } from "../ir/builder.ts";
import { simplify } from "../ir/simplify.ts";
import { axes } from "../ir/types.ts";
import type { CaptureValues, Expression, Node, TensorSpec, UniformSpec } from "../ir/types.ts";
import { exactValuesOf, leavesOf, signatureOf, valuesOf } from "./captures.ts";
import type { ExactValues, Leaves } from "./captures.ts";
import { toCondition, toNumber } from "./coerce.ts";
import type { Tracer } from "./context.ts";
import { definitionKey } from "./definition.ts";
import type { Captures, Definition, Mod, ModKind } from "./definition.ts";
import { modValue } from "./lower-mod.ts";
import { asFloat } from "./numbers.ts";
import type { Site } from "./site.ts";
import { parseSource } from "./source.ts";
import { openTracer } from "./tracer.ts";
import { scalarValue } from "./values.ts";
import type { RecordValue, Value } from "./values.ts";

export interface Traced {
  /** Simplified. The same object while the captures keep their types and shapes' ranks. */
  readonly expression: Expression;
  /** What the captures are worth at this moment. */
  readonly captures: CaptureValues;
}

function positionRecord(t: Tracer): RecordValue {
  const values = new Map<string, Value>(
    axes.map((axis) => [axis, scalarValue(t.builder.index(axis))]),
  );
  return {
    kind: "record",
    title: "The position",
    names: axes,
    get: (name) => values.get(name) ?? null,
  };
}

/** Where the calls of compositions come from: from no text. Each part is called with what it takes. */
const nowhere: Site = (() => {
  const source = parseSource("() => 0", { call: "helper", captures: null });
  return { source, node: source.fn };
})();

function rootOf(definition: Definition, leaves: Leaves, tracedBy = new Builder()): Node {
  const t = openTracer(tracedBy);
  const { builder } = t;
  const mod = modValue(t, definition, "", leaves);
  const site = mod.text ?? nowhere;
  const position = positionRecord(t);
  if (definition.kind === "score") {
    const value = mod.call([scalarValue(builder.score()), position], site);
    return asFloat(builder, toNumber(builder, value, site));
  }
  const kept = toCondition(builder, mod.call([position], site), nowhere);
  return typeof kept === "boolean" ? builder.constant("bool", kept) : kept;
}

/** The specs of what a graph reads, sorted by name. */
function describeReads(kind: ModKind, root: Node): Expression {
  const uniforms = new Map<string, UniformSpec>();
  const tensors = new Map<string, TensorSpec>();
  for (const { op, type, attr, args } of topological([root])) {
    const name = String(attr);
    if (op === "uniform" && type !== "bool") uniforms.set(name, { name, type });
    if (op === "load") tensors.set(name, { name, rank: args.length, type });
  }
  const byName = <T extends { readonly name: string }>(specs: Map<string, T>): T[] =>
    [...specs.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return { kind, root, uniforms: byName(uniforms), tensors: byName(tensors) };
}

interface Memo {
  readonly signature: string;
  readonly expression: Expression;
}

/** The last expression of each definition: it changes only when the type of a capture does. */
const memos = new WeakMap<Definition, Memo>();

function expressionOf(definition: Definition, leaves: Leaves): Expression {
  const signature = signatureOf(leaves);
  const known = memos.get(definition);
  if (known?.signature === signature) return known.expression;
  const expression = describeReads(definition.kind, simplify(rootOf(definition, leaves)));
  memos.set(definition, { signature, expression });
  return expression;
}

export function traceDefinition(definition: Definition): Traced {
  const leaves = leavesOf(definition);
  const expression = expressionOf(definition, leaves);
  return { expression, captures: valuesOf(expression, leaves) };
}

/**
 * The expression of a score or mask function, and what its captures are worth now.
 *
 * Tracing happens once per mod, and again only when a capture changes its type (an integer becomes a fraction),
 * its rank, or the value of a `constant`; reading the captures happens at each call.
 *
 * @throws TraceError  the function cannot become a kernel; the message shows the line and what to write instead
 */
export const traceMod = (mod: Mod): Traced => traceDefinition(mod[definitionKey]);

/** As `traceMod`, before simplification: what rounding may do to a function is judged by its own operations. */
export function traceUnsimplified(mod: Mod): Traced {
  const definition = mod[definitionKey];
  const leaves = leavesOf(definition);
  const expression = describeReads(definition.kind, rootOf(definition, leaves));
  return { expression, captures: valuesOf(expression, leaves) };
}

/**
 * As `traceUnsimplified`, with literals and captured tensors as the function has them: unrounded. Computed in double precision, it
 * is what calling the function gives: the two are compared to check the compiler's reading (`testing/misreading.ts`).
 */
export function traceExact(mod: Mod): { readonly root: Node; readonly captures: ExactValues } {
  const definition = mod[definitionKey];
  const leaves = leavesOf(definition);
  return {
    root: rootOf(definition, leaves, new Builder("double")),
    captures: exactValuesOf(leaves),
  };
}

/**
 * The expression of a function given as JavaScript text, without type annotations.
 * With `captures` the text is of a function that takes them as one object and returns the score or mask function.
 *
 * @throws TraceError  as `traceMod`, and for text that is not one function
 */
export const traceText = (text: string, kind: ModKind, captures: Captures | null = null): Traced =>
  traceDefinition({ form: "function", kind, text, captures });
