/** A block mask spelled out: one truth value per score, or one kind per block. */
import { FULL, type BlockMask } from "./block-mask.ts";
import { readBit } from "./bits.ts";
import { forEachRun, rowIndex } from "./walk.ts";

/** What `denseBlocks` says of a block that no run lists. */
export const EMPTY = 2;

/** Whether a query attends to a key; `q` and `kv` are absolute positions. */
export type Attends = (b: number, h: number, q: number, kv: number) => boolean;

const eachRow = (mask: BlockMask, visit: (b: number, h: number, row: number) => void): void => {
  for (let b = 0; b < mask.B; b++) {
    for (let h = 0; h < mask.H; h++) for (let row = 0; row < mask.rows; row++) visit(b, h, row);
  }
};

/**
 * 1 where a score is kept: [B, H, M, N] of the mask's own B and H, row-major.
 *
 * `attends` decides partial blocks, and is asked about nothing else; a mask with bits needs none.
 * Cost: B * H * M * N bytes.
 */
export function denseMask(mask: BlockMask, attends: Attends): Uint8Array {
  const { B, H, M, N, blockQ } = mask;
  const dense = new Uint8Array(B * H * M * N);
  eachRow(mask, (b, h, row) => {
    const rowEnd = Math.min((row + 1) * blockQ, M);
    for (let q = row * blockQ; q < rowEnd; q++) {
      const at = ((b * H + h) * M + q) * N;
      fillLine(mask, { b, h, row, q }, dense.subarray(at, at + N), attends);
    }
  });
  return dense;
}

/** One query of row `row` of blocks; `q` is its row of the query tensor. */
interface Line {
  readonly b: number;
  readonly h: number;
  readonly row: number;
  readonly q: number;
}

function fillLine(
  mask: BlockMask,
  { b, h, row, q }: Line,
  keys: Uint8Array,
  attends: Attends,
): void {
  const { blockQ, blockKv } = mask;
  const position = q + (mask.queryOffset[b] ?? 0);
  forEachRun(mask, rowIndex(mask, b, h, row), (start, end, kind, bits) => {
    if (kind === FULL) {
      keys.fill(1, start, end);
      return;
    }
    for (let kv = start; kv < end; kv++) {
      const block = bits + Math.floor((kv - start) / blockKv);
      const kept =
        mask.bits === null
          ? attends(b, h, position, kv)
          : readBit(mask, block, q - row * blockQ, (kv - start) % blockKv);
      keys[kv] = kept ? 1 : 0;
    }
  });
}

/**
 * FULL, PARTIAL or EMPTY for each block: [B, H, rows, ceil(N / blockKv)] of the mask's own B and H,
 * row-major.
 */
export function denseBlocks(mask: BlockMask): Uint8Array {
  const { B, H, N, rows, blockKv } = mask;
  const columns = Math.ceil(N / blockKv);
  const blocks = new Uint8Array(B * H * rows * columns).fill(EMPTY);
  for (let number = 0; number < B * H * rows; number++) {
    forEachRun(mask, number, (start, end, kind) => {
      const line = number * columns;
      blocks.fill(kind, line + start / blockKv, line + Math.ceil(end / blockKv));
    });
  }
  return blocks;
}
