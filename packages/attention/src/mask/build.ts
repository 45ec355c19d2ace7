/**
 * Builds a block mask from the IR of a mask function.
 *
 * Three ways, the first that fits: by the thresholds of its comparisons along each row (`bands.ts`); by intervals, the elements of
 * undecided blocks in words (`cover.ts`, `tiles.ts`); by intervals, such elements one by one (`cover.ts`, `settle.ts`).
 */
import { topological } from "../ir/builder.ts";
import { MAYBE, type Box } from "../ir/intervals.ts";
import type { Axis, Expression } from "../ir/types.ts";
import { coverBands, isBanded } from "./bands.ts";
import { withBits } from "./bits.ts";
import type { BlockMask } from "./block-mask.ts";
import { coverGrid, type Grid } from "./cover.ts";
import { createDeciders } from "./decide.ts";
import { createExplorer } from "./explore.ts";
import { needsBits } from "./needs-bits.ts";
import { checkBuildOptions, type BuildOptions } from "./options.ts";
import { RunList } from "./run-list.ts";
import { createSeparator } from "./separate.ts";
import type { Settler } from "./settle.ts";
import { createTileSettler, type TileSettler } from "./tiles.ts";

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

/** All positions of one (batch, head). */
const boxOf = ({ M, queryOffset, kvLength }: Grid, b: number, h: number): Box => ({
  bLo: b,
  bHi: b,
  hLo: h,
  hHi: h,
  qLo: queryOffset,
  qHi: queryOffset + M - 1,
  kvLo: 0,
  kvHi: kvLength - 1,
});

const tileByTile =
  (settle: TileSettler): Settler =>
  ({ verdict, q0, q1, kv0, kv1, length }) => {
    for (let at = 0; at < length; at++) {
      if (verdict[at] !== MAYBE) continue;
      verdict[at] = settle(q0[at] ?? 0, q1[at] ?? 0, kv0[at] ?? 0, kv1[at] ?? 0);
    }
  };

/**
 * The block mask of a mask function: each block empty, full or partial exactly as its elements say.
 *
 * Cost: a few steps per row for masks that change one way along each axis; else about four interval evaluations per block
 * on a boundary of the mask. Where intervals cannot decide a block and no mixture shows, its elements are evaluated, for
 * comparisons of a function of q with one of kv 32 at a time. Memory by runs.
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
  const needBits = needsBits(expression);
  const separateAt = needBits ? () => null : createSeparator(expression.root, captures);
  const list = new RunList(B * H * rows);
  for (let b = 0; b < B; b++) {
    const lengths = { queryOffset: queryOffset[b] ?? 0, kvLength: kvLength[b] ?? 0 };
    for (let h = 0; h < H; h++) {
      const grid = { M, blockQ, blockKv, ...lengths };
      const separable = lengths.kvLength === 0 ? null : separateAt(boxOf(grid, b, h));
      if (separable === null) coverGrid(grid, deciderAt(b, h), list);
      else if (isBanded(separable)) coverBands(grid, separable, list);
      else coverGrid(grid, deciderAt(b, h), list, tileByTile(createTileSettler(separable)));
    }
  }
  const shape = { B, H, M, N, blockQ, blockKv, rows, queryOffset, kvLength };
  const mask: BlockMask = { ...shape, ...list.finish(), bits: null };
  if (!needBits) return mask;
  return withBits(mask, (b, h) => createExplorer(deciderAt(b, h)));
}
