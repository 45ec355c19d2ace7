/** Names that the function uses but neither declares nor captures: the error shows the captured form to write. */
import type { Identifier } from "acorn";
import { siteOf } from "./context.ts";
import type { Tracer } from "./context.ts";
import { insteadOfGlobal } from "./instead.ts";
import type { Scope } from "./scope.ts";
import { fail } from "./site.ts";
import type { Source } from "./source.ts";

interface SyntaxNode {
  readonly type: string;
}

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";

const children = (node: SyntaxNode): unknown[] => Object.values(node).flat();

const isIdentifier = (value: SyntaxNode): value is Identifier => value.type === "Identifier";

/** The parts of a node that are names of properties, not of variables. */
function propertyName(node: SyntaxNode): unknown {
  const isNamed = node.type === "MemberExpression" || node.type === "Property";
  if (!isNamed || !("computed" in node) || node.computed === true) return null;
  if ("shorthand" in node && node.shorthand === true) return null;
  return node.type === "MemberExpression" && "property" in node
    ? node.property
    : "key" in node
      ? node.key
      : null;
}

/** Every name that stands for a variable, in the order of the text. */
function namesIn(node: SyntaxNode, found: Set<string>): Set<string> {
  if (isIdentifier(node)) found.add(node.name);
  const skipped = propertyName(node);
  for (const child of children(node)) {
    if (isNode(child) && child !== skipped) namesIn(child, found);
  }
  return found;
}

/** The names that parameters and declarations introduce anywhere in the function. */
function declaredIn(node: SyntaxNode, found: Set<string>): Set<string> {
  if ("params" in node && Array.isArray(node.params)) {
    for (const param of node.params) if (isNode(param)) namesIn(param, found);
  }
  if ("id" in node && isNode(node.id)) namesIn(node.id, found);
  for (const child of children(node)) if (isNode(child)) declaredIn(child, found);
  return found;
}

function freeNames(t: Tracer, source: Source): string[] {
  const declared = declaredIn(source.fn, new Set());
  return [...namesIn(source.fn, new Set())].filter(
    (name) => !declared.has(name) && !t.globals.has(name) && name !== "arguments",
  );
}

/** Most captures that a remedy lists beside the new ones. */
const shownNames = 6;

/** Longest function that a remedy repeats. */
const shownText = 120;

/** The call with the names captured: what the user should write. */
function capturedForm({ role, text }: Source, names: readonly string[]): string {
  const before = role.captures ?? [];
  const shown = before.length > shownNames ? ["..."] : before;
  const captured = [...shown, ...names].join(", ");
  const inner = text.length <= shownText && !text.includes("\n") ? text : "...";
  const body = role.captures === null ? inner : "...";
  return `${role.call}({ ${captured} }, ({ ${captured} }) => ${body})`;
}

/** What tools make of a name: a coverage counter, or the module that an imported name comes from. */
const rewritten: readonly (readonly [pattern: RegExp, remedy: string])[] = [
  [
    /^_*cov_/,
    "A coverage tool has rewritten the function: use one that counts in the engine (v8).",
  ],
  [/_(import|imported)_/i, "It stands for an imported module: capture the imported name."],
];

function remedyFor(t: Tracer, source: Source, name: string): string {
  const known = rewritten.find(([pattern]) => pattern.test(name));
  if (known !== undefined) return known[1];
  const names = freeNames(t, source);
  if (source.role.call !== "helper") return `Capture it: ${capturedForm(source, names)}`;
  return `A captured function sees only its arguments: pass \`${name}\` as one, or capture it in the mod.`;
}

/** Refuses a name that is neither declared, nor captured, nor a global of a kernel. */
export function failFreeName(t: Tracer, node: Identifier, scope: Scope): never {
  const { name } = node;
  if (name === "arguments") {
    fail(siteOf(scope, node), "`arguments` is not traced", "Name the parameters.");
  }
  const instead = insteadOfGlobal.get(name);
  if (instead !== undefined) {
    fail(siteOf(scope, node), `\`${name}\` has no meaning in a kernel`, instead);
  }
  const problem = `\`${name}\` is not visible to the compiler: a function's text does not show its closure`;
  return fail(siteOf(scope, node), problem, remedyFor(t, scope.source, name));
}
