/** What tells kernels apart: everything that a `KernelSpec` says, and nothing else. */
import { printExpression } from "../../ir/print.ts";
import type { Expression } from "../../ir/types.ts";
import type { KernelSpec } from "../device.ts";

const texts = new WeakMap<Expression, string>();

/** Expressions are immutable, and callers keep theirs: printing one at every call would cost more than a small launch. */
function textOf(expression: Expression | null): string {
  if (expression === null) return "none";
  const text = texts.get(expression) ?? printExpression(expression);
  texts.set(expression, text);
  return text;
}

export const specKey = ({ schedule, D, Dv, dtype, maskBits, score, mask }: KernelSpec): string =>
  [schedule, D, Dv, dtype, maskBits, textOf(score), textOf(mask)].join("\n");
