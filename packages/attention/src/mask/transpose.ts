/**
 * The transpose of a block mask: for each column of blocks, the runs of queries that visit it.
 *
 * Going down the rows, a column changes only where a row's runs differ from those of the row above,
 * and that is found by walking both lists at once; so the cost is the number of runs in and out,
 * not of blocks.
 */
import { PARTIAL, RUN, RUN_STRIDE, type BlockMask } from "./block-mask.ts";
import { RunLog } from "./run-log.ts";
import { forEachSegment, NO_RUNS, rowIndex, rowSpan } from "./walk.ts";

export interface BlockMaskColumns {
  /** Columns of blocks for one (batch, head): ceil(N / blockKv). */
  readonly columns: number;
  /**
   * Column c of (b, h) owns runs `columnStart[i]` up to `columnStart[i + 1]`, i = (b * H + h) *
   * columns + c.
   */
  readonly columnStart: Int32Array;
  /**
   * `RUN_STRIDE` integers each, by rising query: `[qStart, qEnd, kind, bits]`, rows of the query
   * tensor (no offset added), qEnd at most M. With bits, a run of partial blocks is a single block,
   * and `bits` is its number.
   */
  readonly runs: Int32Array;
}

export function transposeBlockMask(mask: BlockMask): BlockMaskColumns {
  const { B, H, N, blockKv } = mask;
  const columns = Math.ceil(N / blockKv);
  const log = new RunLog(B * H * columns);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      transposeHead(mask, rowIndex(mask, b, h, 0), log, (b * H + h) * columns);
    }
  }
  const { rowStart, runs } = log.finish();
  return { columns, columnStart: rowStart, runs };
}

function transposeHead(mask: BlockMask, firstRow: number, log: RunLog, firstColumn: number): void {
  const { M, N, rows, blockQ, blockKv, runs, bits } = mask;
  /** Row of the query tensor at which each column's newest run began. */
  const began = new Int32Array(Math.ceil(N / blockKv));
  const kindOf = (run: number): number => (run < 0 ? -1 : (runs[run * RUN_STRIDE + RUN.kind] ?? 0));
  const blockOf = (run: number, column: number): number => {
    if (bits === null || kindOf(run) !== PARTIAL) return -1;
    const at = run * RUN_STRIDE;
    return (runs[at + RUN.bits] ?? 0) + column - (runs[at + RUN.start] ?? 0) / blockKv;
  };

  for (let row = 0; row <= rows; row++) {
    const above = row > 0 ? rowSpan(mask, firstRow + row - 1) : NO_RUNS;
    const here = row < rows ? rowSpan(mask, firstRow + row) : NO_RUNS;
    const q = Math.min(row * blockQ, M);
    forEachSegment(above, here, (start, end, ending, beginning) => {
      const kind = kindOf(ending);
      if (kind === kindOf(beginning) && (kind !== PARTIAL || bits === null)) return;
      const columnEnd = Math.ceil(end / blockKv);
      for (let column = start / blockKv; column < columnEnd; column++) {
        if (ending >= 0) {
          const block = blockOf(ending, column);
          log.append(firstColumn + column, began[column] ?? 0, q, kind, block);
        }
        began[column] = q;
      }
    });
  }
}
