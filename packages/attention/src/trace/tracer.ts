/** Puts the rules together: one tracer per expression that is traced. */
import { Builder } from "../ir/builder.ts";
import { siteOf } from "./context.ts";
import type { Tracer } from "./context.ts";
import { evaluateExpression } from "./expressions.ts";
import { CallStack, makeClosure } from "./functions.ts";
import { globalsOf } from "./globals.ts";
import { Store } from "./scope.ts";
import { fail } from "./site.ts";

/** Expressions evaluated, loops and calls unrolled; more would be no kernel that anyone wants to compile. */
const maxSteps = 200_000;

export function openTracer(builder: Builder = new Builder()): Tracer {
  const stack = new CallStack();
  let steps = 0;
  const t: Tracer = {
    builder,
    store: new Store(),
    globals: globalsOf(builder),
    evaluate: (node, scope) => {
      if (++steps > maxSteps) {
        const remedy = "Unroll fewer loops, or compute a table outside and capture it.";
        fail(siteOf(scope, node), "The function grows too large when it is unrolled", remedy);
      }
      return evaluateExpression(t, node, scope);
    },
    closure: (node, scope, title) => makeClosure(t, stack, node, scope, title),
  };
  return t;
}
