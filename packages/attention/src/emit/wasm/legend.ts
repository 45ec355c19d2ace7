/** What stands above a kernel's text. */
import { printNode } from "../../ir/print.ts";
import type { Expression } from "../../ir/types.ts";
import type { KernelSpec } from "../../runtime/device.ts";

const forward = [
  "One item: up to 128 queries of one (batch, head), in panels of 8 (two vectors of four lanes).",
  "  start      Q^T into panels [D][8]; m = -inf, l = 0, O = 0",
  "  tiles      each run of keys, in tiles; each panel over each tile:",
  "  keep         partial runs: lane masks [key][8]; keys that nobody attends to drop out",
  "  scoreTile    S^T[key][8] = K Q^T; a few keys by 8 queries at a time",
  "  adjust       s = score(scale s), -inf where masked; m' = max(m, s)",
  "  weigh        p = 2^(c (s - m')); alpha = 2^(c (m - m')); l = alpha l + sum of p",
  "  valueTile    O^T[v][8] = alpha O^T + V^T P^T; a few columns of V by 8 queries at a time",
  "  end        out = O / l, lse = m + ln l",
];

const decode = [
  "One item: one split of keys, for all query rows of one key head, in groups of up to 4.",
  "  group      each run of keys within the split, in tiles:",
  "  dots         s[row][key] = q . k; four keys and one or two rows at a time",
  "  adjustRow    s = score(scale s), -inf where masked; m' = max(m, s); four keys in the lanes",
  "  weighRow     p = 2^(c (s - m')); alpha = 2^(c (m - m')); l = alpha l + sum of p",
  "  weighted     O[row][v] = alpha O + p V; one or two rows at a time",
  "combine: m = max m_i, l = sum of l_i 2^(c (m_i - m)), O likewise; out = O / l, lse = m + ln l",
];

const written = (title: string, expression: Expression | null): string[] =>
  expression === null
    ? []
    : [
        `${title}:`,
        ...printNode(expression.root)
          .split("\n")
          .map((line) => `  ${line}`),
      ];

export const legend = (spec: KernelSpec): readonly string[] => [
  `Attention, ${spec.schedule}: D = ${spec.D}, Dv = ${spec.Dv}. Addresses and records: see abi.ts.`,
  ...(spec.schedule === "forward" ? forward : decode),
  spec.score === null
    ? "s is the dot product, with the scale's sign; c = |scale| log2(e)."
    : "s is the natural logit scale * dot; c = log2(e).",
  ...written("score", spec.score),
  ...written("mask", spec.mask),
  ...(spec.maskBits ? ["mask: bits of the block mask"] : []),
];
