/** One rule per kind of statement. */
import type {
  Expression,
  ForOfStatement,
  ForStatement,
  Pattern,
  Statement,
  VariableDeclaration,
} from "acorn";
import { toCondition } from "./coerce.ts";
import { siteOf } from "./context.ts";
import type { Tracer } from "./context.ts";
import { hoistLexical } from "./hoist.ts";
import { branch, land, leaves, sequence } from "./outcomes.ts";
import type { Jump, Outcome } from "./outcomes.ts";
import { bindPattern } from "./patterns.ts";
import { refusals } from "./refusals.ts";
import { Scope } from "./scope.ts";
import { fail } from "./site.ts";
import type { Site } from "./site.ts";
import { describeValue, undefinedValue } from "./values.ts";
import type { Condition, Value } from "./values.ts";

type StatementType = Statement["type"];
type Rule<K extends StatementType> = (
  t: Tracer,
  node: Extract<Statement, { type: K }>,
  scope: Scope,
) => Outcome;

const runsOn: Outcome = {};

/** Turns of one loop: each is copied into the kernel. */
const maxTurns = 1024;

const jump = (t: Tracer, kind: Jump, value: Value): Outcome => ({
  [kind]: { when: true, state: t.store.snapshot(), value },
});

/** A function takes the name of its variable, for messages. */
function initial(t: Tracer, id: Pattern, init: Expression, scope: Scope): Value {
  const isFunction = init.type === "ArrowFunctionExpression" || init.type === "FunctionExpression";
  if (!isFunction || id.type !== "Identifier") return t.evaluate(init, scope);
  return t.closure(init, scope, `\`${id.name}\``);
}

function declare(t: Tracer, node: VariableDeclaration, scope: Scope): void {
  if (node.kind === "using" || node.kind === "await using") {
    fail(siteOf(scope, node), "`using` has no meaning in a kernel", "Write `const`.");
  }
  for (const { id, init } of node.declarations) {
    // `var a;` leaves the variable as it is.
    if (node.kind === "var" && !init) continue;
    const value = init ? initial(t, id, init, scope) : undefinedValue;
    bindPattern(t, id, value, scope, (name, part) => {
      const cell = scope.find(name.name);
      if (cell !== null) t.store.write(cell, part);
    });
  }
}

/** A block in a scope of its own. */
function block(t: Tracer, statements: readonly Statement[], outer: Scope): Outcome {
  const scope = new Scope(outer.source, outer);
  hoistLexical(t, statements, scope);
  return runAll(t, statements, scope);
}

interface Loop {
  readonly site: Site;
  readonly test: () => Condition;
  readonly body: () => Outcome;
  readonly next: () => void;
}

function failEndless(loop: Loop, test: Condition): never {
  if (test === true) {
    const remedy = "Use fewer turns, or compute a table outside and capture it.";
    return fail(loop.site, `This loop runs more than ${maxTurns} times`, remedy);
  }
  return fail(
    loop.site,
    "How often this loop runs is not known before the kernel runs",
    "Bound it by a number written in the function, or captured with constant(...).",
  );
}

/**
 * Copies the body once per turn. A test known only in the kernel is a `break` by a condition, as long as another
 * one ends the loop: `i < 8 && ids[i] !== kv`. Behind such a `break`, the other turns are one conditional whole.
 */
function unroll(t: Tracer, loop: Loop): Outcome {
  const stop = (): Outcome => jump(t, "break", undefinedValue);
  const turns = (first: number): Outcome => {
    for (let turn = first; ; turn++) {
      const test = loop.test();
      if (test === false) return runsOn;
      if (turn >= maxTurns) failEndless(loop, test);
      const outcome = land(t, branch(t, test, loop.body, stop), "continue");
      const left = leaves(t, outcome);
      if (left === true) return outcome;
      loop.next();
      if (left !== false) return sequence(t, outcome, () => turns(turn + 1));
    }
  };
  return land(t, turns(0), "break");
}

const testOf =
  (t: Tracer, node: Expression, scope: () => Scope): Loop["test"] =>
  () =>
    toCondition(t.builder, t.evaluate(node, scope()), siteOf(scope(), node));

function forLoop(t: Tracer, node: ForStatement, outer: Scope): Outcome {
  let scope = new Scope(outer.source, outer);
  const { init, test, update } = node;
  if (init?.type === "VariableDeclaration") {
    hoistLexical(t, [init], scope);
    declare(t, init, scope);
  } else if (init) t.evaluate(init, scope);
  return unroll(t, {
    site: siteOf(scope, test ?? node),
    test: test ? testOf(t, test, () => scope) : () => true,
    body: () => runStatement(t, node.body, scope),
    next: () => {
      scope = scope.renewed(t.store);
      if (update) t.evaluate(update, scope);
    },
  });
}

