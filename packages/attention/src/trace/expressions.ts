/** One rule per kind of expression; what has no rule is refused with what to write instead. */
import type {
  AssignmentExpression,
  CallExpression,
  Expression,
  Identifier,
  LogicalOperator,
  ObjectExpression,
  SpreadElement,
  UpdateExpression,
} from "acorn";
import { distribute, scalarType, toCondition } from "./coerce.ts";
import { siteOf } from "./context.ts";
import type { Tracer } from "./context.ts";
import { failFreeName } from "./free-names.ts";
import { readMember } from "./members.ts";
import { applyBinary, applyUnary, isNumericOperator } from "./operators.ts";
import type { Operand } from "./operators.ts";
import { bindPattern, keyOf } from "./patterns.ts";
import type { Bind } from "./patterns.ts";
import { refusals } from "./refusals.ts";
import { fork } from "./scope.ts";
import type { Scope } from "./scope.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import { describeValue, nullValue, staticValue, undefinedValue } from "./values.ts";
import type { RecordValue, Value } from "./values.ts";

type ExpressionType = Expression["type"];
type Rule<K extends ExpressionType> = (
  t: Tracer,
  node: Extract<Expression, { type: K }>,
  scope: Scope,
) => Value;

function readName(t: Tracer, node: Identifier, scope: Scope): Value {
  const cell = scope.find(node.name);
  if (cell === null) return t.globals.get(node.name) ?? failFreeName(t, node, scope);
  const value = t.store.read(cell);
  if (value !== null) return value;
  return fail(
    siteOf(scope, node),
    `\`${node.name}\` is used before it is set`,
    "Declare it above.",
  );
}

/** Assigns to a variable of the function itself: captures and what the outer function declares stay as they are. */
const assigning =
  (t: Tracer, scope: Scope): Bind =>
  (name, value) => {
    const cell = scope.find(name.name);
    if (cell === null) failFreeName(t, name, scope);
    if (cell.kind === "const") {
      fail(siteOf(scope, name), `\`${name.name}\` is a constant`, "Declare it with `let`.");
    }
    if (t.store.isSealed(cell)) {
      const remedy = `Copy it first: \`let own = ${name.name}\`.`;
      fail(
        siteOf(scope, name),
        `\`${name.name}\` is captured, and a kernel cannot change it`,
        remedy,
      );
    }
    t.store.write(cell, value);
  };

const evaluated = (t: Tracer, node: Expression, scope: Scope): Operand => ({
  value: t.evaluate(node, scope),
  site: siteOf(scope, node),
});

const targetOf = (node: AssignmentExpression | UpdateExpression): Expression | null => {
  const target = node.type === "UpdateExpression" ? node.argument : node.left;
  return target.type === "Identifier" || target.type === "MemberExpression" ? target : null;
};

function assign(t: Tracer, node: AssignmentExpression, scope: Scope): Value {
  const { operator, left, right } = node;
  const site = siteOf(scope, node);
  const store = (value: Value): Value => {
    bindPattern(t, left, value, scope, assigning(t, scope));
    return value;
  };
  const target = targetOf(node);
  if (operator === "=" || target === null) return store(t.evaluate(right, scope));
  const before = t.evaluate(target, scope);
  const arithmetic = operator.slice(0, -1);
  if (isNumericOperator(arithmetic)) {
    const operand: Operand = { value: before, site: siteOf(scope, target) };
    return store(applyBinary(t.builder, arithmetic, operand, evaluated(t, right, scope), site));
  }
  const logical = operator.slice(0, -1) as LogicalOperator;
  return shortCircuit(t, logical, before, () => store(t.evaluate(right, scope)), site);
}

function update(t: Tracer, node: UpdateExpression, scope: Scope): Value {
  const site = siteOf(scope, node);
  const before = applyUnary(t.builder, "+", t.evaluate(node.argument, scope), site);
  const operator = node.operator === "++" ? "+" : "-";
  const one: Operand = { value: staticValue(1), site };
  const after = applyBinary(t.builder, operator, { value: before, site }, one, site);
  if (node.argument.type !== "Identifier") {
    fail(site, "A kernel changes only variables", "Declare a variable with `let`.");
  }
  assigning(t, scope)(node.argument, after);
  return node.prefix ? after : before;
}

/** `a && b` is a, or b where a is true; where a is a boolean, that a is then known to be false. */
function shortCircuit(
  t: Tracer,
  operator: LogicalOperator,
  left: Value,
  right: () => Value,
  site: Site,
): Value {
  if (operator === "??") return left.kind === "nothing" ? right() : left;
  const condition = toCondition(t.builder, left, site);
  const isAnd = operator === "&&";
  const settled = scalarType(left) === "boolean" ? staticValue(!isAnd) : left;
  const keep = (): Value => settled;
  return fork(t.builder, t.store, condition, isAnd ? right : keep, isAnd ? keep : right);
}

/**
 * The function in `__name(f, "f")`, which esbuild's keepNames writes around helpers and behind their declarations,
 * under any name once it is minified.
 */
function namedFunction(t: Tracer, node: CallExpression, scope: Scope): Value | null {
  const { callee, arguments: args } = node;
  const [fn, name] = args;
  if (callee.type !== "Identifier" || scope.find(callee.name) || t.globals.has(callee.name))
    return null;
  if (args.length !== 2 || name?.type !== "Literal" || typeof name.value !== "string") return null;
  const value = fn === undefined || fn.type === "SpreadElement" ? null : t.evaluate(fn, scope);
  return value?.kind === "callable" ? value : null;
}

