/**
 * How control leaves a statement: by running on, or by a jump. Where that depends on a condition known only in
 * the kernel, the outcome holds the condition of each jump with the variables and the value it leaves with,
 * while the store goes on as if nothing had jumped.
 */
import { choose, or, and, not, selectCondition } from "./choose.ts";
import type { Tracer } from "./context.ts";
import { mergeStates } from "./scope.ts";
import type { State } from "./scope.ts";
import type { Condition, Value } from "./values.ts";

export type Jump = "return" | "break" | "continue";

export interface Exit {
  readonly when: Condition;
  readonly state: State;
  /** What `return` returns; undefined for the other jumps. */
  readonly value: Value;
}

export type Outcome = { readonly [K in Jump]?: Exit };

const jumps: readonly Jump[] = ["return", "break", "continue"];

/** Whether, or when, any jump is taken. */
export function leaves(t: Tracer, outcome: Outcome): Condition {
  return jumps.reduce<Condition>(
    (left, jump) => or(t.builder, left, outcome[jump]?.when ?? false),
    false,
  );
}

const jumpsOf = (pick: (jump: Jump) => Exit | undefined): Outcome =>
  Object.fromEntries(
    jumps.flatMap((jump) => {
      const exit = pick(jump);
      return exit === undefined || exit.when === false ? [] : [[jump, exit]];
    }),
  );

/** The exit of a branch: the one of the way that is taken. */
function branchExit(
  t: Tracer,
  condition: Exclude<Condition, boolean>,
  yes: Exit | undefined,
  no: Exit | undefined,
): Exit | undefined {
  const { builder } = t;
  if (yes === undefined && no === undefined) return undefined;
  if (no === undefined) return yes && { ...yes, when: and(builder, condition, yes.when) };
  if (yes === undefined) return { ...no, when: and(builder, not(builder, condition), no.when) };
  return {
    when: selectCondition(builder, condition, yes.when, no.when),
    state: mergeStates(builder, condition, yes.state, no.state),
    value: choose(builder, condition, yes.value, no.value),
  };
}

/** Runs one way of a branch, or both where the condition is known only in the kernel. */
export function branch(
  t: Tracer,
  condition: Condition,
  yes: () => Outcome,
  no: () => Outcome,
): Outcome {
  if (typeof condition === "boolean") return condition ? yes() : no();
  const { store, builder } = t;
  const before = store.snapshot();
  const taken = yes();
  const afterYes = store.snapshot();
  store.restore(before);
  const other = no();
  if (leaves(t, other) === true) store.restore(afterYes);
  else if (leaves(t, taken) !== true) {
    store.restore(mergeStates(builder, condition, afterYes, store.snapshot()));
  }
  return jumpsOf((jump) => branchExit(t, condition, taken[jump], other[jump]));
}

/** What follows a statement that may have jumped: the rest runs where it has not. */
export function sequence(t: Tracer, first: Outcome, rest: () => Outcome): Outcome {
  const { builder } = t;
  const left = leaves(t, first);
  if (left === true) return first;
  const second = rest();
  if (left === false) return second;
  return jumpsOf((jump) => {
    const [a, b] = [first[jump], second[jump]];
    if (b === undefined) return a;
    const others = leaves(t, { ...first, [jump]: undefined });
    const when = and(builder, not(builder, others), b.when);
    if (a === undefined || typeof a.when === "boolean") return { ...b, when };
    return {
      when: or(builder, a.when, when),
      state: mergeStates(builder, a.when, a.state, b.state),
      value: choose(builder, a.when, a.value, b.value),
    };
  });
}

/** Catches a jump: the variables it left with are those that the next statement sees. */
export function land(t: Tracer, outcome: Outcome, jump: Jump): Outcome {
  const exit = outcome[jump];
  if (exit === undefined) return outcome;
  const { store, builder } = t;
  if (typeof exit.when === "boolean" || leaves(t, outcome) === true) store.restore(exit.state);
  else store.restore(mergeStates(builder, exit.when, exit.state, store.snapshot()));
  return jumpsOf((other) => (other === jump ? undefined : outcome[other]));
}
