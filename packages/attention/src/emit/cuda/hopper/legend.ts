/** What stands above the kernel's text. */
import { printNode } from "../../../ir/print.ts";
import type { Expression } from "../../../ir/types.ts";
import type { KernelSpec } from "../../../runtime/device.ts";
import type { HopperTile } from "./tile.ts";

const written = (title: string, expression: Expression | null): string[] =>
  expression === null
    ? []
    : [
        `${title}:`,
        ...printNode(expression.root)
          .split("\n")
          .map((line) => `  ${line}`),
      ];

const lines = (spec: KernelSpec, tile: HopperTile): readonly string[] => [
  `Attention, forward, for Hopper (sm_90a): D = ${spec.D}, Dv = ${spec.Dv}, ${spec.dtype}.`,
  `One item: ${tile.groups * 64} queries of one (batch, head), 64 for each consumer group. Blocks take items from a queue.`,
  "  producer     one thread: TMA copies of the item's queries, then of keys and values, step by step",
  "  consumers    S = Q K^T in registers (wgmma), together with O += P V of the step before",
  "    adjust       s = score(scale s), -inf where masked; masked steps come first, whole ones have no mask",
  "    weigh        m = max(m, s), p = 2^(c (s - m)), l = sum of p; O is rescaled only where m grew by more than 2^8",
  `  groups pass a token round: while one's products run, ${tile.groups === 2 ? "the other computes" : "the others compute"} weights`,
  "  finish       out = O / l, lse = m + ln l",
  spec.score === null
    ? "s is the dot product, with the scale's sign; c = |scale| log2(e)."
    : "s is the natural logit scale * dot; c = log2(e).",
  ...written("score", spec.score),
  ...written("mask", spec.mask),
  ...(spec.maskBits ? ["mask: bits of the block mask"] : []),
];

export const legend = (spec: KernelSpec, tile: HopperTile): string =>
  lines(spec, tile)
    .map((line) => `// ${line}\n`)
    .join("");
