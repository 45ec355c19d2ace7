/**
 * Collects the runs of many rows when each row's runs arrive in order, but the rows' turns are
 * mixed.
 *
 * Every row keeps its newest run open, so that a neighbour of the same kind makes it longer. A run
 * that can no longer grow goes to a log; at the end the log is dealt out to the rows, which keeps
 * each row's order: nothing is compared, nothing is sorted. Cost: O(1) per run appended, O(rows +
 * runs) to finish.
 */
import { RUN, RUN_STRIDE } from "./block-mask.ts";
import type { RowRuns } from "./run-list.ts";

const NONE = -1;
const ENTRY = RUN_STRIDE + 1;

export class RunLog {
  readonly #rows: number;
  /** Each row's newest run, `RUN_STRIDE` integers; kind NONE where the row has none yet. */
  readonly #open: Int32Array;
  /** Entries of a row and its run. */
  #log: Int32Array = new Int32Array(ENTRY * 1024);
  #length = 0;

  constructor(rows: number) {
    this.#rows = rows;
    this.#open = new Int32Array(rows * RUN_STRIDE).fill(NONE);
  }

  /** Adds a run to the right of all others of its row. Runs with bits (not -1) stay as they are. */
  append(row: number, start: number, end: number, kind: number, bits: number): void {
    const open = this.#open;
    const at = row * RUN_STRIDE;
    const grows =
      open[at + RUN.end] === start &&
      open[at + RUN.kind] === kind &&
      bits === NONE &&
      open[at + RUN.bits] === NONE;
    if (!grows) {
      this.#flush(row);
      open[at + RUN.start] = start;
      open[at + RUN.kind] = kind;
      open[at + RUN.bits] = bits;
    }
    open[at + RUN.end] = end;
  }

  /** The runs of all rows; the log is spent. */
  finish(): RowRuns {
    for (let row = 0; row < this.#rows; row++) this.#flush(row);
    const log = this.#log;
    const rowStart = new Int32Array(this.#rows + 1);
    for (let at = 0; at < this.#length; at += ENTRY) {
      const next = (log[at] ?? 0) + 1;
      rowStart[next] = (rowStart[next] ?? 0) + 1;
    }
    for (let row = 0; row < this.#rows; row++) {
      rowStart[row + 1] = (rowStart[row + 1] ?? 0) + (rowStart[row] ?? 0);
    }
    return { rowStart, runs: this.#deal(rowStart) };
  }

  #deal(rowStart: Int32Array): Int32Array {
    const log = this.#log;
    const next = rowStart.slice();
    const runs = new Int32Array((this.#length / ENTRY) * RUN_STRIDE);
    for (let at = 0; at < this.#length; at += ENTRY) {
      const row = log[at] ?? 0;
      const run = next[row] ?? 0;
      next[row] = run + 1;
      for (let field = 0; field < RUN_STRIDE; field++) {
        runs[run * RUN_STRIDE + field] = log[at + 1 + field] ?? 0;
      }
    }
    return runs;
  }

  #flush(row: number): void {
    const open = this.#open;
    const from = row * RUN_STRIDE;
    if (open[from + RUN.kind] === NONE) return;
    if (this.#length + ENTRY > this.#log.length) this.#grow();
    const log = this.#log;
    const at = this.#length;
    log[at] = row;
    for (let field = 0; field < RUN_STRIDE; field++) log[at + 1 + field] = open[from + field] ?? 0;
    this.#length = at + ENTRY;
  }

  #grow(): void {
    const log = new Int32Array(this.#log.length * 2);
    log.set(this.#log);
    this.#log = log;
  }
}
