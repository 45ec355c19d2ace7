/** Functions of the user's text: closures over their scope, inlined at every call. */
import type { Pattern } from "acorn";
import { choose } from "./choose.ts";
import { siteOf } from "./context.ts";
import type { Tracer } from "./context.ts";
import { hoistLexical, hoistVars } from "./hoist.ts";
import type { Outcome } from "./outcomes.ts";
import { bindPattern } from "./patterns.ts";
import { mergeStates, Scope } from "./scope.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import type { FunctionNode } from "./source.ts";
import { runAll } from "./statements.ts";
import { undefinedValue } from "./values.ts";
import type { CallableValue, Value } from "./values.ts";

/** Calls inside calls; more is recursion by another name. */
const maxDepth = 64;

function bindParameters(
  t: Tracer,
  params: readonly Pattern[],
  args: readonly Value[],
  scope: Scope,
): void {
  params.forEach((param, at) => {
    const isRest = param.type === "RestElement";
    const value: Value = isRest
      ? { kind: "list", items: args.slice(at) }
      : (args[at] ?? undefinedValue);
    bindPattern(t, isRest ? param.argument : param, value, scope, (name, part) => {
      t.store.write(scope.declare(name.name, "param"), part);
    });
  });
}

/** What the function returned; where it may run off its end, that path gives undefined. */
function returned(t: Tracer, outcome: Outcome): Value {
  const exit = outcome.return;
  if (exit === undefined) return undefinedValue;
  const { store, builder } = t;
  if (typeof exit.when === "boolean") {
    store.restore(exit.state);
    return exit.value;
  }
  store.restore(mergeStates(builder, exit.when, exit.state, store.snapshot()));
  return choose(builder, exit.when, exit.value, undefinedValue);
}

function runBody(t: Tracer, node: FunctionNode, scope: Scope): Value {
  const { body } = node;
  if (body.type !== "BlockStatement") return t.evaluate(body, scope);
  hoistVars(t, body.body, scope);
  hoistLexical(t, body.body, scope);
  return returned(t, runAll(t, body.body, scope));
}

/** A function expression may call itself by its own name, which is refused as recursion when it does. */
function scopeOfName(t: Tracer, node: FunctionNode, outer: Scope, self: CallableValue): Scope {
  if (node.type !== "FunctionExpression" || !node.id) return outer;
  const scope = new Scope(outer.source, outer);
  t.store.write(scope.declare(node.id.name, "const"), self);
  return scope;
}

function refuseImpure(node: FunctionNode, scope: Scope): void {
  if (!node.async && !node.generator) return;
  const kind = node.async ? "An async function" : "A generator";
  fail(siteOf(scope, node), `${kind} cannot become a kernel`, "Use an ordinary function.");
}

/** The calls that have not returned yet, so that recursion is seen. */
export class CallStack {
  readonly #active: CallableValue[] = [];

  run(callable: CallableValue, site: Site, body: () => Value): Value {
    if (this.#active.includes(callable) || this.#active.length >= maxDepth) {
      const remedy = "Write a loop whose bounds are known, or a closed formula.";
      fail(site, `${callable.title} calls itself`, remedy);
    }
    this.#active.push(callable);
    const value = body();
    this.#active.pop();
    return value;
  }
}

/** The function as a value. Each call runs its text anew, with the arguments in fresh variables. */
export function makeClosure(
  t: Tracer,
  stack: CallStack,
  node: FunctionNode,
  outer: Scope,
  title: string,
): CallableValue {
  refuseImpure(node, outer);
  const call = (args: readonly Value[], site: Site): Value =>
    stack.run(self, site, () => {
      const scope = new Scope(outer.source, scopeOfName(t, node, outer, self));
      bindParameters(t, node.params, args, scope);
      return runBody(t, node, scope);
    });
  const self: CallableValue = {
    kind: "callable",
    title,
    call,
    text: { source: outer.source, node },
  };
  return self;
}
