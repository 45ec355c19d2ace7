/** Walks over runs: one list, or two side by side. */
import { RUN, RUN_STRIDE, type BlockMask } from "./block-mask.ts";

/**
 * Receives the keys `start` up to `end`, the kind, and the number of the first block in `bits` (or
 * -1).
 */
export type RunVisitor = (start: number, end: number, kind: number, bits: number) => void;

/** The mask's own batch element for `b`: a mask of one serves every element. */
export const ownBatch = (mask: BlockMask, b: number): number => (mask.B === 1 ? 0 : b);

/**
 * Number of row `row` of blocks of (b, h) in `rowStart`; axes that the mask does not distinguish
 * count as 0.
 */
export const rowIndex = (mask: BlockMask, b: number, h: number, row: number): number =>
  (ownBatch(mask, b) * mask.H + (mask.H === 1 ? 0 : h)) * mask.rows + row;

/** The runs of one row of blocks, by rising key. */
export function forEachRun(mask: BlockMask, rowNumber: number, visit: RunVisitor): void {
  const { runs, rowStart } = mask;
  const end = (rowStart[rowNumber + 1] ?? 0) * RUN_STRIDE;
  for (let at = (rowStart[rowNumber] ?? 0) * RUN_STRIDE; at < end; at += RUN_STRIDE) {
    visit(
      runs[at + RUN.start] ?? 0,
      runs[at + RUN.end] ?? 0,
      runs[at + RUN.kind] ?? 0,
      runs[at + RUN.bits] ?? 0,
    );
  }
}

/** Part of a run list: runs `from` up to `to`. */
export interface RunSpan {
  readonly runs: Int32Array;
  readonly from: number;
  readonly to: number;
}

export const NO_RUNS: RunSpan = { runs: new Int32Array(0), from: 0, to: 0 };

export const rowSpan = (mask: BlockMask, rowNumber: number): RunSpan => ({
  runs: mask.runs,
  from: mask.rowStart[rowNumber] ?? 0,
  to: mask.rowStart[rowNumber + 1] ?? 0,
});

/** Receives the keys `start` up to `end` and the run of each list that covers them, or -1. */
export type SegmentVisitor = (start: number, end: number, runA: number, runB: number) => void;

/** Cuts the keys where either list begins or ends a run; keys that neither covers are left out. */
export function forEachSegment(a: RunSpan, b: RunSpan, visit: SegmentVisitor): void {
  const edge = ({ runs, to }: RunSpan, run: number, field: number): number =>
    run < to ? (runs[run * RUN_STRIDE + field] ?? 0) : Infinity;
  let runA = a.from;
  let runB = b.from;
  let at = 0;
  while (runA < a.to || runB < b.to) {
    const startA = edge(a, runA, RUN.start);
    const startB = edge(b, runB, RUN.start);
    const endA = edge(a, runA, RUN.end);
    const endB = edge(b, runB, RUN.end);
    const start = Math.max(at, Math.min(startA, startB));
    const inA = startA <= start;
    const inB = startB <= start;
    const end = Math.min(inA ? endA : startA, inB ? endB : startB);
    visit(start, end, inA ? runA : -1, inB ? runB : -1);
    if (endA === end) runA++;
    if (endB === end) runB++;
    at = end;
  }
}
