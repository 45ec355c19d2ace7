/** A mod's definition as a function of the tracer: its captures opened, its text called, its result checked. */
import { and, not, or } from "./choose.ts";
import { isBoolean, toCondition, toNumber } from "./coerce.ts";
import type { Leaf, Leaves } from "./captures.ts";
import type { Tracer } from "./context.ts";
import { definitionKey } from "./definition.ts";
import type {
  CompositionDefinition,
  ConstantData,
  Definition,
  FunctionDefinition,
  ModKind,
} from "./definition.ts";
import { Scope } from "./scope.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import { parseSource, textOf } from "./source.ts";
import type { FunctionNode, Role, Source } from "./source.ts";
import { conditionValue, describeValue, scalarValue, staticValue } from "./values.ts";
import type { CallableValue, Condition, RecordValue, Value } from "./values.ts";
import { internalError } from "../errors.ts";

interface KindInfo {
  readonly call: Role["call"];
  readonly title: string;
  readonly arity: number;
  readonly shape: string;
  readonly isWanted: (value: Value) => boolean;
  readonly wrongResult: string;
}

/** What a score function and a mask function look like. */
const kinds: { readonly [K in ModKind]: KindInfo } = {
  score: {
    call: "scoreMod",
    title: "A score function",
    arity: 2,
    shape: "(score, { b, h, q, kv }) => ...",
    isWanted: (value) => isBoolean(value) === false && value.kind !== "callable",
    wrongResult: "Return a number: `condition ? score : -Infinity`; a function that keeps or drops is a mask.",
  },
  mask: {
    call: "maskMod",
    title: "A mask function",
    arity: 1,
    shape: "({ b, h, q, kv }) => ...",
    isWanted: (value) => isBoolean(value) === true,
    wrongResult: "Return a boolean: compare, for example `... !== 0`; a function that changes scores is a score function.",
  },
};

const constantValue = (data: ConstantData): Value =>
  typeof data === "object"
    ? { kind: "list", items: data.map(constantValue) }
    : staticValue(data);

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
  return { kind: "record", title: "The captures object", names, get: (name) => values.get(name) ?? null };
}

const whole = (source: Source): Site => ({ source, node: source.fn });

/** Calls the outer function, and demands that it returns the score or mask function. */
function callOuter(
  outer: CallableValue,
  captures: RecordValue,
  source: Source,
  kind: KindInfo,
): CallableValue {
  const remedy = `Write ${kind.call}({ ${captures.names.join(", ")} }, ({ ${captures.names.join(", ")} }) => ${kind.shape}).`;
  const { params } = source.fn;
  if (params.length > 1) {
    fail(whole(source), "With captures, the function takes one object: the captures", remedy);
  }
  const inner = outer.call([captures], whole(source));
  if (inner.kind === "callable") return inner;
  const problem = `With captures, the function returns a function, and this returns ${describeValue(inner)}`;
  return fail(resultSite(source, source.fn), problem, remedy);
}

/** Where the function's result is written: the expression of an arrow, or the last `return`. */
function resultSite(source: Source, node: FunctionNode): Site {
  const { body } = node;
  if (body.type !== "BlockStatement") return { source, node: body };
  const last = body.body.findLast((statement) => statement.type === "ReturnStatement");
  return { source, node: last?.type === "ReturnStatement" ? (last.argument ?? last) : node };
}

function checkParameters(inner: CallableValue, kind: KindInfo): void {
  if (inner.text === undefined) return;
  const { source, node } = inner.text;
  const extra = node.params[kind.arity];
  if (extra === undefined) return;
  fail(
    { source, node: extra },
    `${kind.title} takes ${kind.arity === 1 ? "the position" : "the score and the position"}, as ${kind.shape}`,
    "Take b, h, q and kv from the position: `{ h, q, kv }`.",
  );
}

/** The function with its result checked: a number of a score, a boolean of a mask. */
function checked(t: Tracer, inner: CallableValue, kind: KindInfo): CallableValue {
  checkParameters(inner, kind);
  const call = (args: readonly Value[], site: Site): Value => {
    if (args.length !== kind.arity) {
      const problem = `${kind.title} takes ${kind.arity} argument${kind.arity === 1 ? "" : "s"} and gets ${args.length}`;
      fail(site, problem, kind.arity === 1 ? "Pass the position." : "Pass the score and the position.");
    }
    const value = inner.call(args, site);
    if (kind.isWanted(value)) return kind === kinds.score ? toNumber(t.builder, value, resultOf(inner, site)) : value;
    const problem = `${kind.title} returns ${describeValue(value)}`;
    const remedy = value.kind === "callable" ? `Pass the captures: ${kind.call}({ ... }, fn).` : kind.wrongResult;
    return fail(resultOf(inner, site), problem, remedy);
  };
  return { ...inner, call };
}

const resultOf = ({ text }: CallableValue, site: Site): Site =>
  text === undefined ? site : resultSite(text.source, text.node);

function functionValue(
  t: Tracer,
  definition: FunctionDefinition,
  prefix: string,
  leaves: Leaves,
): CallableValue {
  const kind = kinds[definition.kind];
  const names = definition.captures === null ? null : Object.keys(definition.captures);
  const source = parseSource(definition.text, { call: kind.call, captures: names });
  const outer = t.closure(source.fn, new Scope(source, null), kind.title);
  if (names === null) return checked(t, outer, kind);
  const captures = capturesRecord(t, names, prefix, leaves);
  const inner = callOuter(outer, captures, source, kind);
  t.store.seal();
  return checked(t, inner, kind);
}

function compositionValue(
  t: Tracer,
  { form, parts }: CompositionDefinition,
  prefix: string,
  leaves: Leaves,
): CallableValue {
  const { builder } = t;
  const values = parts.map((part, at) => modValue(t, part[definitionKey], `${prefix}${at}.`, leaves));
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
