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
  const { B, H, M, N, blockQ, blockKv } = mask;
  const dense = new Uint8Array(B * H * M * N);
  const decide = mask.bits === null ? attends : null;
  eachRow(mask, (b, h, row) => {
    const offset = mask.queryOffset[b] ?? 0;
    const rowEnd = Math.min((row + 1) * blockQ, M);
    forEachRun(mask, rowIndex(mask, b, h, row), (start, end, kind, bits) => {
      for (let q = row * blockQ; q < rowEnd; q++) {
        const line = ((b * H + h) * M + q) * N;
        if (kind === FULL) {
          dense.fill(1, line + start, line + end);
          continue;
        }
        for (let kv = start; kv < end; kv++) {
          const block = bits + Math.floor((kv - start) / blockKv);
          const kept = decide
            ? decide(b, h, q + offset, kv)
            : readBit(mask, block, q - row * blockQ, (kv - start) % blockKv);
          if (kept) dense[line + kv] = 1;
        }
      }
    });
  });
  return dense;
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
