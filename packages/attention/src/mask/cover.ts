/**
 * Covers the grid of blocks of one (batch, head) with runs: a block mask of ever smaller blocks.
 *
 * It begins with one block over everything, taken for partial. Halving the block size, full and
 * empty blocks stay what they are, whatever their width; partial ones are cut into cells of the new
 * size, and all cells of many rows are put to the intervals at once. So rows come out sorted and
 * joined, no decided area is ever taken apart, and a boundary that crosses the grid once costs
 * about four verdicts per block on it, as in a quadtree.
 */
import { ALWAYS, NEVER } from "../ir/intervals.ts";
import { FULL, PARTIAL, RUN, RUN_STRIDE } from "./block-mask.ts";
import { BoxList } from "./box-list.ts";
import type { Decider } from "./decide.ts";
import { RunList, type RowRuns } from "./run-list.ts";
import { createSettler, type Settler } from "./settle.ts";

/** The scores of one (batch, head). */
export interface Grid {
  readonly M: number;
  readonly blockQ: number;
  readonly blockKv: number;
  /** Of this batch element. */
  readonly queryOffset: number;
  readonly kvLength: number;
}

/** Cells that are decided together: enough to keep loops long, few enough to stay in cache. */
const CELLS_AT_ONCE = 4096;

/** Appends the runs of all rows of blocks to the list. */
export function coverGrid(
  grid: Grid,
  decider: Decider,
  list: RunList,
  settle: Settler = createSettler(decider),
): void {
  const { M, blockQ, blockKv, kvLength } = grid;
  const across = Math.max(Math.ceil(M / blockQ), Math.ceil(kvLength / blockKv));
  const cells = new BoxList();
  const decideBlocks = (blocks: BoxList): void => {
    decider.decide(blocks);
    settle(blocks);
  };
  let coarse = allPartial(kvLength);
  for (let size = 2 ** Math.ceil(Math.log2(across)); size > 1; size /= 2) {
    const scaled = { ...grid, blockQ: size * blockQ, blockKv: size * blockKv };
    const finer = new RunList(Math.ceil(M / scaled.blockQ));
    refine(scaled, coarse, finer, cells, decider.decide);
    coarse = finer.finish();
  }
  refine(grid, coarse, list, cells, decideBlocks);
}

function allPartial(kvLength: number): RowRuns {
  const list = new RunList(1);
  if (kvLength > 0) list.append(0, kvLength, PARTIAL);
  list.endRow();
  return list.finish();
}

/** Appends the rows of `grid`, given those of blocks twice as high and wide. */
function refine(
  grid: Grid,
  coarse: RowRuns,
  finer: RunList,
  cells: BoxList,
  decide: (cells: BoxList) => void,
): void {
  const rows = Math.ceil(grid.M / grid.blockQ);
  for (let row = 0; row < rows;) {
    const first = row;
    cells.length = 0;
    while (row < rows && cells.length < CELLS_AT_ONCE) pushCells(grid, coarse, row++, cells);
    decide(cells);
    let next = 0;
    for (let done = first; done < row; done++)
      next = appendRow(grid, coarse, done, finer, cells, next);
  }
}

/** The cells of one row, wherever the coarser row above them is undecided. */
function pushCells(grid: Grid, { rowStart, runs }: RowRuns, row: number, cells: BoxList): void {
  const { M, blockQ, blockKv, queryOffset } = grid;
  const q0 = row * blockQ + queryOffset;
  const q1 = Math.min((row + 1) * blockQ, M) - 1 + queryOffset;
  const end = (rowStart[(row >> 1) + 1] ?? 0) * RUN_STRIDE;
  for (let at = (rowStart[row >> 1] ?? 0) * RUN_STRIDE; at < end; at += RUN_STRIDE) {
    if (runs[at + RUN.kind] !== PARTIAL) continue;
    cells.pushRow(q0, q1, runs[at + RUN.start] ?? 0, runs[at + RUN.end] ?? 0, blockKv);
  }
}

/** What is decided passes on as it is; cells, from number `next`, take the place of the rest. */
function appendRow(
  { blockKv }: Grid,
  { rowStart, runs }: RowRuns,
  row: number,
  finer: RunList,
  cells: BoxList,
  next: number,
): number {
  const end = (rowStart[(row >> 1) + 1] ?? 0) * RUN_STRIDE;
  for (let at = (rowStart[row >> 1] ?? 0) * RUN_STRIDE; at < end; at += RUN_STRIDE) {
    const start = runs[at + RUN.start] ?? 0;
    const runEnd = runs[at + RUN.end] ?? 0;
    if (runs[at + RUN.kind] === FULL) {
      finer.append(start, runEnd, FULL);
      continue;
    }
    for (let kv = start; kv < runEnd; kv += blockKv) {
      const verdict = cells.verdict[next];
      if (verdict !== NEVER)
        finer.append(kv, (cells.kv1[next] ?? 0) + 1, verdict === ALWAYS ? FULL : PARTIAL);
      next++;
    }
  }
  finer.endRow();
  return next;
}
