/** Reading a block mask by absolute batch element, head and query row; no block mask means every existing key. */
import { type BlockMask, FULL, PARTIAL, RUN_STRIDE } from "../mask/block-mask.ts";

/** What every plan needs to know of a launch's mask. */
export interface Masking {
  readonly blockMask: BlockMask | null;
  /** [B]: keys from there on do not exist. */
  readonly kvLength: Int32Array;
}

/** Half-open range of keys; empty where `start >= end`. */
export interface KeyRange {
  readonly start: number;
  readonly end: number;
}

const lengthOf = (masking: Masking, b: number): number => masking.kvLength[b] ?? 0;

/** Number of the row of blocks that holds query row `row`, in `rowStart`. */
function rowIndex(mask: BlockMask, b: number, h: number, row: number): number {
  const plane = (mask.B === 1 ? 0 : b) * mask.H + (mask.H === 1 ? 0 : h);
  return plane * mask.rows + Math.floor(row / mask.blockQ);
}

/** Called with the keys [start, end) of a run, and whether all of them are attended to (`FULL`) or maybe not (`PARTIAL`). */
export type VisitRun = (start: number, end: number, kind: number) => void;

/** Visits each run that query row `row` of (b, h) lists, by rising key. */
export function eachRun(
  masking: Masking,
  at: { readonly b: number; readonly h: number; readonly row: number },
  visit: VisitRun,
): void {
  const mask = masking.blockMask;
  const length = lengthOf(masking, at.b);
  if (mask === null) {
    if (length > 0) visit(0, length, FULL);
    return;
  }
  const index = rowIndex(mask, at.b, at.h, at.row);
  const last = mask.rowStart[index + 1] ?? 0;
  for (let run = mask.rowStart[index] ?? 0; run < last; run++) {
    const start = mask.runs[run * RUN_STRIDE] ?? 0;
    const end = Math.min(mask.runs[run * RUN_STRIDE + 1] ?? 0, length);
    if (start < end) visit(start, end, mask.runs[run * RUN_STRIDE + 2] ?? PARTIAL);
  }
}

/** Keys listed for query row `row` of (b, h): the length of its work. */
export function keysOfRow(masking: Masking, b: number, h: number, row: number): number {
  let keys = 0;
  eachRun(masking, { b, h, row }, (start, end) => {
    keys += end - start;
  });
  return keys;
}

/** Rows of blocks have one list of runs each: the first query row of every one that meets [first, last). */
export function blockRows(masking: Masking, first: number, last: number): number[] {
  const step = masking.blockMask?.blockQ ?? Math.max(last - first, 1);
  const rows: number[] = [];
  for (let row = first; row < last; row = (Math.floor(row / step) + 1) * step) rows.push(row);
  return rows;
}

/** The smallest range that holds every key listed for rows [first, last) of heads [h0, h1) of batch element b. */
export function keyRange(
  masking: Masking,
  box: {
    readonly b: number;
    readonly h0: number;
    readonly h1: number;
    readonly first: number;
    readonly last: number;
  },
): KeyRange {
  if (masking.blockMask === null) return { start: 0, end: lengthOf(masking, box.b) };
  const h1 = masking.blockMask.H === 1 ? box.h0 + 1 : box.h1;
  let start = Infinity;
  let end = 0;
  for (const row of blockRows(masking, box.first, box.last)) {
    for (let h = box.h0; h < h1; h++) {
      eachRun(masking, { b: box.b, h, row }, (from, to) => {
        start = Math.min(start, from);
        end = Math.max(end, to);
      });
    }
  }
  return { start: Math.min(start, end), end };
}
