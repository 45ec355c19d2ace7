/** Takes batch elements, heads and rows of blocks out of a block mask. */
import { describe, rangeError, typeError } from "../errors.ts";
import { RUN_STRIDE, type BlockMask } from "./block-mask.ts";

/** One number, or `[start, end]` without the end. */
export type Range = number | readonly [start: number, end: number];

export interface SliceOptions {
  /** Batch elements to keep. Default: all. */
  readonly b?: Range;
  /** Query heads to keep. Default: all. */
  readonly h?: Range;
  /** Rows of blocks to keep. Default: all. */
  readonly rows?: Range;
}

/**
 * The part of a block mask that belongs to some batch elements, heads and rows of blocks.
 *
 * Where the mask is the same along an axis, that axis keeps its length of 1 and any numbers may be
 * asked for. Positions are kept (`queryOffset` moves on with the rows), batch and head numbers
 * begin again at 0: a mask function that reads `b` or `h` sees the new numbers, so run such a slice
 * only with bits or with a function that adds the start back.
 *
 * Cost: O(runs of the slice). The slice shares the bits of the whole.
 *
 * @throws TypeError   a range is neither a number nor a pair of numbers
 * @throws RangeError  a range is empty or leaves the mask
 */
export function sliceBlockMask(mask: BlockMask, options: SliceOptions = {}): BlockMask {
  const batch = checkedRange("b", options.b, mask.B, mask.B === 1);
  const heads = checkedRange("h", options.h, mask.H, mask.H === 1);
  const rows = checkedRange("rows", options.rows, mask.rows, false);
  const firstQuery = rows[0] * mask.blockQ;
  return {
    ...mask,
    B: batch[1] - batch[0],
    H: heads[1] - heads[0],
    M: Math.min(rows[1] * mask.blockQ, mask.M) - firstQuery,
    rows: rows[1] - rows[0],
    queryOffset: mask.queryOffset.slice(...batch).map((offset) => offset + firstQuery),
    kvLength: mask.kvLength.slice(...batch),
    ...takeRuns(mask, batch, heads, rows),
  };
}

type Pair = readonly [start: number, end: number];

function takeRuns(
  { H, rows: allRows, rowStart, runs }: BlockMask,
  batch: Pair,
  heads: Pair,
  rows: Pair,
): Pick<BlockMask, "rowStart" | "runs"> {
  const starts = [0];
  const parts: Int32Array[] = [];
  let total = 0;
  for (let b = batch[0]; b < batch[1]; b++) {
    for (let h = heads[0]; h < heads[1]; h++) {
      const firstRow = (b * H + h) * allRows + rows[0];
      const lastRow = firstRow + rows[1] - rows[0];
      const from = rowStart[firstRow] ?? 0;
      parts.push(runs.subarray(from * RUN_STRIDE, (rowStart[lastRow] ?? 0) * RUN_STRIDE));
      for (let row = firstRow; row < lastRow; row++) {
        starts.push(total + (rowStart[row + 1] ?? 0) - from);
      }
      total = starts.at(-1) ?? 0;
    }
  }
  const taken = new Int32Array(total * RUN_STRIDE);
  let at = 0;
  for (const part of parts) {
    taken.set(part, at);
    at += part.length;
  }
  return { rowStart: Int32Array.from(starts), runs: taken };
}

function checkedRange(
  name: string,
  range: Range | undefined,
  length: number,
  shared: boolean,
): Pair {
  if (range === undefined) return [0, length];
  const given: unknown = range;
  const [start, end]: readonly unknown[] =
    Array.isArray(given) && given.length === 2 ? given : [given, Number(given) + 1];
  if (typeof start !== "number" || typeof end !== "number") {
    const remedy = "write 3 for one, [0, 4] for the first four";
    throw typeError({ name, expected: "a number, or [start, end]", got: describe(range), remedy });
  }
  const most = shared ? Infinity : length;
  const fits =
    Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end && end <= most;
  if (fits) return shared ? [0, 1] : [start, end];
  const expected = `0 <= start < end <= ${most}`;
  const remedy = "keep to what the mask was built for, or leave it out for all";
  throw rangeError({ name, expected, got: describe(range), remedy });
}