function spread(t: Tracer, nodes: readonly (Expression | SpreadElement)[], scope: Scope): Value[] {
  return nodes.flatMap((node) => {
    if (node.type !== "SpreadElement") return [t.evaluate(node, scope)];
    const list = t.evaluate(node.argument, scope);
    if (list.kind === "list") return list.items;
    const remedy = "Spread an array written in the function, or constant([...]).";
    return fail(
      siteOf(scope, node),
      `This is ${describeValue(list)}, which cannot be spread`,
      remedy,
    );
  });
}

function call(t: Tracer, node: CallExpression, scope: Scope): Value {
  const site = siteOf(scope, node);
  const { callee } = node;
  if (callee.type === "Super")
    return fail(site, "`super` is not traced", "Call a helper function.");
  const named = namedFunction(t, node, scope);
  if (named !== null) return named;
  const target = t.evaluate(callee, scope);
  const args = spread(t, node.arguments, scope);
  return distribute(t.builder, target, (fn) => {
    if (fn.kind === "callable") return fn.call(args, site);
    const problem = `This is ${describeValue(fn)}, not a function`;
    return fail(
      siteOf(scope, callee),
      problem,
      "Call helper functions, captured functions and Math.",
    );
  });
}

function object(t: Tracer, node: ObjectExpression, scope: Scope): RecordValue {
  const items = new Map<string, Value>();
  for (const property of node.properties) {
    if (property.type === "SpreadElement") {
      const from = t.evaluate(property.argument, scope);
      if (from.kind !== "record") {
        const problem = `This is ${describeValue(from)}, which cannot be spread`;
        fail(siteOf(scope, property), problem, "Spread an object.");
      }
      for (const name of from.names) items.set(name, from.get(name) ?? undefinedValue);
      continue;
    }
    const key = keyOf(t, property.key, property.computed, scope);
    if (key.kind !== "text" || property.kind !== "init") {
      fail(siteOf(scope, property), "This property is not traced", "Write `name: value`.");
    }
    items.set(key.value, t.evaluate(property.value, scope));
  }
  const names = [...items.keys()];
  return { kind: "record", title: "The object", names, get: (name) => items.get(name) ?? null };
}

const rules: { readonly [K in ExpressionType]?: Rule<K> } = {
  Literal: (_, node, scope) => {
    const { value } = node;
    if (typeof value === "number" || typeof value === "boolean") return staticValue(value);
    if (typeof value === "string") return { kind: "text", value };
    if (value === null && node.regex === undefined && node.bigint === undefined) return nullValue;
    const problem = `${node.raw ?? "This"} has no meaning in a kernel`;
    return fail(siteOf(scope, node), problem, "Use numbers and booleans.");
  },
  Identifier: readName,
  UnaryExpression: (t, node, scope) => {
    const value = t.evaluate(node.argument, scope);
    if (node.operator === "void") return undefinedValue;
    return applyUnary(t.builder, node.operator, value, siteOf(scope, node.argument));
  },
  BinaryExpression: (t, node, scope) => {
    const site = siteOf(scope, node);
    if (node.left.type === "PrivateIdentifier") {
      return fail(site, "Private names are not traced", "Compare numbers.");
    }
    const left = evaluated(t, node.left, scope);
    return applyBinary(t.builder, node.operator, left, evaluated(t, node.right, scope), site);
  },
  LogicalExpression: (t, node, scope) => {
    const left = t.evaluate(node.left, scope);
    const right = (): Value => t.evaluate(node.right, scope);
    return shortCircuit(t, node.operator, left, right, siteOf(scope, node.left));
  },
  ConditionalExpression: (t, node, scope) => {
    const site = siteOf(scope, node.test);
    const condition = toCondition(t.builder, t.evaluate(node.test, scope), site);
    const yes = (): Value => t.evaluate(node.consequent, scope);
    const no = (): Value => t.evaluate(node.alternate, scope);
    return fork(t.builder, t.store, condition, yes, no);
  },
  AssignmentExpression: assign,
  UpdateExpression: update,
  SequenceExpression: (t, node, scope) =>
    node.expressions.map((item) => t.evaluate(item, scope)).at(-1) ?? undefinedValue,
  MemberExpression: (t, node, scope) => {
    const site = siteOf(scope, node);
    const { object: owner, property, computed } = node;
    if (owner.type === "Super" || property.type === "PrivateIdentifier") {
      return fail(site, "Classes are not traced", "Use captures.");
    }
    const value = t.evaluate(owner, scope);
    const key = { value: keyOf(t, property, computed, scope), site: siteOf(scope, property) };
    return readMember(t, value, key, site);
  },
  CallExpression: call,
  ChainExpression: (t, node, scope) => t.evaluate(node.expression, scope),
  ParenthesizedExpression: (t, node, scope) => t.evaluate(node.expression, scope),
  ArrowFunctionExpression: (t, node, scope) => t.closure(node, scope, "The function"),
  FunctionExpression: (t, node, scope) => t.closure(node, scope, "The function"),
  ObjectExpression: object,
  ArrayExpression: (t, node, scope) => ({
    kind: "list",
    items: spread(
      t,
      node.elements.filter((element) => element !== null),
      scope,
    ),
  }),
};

/** Evaluates one expression. */
export function evaluateExpression(t: Tracer, node: Expression, scope: Scope): Value {
  // The table pairs each type with a rule for just that type, which TypeScript cannot follow by index.
  const rule = rules[node.type] as
    | ((tracer: Tracer, node: Expression, scope: Scope) => Value)
    | undefined;
  if (rule !== undefined) return rule(t, node, scope);
  const [problem, remedy] = refusals[node.type] ?? ["This is not traced", "Use plain expressions."];
  return fail(siteOf(scope, node), problem, remedy);
}
