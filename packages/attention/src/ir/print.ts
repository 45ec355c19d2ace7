/**
 * The canonical text of a graph: one line per node, operands before users.
 * Equal graphs print equally in any process, so the text is the key of the kernel cache.
 */
import { digestOf, topological } from "./builder.ts";
import type { Expression, Node } from "./types.ts";

const attrOf = (node: Node): string =>
  node.attr === null ? "" : ` ${Object.is(node.attr, -0) ? "-0" : String(node.attr)}`;

/** For example `%2: bool = lt %0 %1`. */
export function printNode(root: Node): string {
  const nodes = topological([root]);
  const names = new Map(nodes.map((node, at) => [node, `%${at}`]));
  const line = (node: Node): string => {
    const args = node.args.map((arg) => ` ${names.get(arg) ?? "?"}`).join("");
    return `${names.get(node) ?? "?"}: ${node.type} = ${node.op}${attrOf(node)}${args}`;
  };
  return nodes.map(line).join("\n");
}

/** The expression with its kind and captures: the part of a kernel's key that the user wrote. */
export function printExpression(expression: Expression): string {
  const uniforms = expression.uniforms.map((spec) => `uniform ${spec.name}: ${spec.type}`);
  const tensors = expression.tensors.map(
    (spec) => `tensor ${spec.name}: ${spec.type}[${spec.rank}]`,
  );
  return [expression.kind, ...uniforms, ...tensors, printNode(expression.root)].join("\n");
}

/** A short name for an expression, equal for equal expressions; for display and for tests. */
export const expressionHash = (expression: Expression): string =>
  digestOf(printExpression(expression));
