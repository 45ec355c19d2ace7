/** Which masks are decided once, on the CPU, and enter kernels as bits. */
import { topological } from "../ir/builder.ts";
import type { Expression } from "../ir/types.ts";

/**
 * Whether the answer depends on a value that is neither an integer nor a truth value: a comparison
 * of floats, or a float made an integer. Targets may round those differently; integers are exact
 * everywhere.
 */
export const needsBits = (expression: Expression): boolean =>
  topological([expression.root]).some((node) => node.type === "f32");
