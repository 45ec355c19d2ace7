/** Refuses integer expressions that leave 32 bits, or divide by zero, at the lengths of one call. */
import { checkRanges } from "../ir/check-ranges.ts";
import type { CaptureValues, Expression } from "../ir/types.ts";

/** Where scores can be: what bounds `b`, `h`, `q` and `kv`. */
export interface Extent {
  readonly B: number;
  readonly Hq: number;
  readonly M: number;
  readonly queryOffset: Int32Array;
  readonly kvLength: Int32Array;
}

/** @throws RangeError  showing the expression and the range it can take */
export function checkRangesAt(
  expression: Expression,
  captures: CaptureValues,
  extent: Extent,
): void {
  const { B, Hq, M, queryOffset, kvLength } = extent;
  const lastKey = kvLength.reduce((most, length) => Math.max(most, length), 0) - 1;
  if (lastKey < 0) return;
  const [first, last] = queryOffset.reduce(
    ([least, most], offset) => [Math.min(least, offset), Math.max(most, offset)],
    [Infinity, -Infinity],
  );
  checkRanges(expression, captures, {
    b: { lo: 0, hi: B - 1 },
    h: { lo: 0, hi: Hq - 1 },
    q: { lo: first, hi: last + M - 1 },
    kv: { lo: 0, hi: lastKey },
  });
}
