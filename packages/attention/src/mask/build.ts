/** Builds a block mask from the IR of a mask function, by intervals. */
import { topological } from "../ir/builder.ts";
import type { Axis, Expression } from "../ir/types.ts";
import { withBits } from "./bits.ts";
import type { BlockMask } from "./block-mask.ts";
import { coverGrid } from "./cover.ts";
import { createDeciders } from "./decide.ts";
import { createExplorer } from "./explore.ts";
import { needsBits } from "./needs-bits.ts";
import { checkBuildOptions, type BuildOptions } from "./options.ts";
import { RunList } from "./run-list.ts";

const reads = ({ root }: Expression, axis: Axis): boolean =>
  topological([root]).some((node) => node.op === "index" && node.attr === axis);

const allEqual = (values: Int32Array): boolean => values.every((value) => value === values[0]);

/**
 * How much of the mask is the same everywhere: lengths 1 for the axes along which nothing changes.
 */
export function collapse(options: BuildOptions): { readonly B: number; readonly H: number } {
  const { expression, queryOffset, kvLength, B, H } = options;
  const sameBatch = !reads(expression, "b") && allEqual(queryOffset) && allEqual(kvLength);
  return { B: sameBatch ? 1 : B, H: reads(expression, "h") ? H : 1 };
}

/**
 * The block mask of a mask function: each block empty, full or partial exactly as its elements say.
 *
 * Cost: about four interval evaluations per block on a boundary of the mask, instead of M * N
 * elements; memory by runs. Where intervals cannot decide a block and no mixture shows, its
 * elements are evaluated.
 *
 * @throws TypeError   the expression is not a mask, or an option is of the wrong type
 * @throws RangeError  a length, block size, offset or kvLength is out of range, or the bits would
 *                     not fit in memory
 */
export function buildBlockMask(options: BuildOptions): BlockMask {
  checkBuildOptions(options);
  const { expression, captures, M, N, blockQ, blockKv } = options;
  const { B, H } = collapse(options);
  const queryOffset = options.queryOffset.slice(0, B);
  const kvLength = options.kvLength.slice(0, B);
  const rows = Math.ceil(M / blockQ);
  const deciderAt = createDeciders(expression, captures);
  const list = new RunList(B * H * rows);
  for (let b = 0; b < B; b++) {
    const lengths = { queryOffset: queryOffset[b] ?? 0, kvLength: kvLength[b] ?? 0 };
    for (let h = 0; h < H; h++) {
      coverGrid({ M, blockQ, blockKv, ...lengths }, deciderAt(b, h), list);
    }
  }
  const shape = { B, H, M, N, blockQ, blockKv, rows, queryOffset, kvLength };
  const mask: BlockMask = { ...shape, ...list.finish(), bits: null };
  if (!needsBits(expression)) return mask;
  return withBits(mask, (b, h) => createExplorer(deciderAt(b, h)));
}