function forOfLoop(t: Tracer, node: ForOfStatement, outer: Scope): Outcome {
  const { left } = node;
  const site = siteOf(outer, node.right);
  const list = t.evaluate(node.right, outer);
  if (list.kind !== "list" || node.await || left.type !== "VariableDeclaration") {
    const remedy = "Loop over an array written in the function or captured with constant([...]).";
    return fail(site, `This is ${describeValue(list)}, which cannot be looped over`, remedy);
  }
  let at = 0;
  const body = (): Outcome => {
    const scope = new Scope(outer.source, outer);
    hoistLexical(t, [left], scope);
    const pattern = left.declarations[0]?.id;
    const item = list.items[at] ?? undefinedValue;
    if (pattern !== undefined) {
      bindPattern(t, pattern, item, scope, (name, part) => {
        const cell = scope.find(name.name);
        if (cell !== null) t.store.write(cell, part);
      });
    }
    return runStatement(t, node.body, scope);
  };
  return unroll(t, { site, test: () => at < list.items.length, body, next: () => void at++ });
}

const rules: { readonly [K in StatementType]?: Rule<K> } = {
  EmptyStatement: () => runsOn,
  ExpressionStatement: (t, node, scope) => {
    t.evaluate(node.expression, scope);
    return runsOn;
  },
  VariableDeclaration: (t, node, scope) => {
    declare(t, node, scope);
    return runsOn;
  },
  // Its value was set when the block was entered.
  FunctionDeclaration: () => runsOn,
  BlockStatement: (t, node, scope) => block(t, node.body, scope),
  ReturnStatement: (t, node, scope) =>
    jump(t, "return", node.argument ? t.evaluate(node.argument, scope) : undefinedValue),
  IfStatement: (t, node, scope) => {
    const { test, consequent, alternate } = node;
    const condition = toCondition(t.builder, t.evaluate(test, scope), siteOf(scope, test));
    const otherwise = (): Outcome => (alternate ? runStatement(t, alternate, scope) : runsOn);
    return branch(t, condition, () => runStatement(t, consequent, scope), otherwise);
  },
  BreakStatement: (t, node, scope) => {
    if (node.label) fail(siteOf(scope, node), "Labels are not traced", "Break the inner loop.");
    return jump(t, "break", undefinedValue);
  },
  ContinueStatement: (t, node, scope) => {
    if (node.label) fail(siteOf(scope, node), "Labels are not traced", "Use an inner loop.");
    return jump(t, "continue", undefinedValue);
  },
  ForStatement: forLoop,
  ForOfStatement: forOfLoop,
  WhileStatement: (t, node, scope) => {
    return unroll(t, {
      site: siteOf(scope, node.test),
      test: testOf(t, node.test, () => scope),
      body: () => runStatement(t, node.body, scope),
      next: () => {},
    });
  },
  DoWhileStatement: (t, node, scope) => {
    const site = siteOf(scope, node.test);
    const again = testOf(t, node.test, () => scope);
    let isFirst = true;
    return unroll(t, {
      site,
      test: () => isFirst || again(),
      body: () => runStatement(t, node.body, scope),
      next: () => void (isFirst = false),
    });
  },
};

export function runStatement(t: Tracer, node: Statement, scope: Scope): Outcome {
  // The table pairs each type with a rule for just that type, which TypeScript cannot follow by index.
  const rule = rules[node.type] as
    | ((tracer: Tracer, node: Statement, scope: Scope) => Outcome)
    | undefined;
  if (rule !== undefined) return rule(t, node, scope);
  const [problem, remedy] = refusals[node.type] ?? ["This is not traced", "Use plain statements."];
  return fail(siteOf(scope, node), problem, remedy);
}

/** Runs statements in turn. Behind one that may jump, all the rest is one conditional whole. */
export function runAll(t: Tracer, statements: readonly Statement[], scope: Scope): Outcome {
  for (const [at, statement] of statements.entries()) {
    const outcome = runStatement(t, statement, scope);
    const rest = (): Outcome => runAll(t, statements.slice(at + 1), scope);
    if (leaves(t, outcome) !== false) return sequence(t, outcome, rest);
  }
  return runsOn;
}
