/** A mod's definition as a function of the tracer: its captures opened, its text called, its result checked. */
import { internalError } from "../errors.ts";
import type { Leaf, Leaves } from "./captures.ts";
import { and, not, or } from "./choose.ts";
import { toCondition } from "./coerce.ts";
import type { Tracer } from "./context.ts";
import { definitionKey } from "./definition.ts";
import type {
  CompositionDefinition,
  ConstantData,
  Definition,
  FunctionDefinition,
} from "./definition.ts";
import { callOuter, checkedMod, missingCapture, modShapes } from "./mod-shape.ts";
import { Scope } from "./scope.ts";
import type { Site } from "./site.ts";
import { parseSource, textOf } from "./source.ts";
import { conditionValue, scalarValue, staticValue } from "./values.ts";
import type { CallableValue, Condition, RecordValue, Value } from "./values.ts";

const constantValue = (data: ConstantData): Value =>
  typeof data === "object" ? { kind: "list", items: data.map(constantValue) } : staticValue(data);

function openLeaf(t: Tracer, path: string, leaf: Leaf, leaves: Leaves): Value {
  const { builder } = t;
  switch (leaf.kind) {
    case "number":
      return scalarValue(builder.uniform(path, leaf.type));
    case "boolean": {
      const flag = builder.uniform(path, "i32");
      return scalarValue(builder.make("ne", flag, builder.constant("i32", 0)));
    }
    case "constant":
      return constantValue(leaf.value);
    case "array": {
      const { type, shape } = leaf.array;
      if (shape.length === 0) return scalarValue(builder.load(path, type, []));
      return { kind: "tensor", name: path, rank: shape.length, type, indices: [] };
    }
    case "mod":
      return modValue(t, leaf.definition, `${path}.`, leaves);
    case "helper": {
      const text = textOf(leaf.fn, `capture ${path}`);
      const source = parseSource(text, { call: "helper", captures: null });
      return t.closure(source.fn, new Scope(source, null), `\`${path}\``);
    }
    default:
      return leaf satisfies never;
  }
}

function capturesRecord(
  t: Tracer,
  names: readonly string[],
  prefix: string,
  leaves: Leaves,
): RecordValue {
  const values = new Map<string, Value>();
  for (const name of names) {
    const leaf = leaves.get(prefix + name);
    if (leaf === undefined) throw internalError(`no capture ${prefix}${name}`);
    values.set(name, openLeaf(t, prefix + name, leaf, leaves));
  }
  return {
    kind: "record",
    title: "The captures object",
    names,
    get: (name) => values.get(name) ?? null,
  };
}

function functionValue(
  t: Tracer,
  definition: FunctionDefinition,
  prefix: string,
  leaves: Leaves,
): CallableValue {
  const shape = modShapes[definition.kind];
  const names = definition.captures === null ? null : Object.keys(definition.captures);
  const source = parseSource(definition.text, { call: shape.call, captures: names });
  const outer = t.closure(source.fn, new Scope(source, null), shape.title);
  if (names === null) return checkedMod(t, outer, shape);
  const captures = capturesRecord(t, names, prefix, leaves);
  const hint = (name: string): string => missingCapture(shape, names, name);
  const inner = callOuter(outer, { ...captures, hint }, source, shape);
  t.store.seal();
  // A captured composition that is returned as it is has no text of its own.
  const text = inner.text ?? { source, node: source.fn };
  return checkedMod(t, { ...inner, text }, shape);
}

function compositionValue(
  t: Tracer,
  { form, parts }: CompositionDefinition,
  prefix: string,
  leaves: Leaves,
): CallableValue {
  const { builder } = t;
  const values = parts.map((part, at) =>
    modValue(t, part[definitionKey], `${prefix}${at}.`, leaves),
  );
  const join = form === "or" ? or : and;
  const call = (args: readonly Value[], site: Site): Value => {
    const results = values.map((value) => toCondition(builder, value.call(args, site), site));
    const joined = results.reduce<Condition>((a, b) => join(builder, a, b), form !== "or");
    return conditionValue(form === "not" ? not(builder, joined) : joined);
  };
  return { kind: "callable", title: `\`${form}\``, call };
}

/** The mod as a function that the tracer can call. */
export function modValue(
  t: Tracer,
  definition: Definition,
  prefix: string,
  leaves: Leaves,
): CallableValue {
  return definition.form === "function"
    ? functionValue(t, definition, prefix, leaves)
    : compositionValue(t, definition, prefix, leaves);
}
