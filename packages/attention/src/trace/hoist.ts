/** Declarations that hold from the start of their block or function, wherever they are written. */
import type { Pattern, Statement, VariableDeclaration } from "acorn";
import type { Tracer } from "./context.ts";
import type { Scope } from "./scope.ts";
import { undefinedValue } from "./values.ts";

/** The names that a pattern declares. */
export function namesOf(pattern: Pattern): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        namesOf(property.type === "RestElement" ? property.argument : property.value),
      );
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element === null ? [] : namesOf(element)));
    case "RestElement":
      return namesOf(pattern.argument);
    case "AssignmentPattern":
      return namesOf(pattern.left);
    case "MemberExpression":
      return [];
    default:
      return pattern satisfies never;
  }
}

const declaredBy = (node: VariableDeclaration): string[] =>
  node.declarations.flatMap(({ id }) => namesOf(id));

const isVar = (node: { readonly type: string } | null | undefined): node is VariableDeclaration =>
  node?.type === "VariableDeclaration" && (node as VariableDeclaration).kind === "var";

/** The `var` names of a statement, from inside blocks and loops but not from inside functions. */
function varNames(node: Statement): string[] {
  switch (node.type) {
    case "VariableDeclaration":
      return isVar(node) ? declaredBy(node) : [];
    case "BlockStatement":
      return node.body.flatMap(varNames);
    case "IfStatement":
      return [...varNames(node.consequent), ...(node.alternate ? varNames(node.alternate) : [])];
    case "ForStatement":
      return [...(isVar(node.init) ? declaredBy(node.init) : []), ...varNames(node.body)];
    case "ForOfStatement":
      return [...(isVar(node.left) ? declaredBy(node.left) : []), ...varNames(node.body)];
    case "WhileStatement":
    case "DoWhileStatement":
      return varNames(node.body);
    default:
      return [];
  }
}

/** `var` names, which are undefined until they are set. */
export function hoistVars(t: Tracer, statements: readonly Statement[], scope: Scope): void {
  for (const name of statements.flatMap(varNames)) {
    const cell = scope.declare(name, "var");
    // A parameter of the same name keeps its value.
    if (t.store.read(cell) === null) t.store.write(cell, undefinedValue);
  }
}

/** `let` and `const`, which have no value before their line, and functions, which have theirs at once. */
export function hoistLexical(t: Tracer, statements: readonly Statement[], scope: Scope): void {
  for (const node of statements) {
    if (node.type === "VariableDeclaration" && node.kind !== "var") {
      const kind = node.kind === "let" ? "let" : "const";
      for (const name of declaredBy(node)) scope.declare(name, kind);
    }
  }
  for (const node of statements) {
    if (node.type !== "FunctionDeclaration") continue;
    const cell = scope.declare(node.id.name, "function");
    const fn = { ...node, type: "FunctionExpression" as const };
    t.store.write(cell, t.closure(fn, scope, `\`${node.id.name}\``));
  }
}
