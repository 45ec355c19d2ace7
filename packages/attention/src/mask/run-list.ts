/** Collects the runs of rows that come one after another, each from left to right. */
import { RUN, RUN_STRIDE } from "./block-mask.ts";

export interface RowRuns {
  /** [rows + 1]: row r owns runs `rowStart[r]` up to `rowStart[r + 1]`. */
  readonly rowStart: Int32Array;
  readonly runs: Int32Array;
}

const FIRST_CAPACITY = 1024;

export class RunList {
  readonly #rowStart: Int32Array;
  #row = 0;
  #runs: Int32Array = new Int32Array(RUN_STRIDE * FIRST_CAPACITY);
  /** Integers written so far. */
  #length = 0;
  /** End and kind of the current row's newest run; kind -1 where it has none. */
  #end = 0;
  #kind = -1;

  constructor(rows: number) {
    this.#rowStart = new Int32Array(rows + 1);
  }

  /**
   * Adds keys `start` up to `end` to the current row; a neighbour of the same kind makes its run
   * longer.
   */
  append(start: number, end: number, kind: number): void {
    const at = this.#length;
    if (kind === this.#kind && start === this.#end) {
      this.#runs[at - RUN_STRIDE + RUN.end] = end;
      this.#end = end;
      return;
    }
    if (at === this.#runs.length) this.#grow();
    const runs = this.#runs;
    runs[at + RUN.start] = start;
    runs[at + RUN.end] = end;
    runs[at + RUN.kind] = kind;
    runs[at + RUN.bits] = -1;
    this.#length = at + RUN_STRIDE;
    this.#end = end;
    this.#kind = kind;
  }

  endRow(): void {
    this.#row++;
    this.#kind = -1;
    this.#rowStart[this.#row] = this.#length / RUN_STRIDE;
  }

  finish(): RowRuns {
    return { rowStart: this.#rowStart, runs: this.#runs.slice(0, this.#length) };
  }

  #grow(): void {
    const runs = new Int32Array(this.#runs.length * 2);
    runs.set(this.#runs);
    this.#runs = runs;
  }
}
