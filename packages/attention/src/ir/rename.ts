/** Gives the captures of an expression other names, so that a score and a mask can share one kernel. */
import { Builder, mapGraph } from "./builder.ts";
import type { CaptureValues, Expression } from "./types.ts";

/** Every uniform and tensor `name` becomes `prefix + name`. */
export function prefixCaptures(expression: Expression, prefix: string): Expression {
  const builder = new Builder();
  const renamed = mapGraph(expression.root, (node, args) => {
    if (node.op === "uniform") {
      return builder.uniform(prefix + String(node.attr), node.type === "i32" ? "i32" : "f32");
    }
    if (node.op === "load") return builder.load(prefix + String(node.attr), node.type, args);
    return builder.rebuild(node, args);
  });
  const rename = <Spec extends { readonly name: string }>(spec: Spec): Spec => ({
    ...spec,
    name: prefix + spec.name,
  });
  return {
    kind: expression.kind,
    root: renamed,
    uniforms: expression.uniforms.map(rename),
    tensors: expression.tensors.map(rename),
  };
}

/** The values of several expressions in one table, each under its expression's prefix. */
export function mergeCaptures(
  parts: readonly { readonly prefix: string; readonly values: CaptureValues }[],
): CaptureValues {
  const uniforms = new Map<string, number>();
  const tensors = new Map<
    string,
    CaptureValues["tensors"] extends ReadonlyMap<string, infer T> ? T : never
  >();
  for (const { prefix, values } of parts) {
    for (const [name, value] of values.uniforms) uniforms.set(prefix + name, value);
    for (const [name, value] of values.tensors) tensors.set(prefix + name, value);
  }
  return { uniforms, tensors };
}
