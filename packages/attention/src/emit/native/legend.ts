/** What stands above a kernel's text. */
import { printNode } from "../../ir/print.ts";
import type { Expression } from "../../ir/types.ts";
import type { KernelSpec } from "../../runtime/device.ts";
import type { Products } from "./abi.ts";

const forward = [
  "One item: up to 128 queries of one (batch, head), in panels; lanes are queries, rows are keys.",
  "  pack       Q^T into panels [D][PANEL]; m = -inf, l = 0, O = 0",
  "  run        each run of keys, in tiles; each panel over each tile:",
  "  keep         partial runs: bits [key]; keys that nobody attends to drop out",
  "  scores       S^T[key][PANEL] = K Q^T; a few keys by one panel at a time",
  "  adjust       s = score(scale s), -inf where masked; m' = max(m, s)",
  "  weigh        p = 2^(c (s - m')); alpha = 2^(c (m - m')); l = alpha l + sum of p",
  "  values       O^T[v][PANEL] = alpha O^T + V^T P^T; a few columns of V by one panel at a time",
  "  finish     out = O / l, lse = m + ln l",
];

const tiles = [
  "One item: up to 128 queries of one (batch, head), 32 at a time; lanes are queries, rows are keys.",
  "  pack         V^T in pairs of keys; K where its rows are not whole cache lines",
  "  stage        of a block of keys; three blocks at once:",
  "    values       O^T = alpha O^T + V^T P^T of the block before, on tiles",
  "    exponentials p = 2^(c (s - m')) of this block, rounded to bf16 for the product; l = alpha l + sum of p",
  "    scores       S^T = K Q^T of the next block, on tiles",
  "    adjust       s = score(scale s), -inf where masked; m' = max(m, s)",
  "  finish       out = O / l, lse = m + ln l",
];

const decode = [
  "One item: one split of keys, for all query rows of one key head, in groups.",
  "  dots       s[row][key] = q . k, summed along d",
  "  adjust     s = score(scale s), -inf where masked; m' = max(m, s); lanes are keys",
  "  weigh      p = 2^(c (s - m')); alpha = 2^(c (m - m')); l = alpha l + sum of p",
  "  values     O[row][v] = alpha O + p V; lanes are columns of V",
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

const commented = (lines: readonly string[]): string =>
  ["/*", ...lines.map((line) => ` * ${line.replaceAll("*/", "* /")}`.trimEnd()), " */"].join("\n");

export function legend(spec: KernelSpec, products: Products): string {
  const parts = spec.schedule === "decode" ? decode : products === "f32" ? forward : tiles;
  return commented([
    `Attention, ${spec.schedule}: D = ${spec.D}, Dv = ${spec.Dv}, ${spec.dtype}, products in ${products}. The launch: see abi.ts.`,
    ...parts,
    spec.score === null
      ? "s is the dot product, with the scale's sign; c = |scale| log2(e)."
      : "s is the natural logit scale * dot; c = log2(e).",
    ...written("score", spec.score),
    ...written("mask", spec.mask),
    ...(spec.maskBits ? ["mask: bits of the block mask"] : []),
  ]);
}
