/** A block mask at the resolution of a picture: cells of one or more blocks. */
import { FULL, PARTIAL, type BlockMask } from "./block-mask.ts";
import { EMPTY } from "./dense.ts";
import { forEachRun } from "./walk.ts";

export interface Picture {
  readonly rows: number;
  readonly columns: number;
  /** Queries and keys per cell. */
  readonly cellQ: number;
  readonly cellKv: number;
  /** FULL, PARTIAL (or mixed) or EMPTY for each cell: [rows, columns]. */
  readonly kinds: Uint8Array;
}

/**
 * A mask of one batch element and one head in at most `most` cells along each axis. Cost: O(runs *
 * columns).
 */
export function coarsen(mask: BlockMask, most: number): Picture {
  const { M, N, blockQ, blockKv } = mask;
  const blockColumns = Math.ceil(N / blockKv);
  const tall = Math.ceil(mask.rows / most);
  const wide = Math.ceil(blockColumns / most);
  const rows = Math.ceil(mask.rows / tall);
  const columns = Math.ceil(blockColumns / wide);
  const cellQ = tall * blockQ;
  const cellKv = wide * blockKv;
  const full = new Float64Array(rows * columns);
  const touched = new Uint8Array(rows * columns);
  for (let row = 0; row < mask.rows; row++) {
    const queries = Math.min(blockQ, M - row * blockQ);
    const line = Math.floor(row / tall) * columns;
    forEachRun(mask, row, (start, end, kind) => {
      for (let kv = start, next = 0; kv < end; kv = next) {
        const column = Math.floor(kv / cellKv);
        next = Math.min(end, (column + 1) * cellKv);
        touched[line + column] = 1;
        if (kind === FULL) full[line + column] = (full[line + column] ?? 0) + queries * (next - kv);
      }
    });
  }
  const area = (cell: number): number => {
    const row = Math.floor(cell / columns);
    const column = cell % columns;
    return Math.min(cellQ, M - row * cellQ) * Math.min(cellKv, N - column * cellKv);
  };
  const kinds = touched.map((hit, cell) =>
    hit === 0 ? EMPTY : full[cell] === area(cell) ? FULL : PARTIAL,
  );
  return { rows, columns, cellQ, cellKv, kinds };
}
