/** Assignment to names and to destructuring patterns: `({ slopes: [a, b], ...rest })`. */
import type { ArrayPattern, Expression, ObjectPattern, Pattern } from "acorn";
import { siteOf } from "./context.ts";
import type { Tracer } from "./context.ts";
import { readMember, textValue } from "./members.ts";
import type { Scope } from "./scope.ts";
import { fail } from "./site.ts";
import { describeValue, staticValue } from "./values.ts";
import type { Value } from "./values.ts";

/** What to do with each name of a pattern: declare it, or assign to it. */
export type Bind = (name: Extract<Pattern, { type: "Identifier" }>, value: Value) => void;

/** The key of a property: a name, a string, or a computed value. */
export function keyOf(t: Tracer, key: Expression, computed: boolean, scope: Scope): Value {
  return !computed && key.type === "Identifier" ? textValue(key.name) : t.evaluate(key, scope);
}

function bindObject(t: Tracer, node: ObjectPattern, value: Value, scope: Scope, bind: Bind): void {
  const taken = new Set<string>();
  for (const property of node.properties) {
    if (property.type === "RestElement") {
      bindPattern(t, property.argument, withoutProperties(value, taken), scope, bind);
      continue;
    }
    const key = keyOf(t, property.key, property.computed, scope);
    if (key.kind === "text") taken.add(key.value);
    const site = siteOf(scope, property.key);
    const item = readMember(t, value, { value: key, site }, site);
    bindPattern(t, property.value, item, scope, bind);
  }
}

function withoutProperties(value: Value, taken: ReadonlySet<string>): Value {
  if (value.kind !== "record") return value;
  const names = value.names.filter((name) => !taken.has(name));
  return { ...value, names, get: (name) => (taken.has(name) ? null : value.get(name)) };
}

function bindArray(t: Tracer, node: ArrayPattern, value: Value, scope: Scope, bind: Bind): void {
  node.elements.forEach((element, at) => {
    if (element === null) return;
    if (element.type === "RestElement") {
      const items = value.kind === "list" ? value.items.slice(at) : [];
      bindPattern(t, element.argument, { kind: "list", items }, scope, bind);
      return;
    }
    const site = siteOf(scope, element);
    const item = readMember(t, value, { value: staticValue(at), site }, site);
    bindPattern(t, element, item, scope, bind);
  });
}

/** Takes a value apart by a pattern. */
export function bindPattern(
  t: Tracer,
  node: Pattern,
  value: Value,
  scope: Scope,
  bind: Bind,
): void {
  const site = siteOf(scope, node);
  switch (node.type) {
    case "Identifier":
      bind(node, value);
      return;
    case "ObjectPattern":
      bindObject(t, node, value, scope, bind);
      return;
    case "ArrayPattern":
      if (value.kind !== "list") {
        const remedy = "Index it: `const first = table[0]`.";
        fail(
          site,
          `This is ${describeValue(value)}, which an array pattern cannot take apart`,
          remedy,
        );
      }
      bindArray(t, node, value, scope, bind);
      return;
    case "AssignmentPattern":
      fail(site, "Default values are not traced", "Pass every value, or capture the default.");
      break;
    case "MemberExpression":
      fail(
        site,
        "A function that becomes a kernel cannot change captures, arrays or objects",
        "Use a variable declared with `let`, or compute the change before the call.",
      );
      break;
    case "RestElement":
      fail(site, "A rest element is not traced here", "Name each value.");
      break;
    default:
      node satisfies never;
  }
}
