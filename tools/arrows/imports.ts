import { parse } from "acorn";
import type { Node } from "acorn";
import { transform } from "esbuild";

export interface Import {
  readonly specifier: string;
  /** `type` vanishes when types are stripped; `lazy` is `import("...")`. */
  readonly kind: "static" | "lazy" | "type";
}

const typeImport = /^\s*(?:import|export)\s+type\b[^"';]*?\bfrom\s*["']([^"']+)["']/gm;

/** Every module that a TypeScript source names, in the order value imports, then type imports. */
export async function importsOf(source: string): Promise<Import[]> {
  // esbuild strips the types exactly as Node does: `import { type T }` stays an import, `import
  // type` goes.
  const { code } = await transform(source, {
    loader: "ts",
    target: "esnext",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  });
  const found: Import[] = [];
  visit(parse(code, { ecmaVersion: "latest", sourceType: "module" }), found);
  for (const [, specifier] of source.matchAll(typeImport)) {
    if (specifier !== undefined) found.push({ specifier, kind: "type" });
  }
  return found;
}

const isNode = (value: unknown): value is Node & { source?: unknown } =>
  typeof value === "object" && value !== null && "type" in value;

function visit(node: Node & { source?: unknown }, found: Import[]): void {
  if (isNode(node.source) && "value" in node.source && typeof node.source.value === "string") {
    const kind = node.type === "ImportExpression" ? "lazy" : "static";
    found.push({ specifier: node.source.value, kind });
  }
  for (const child of Object.values(node)) {
    if (isNode(child)) visit(child, found);
    else if (Array.isArray(child)) for (const item of child) if (isNode(item)) visit(item, found);
  }
}
