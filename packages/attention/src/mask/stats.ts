/** What a block mask holds, and what it saves. */
import { FULL, RUN_STRIDE, type BlockMask } from "./block-mask.ts";
import { forEachRun } from "./walk.ts";

export interface BlockMaskStats {
  /** Blocks of scores that exist, over every batch element and head that the mask distinguishes. */
  readonly blocks: number;
  readonly fullBlocks: number;
  readonly partialBlocks: number;
  /** Share of the blocks that is skipped, 0 to 1; 0 where there are none. */
  readonly sparsity: number;
  /** Scores in the blocks that are visited: 4 * D operations each in a forward pass. */
  readonly visitedPairs: number;
  readonly runs: number;
  /** Memory that the mask takes. */
  readonly bytes: number;
}

/** Memory that a block mask takes, in bytes. */
export const blockMaskBytes = (mask: BlockMask): number =>
  [mask.rowStart, mask.runs, mask.queryOffset, mask.kvLength, mask.bits]
    .map((array) => array?.byteLength ?? 0)
    .reduce((total, bytes) => total + bytes, 0);

/** Counts over the whole mask. Cost: O(runs). */
export function blockMaskStats(mask: BlockMask): BlockMaskStats {
  const { M, H, rows, blockQ, blockKv, kvLength } = mask;
  let fullBlocks = 0;
  let listed = 0;
  let visitedPairs = 0;
  for (let number = 0; number < mask.B * H * rows; number++) {
    const row = number % rows;
    const queries = Math.min(blockQ, M - row * blockQ);
    forEachRun(mask, number, (start, end, kind) => {
      const blocks = Math.ceil((end - start) / blockKv);
      listed += blocks;
      if (kind === FULL) fullBlocks += blocks;
      visitedPairs += queries * (end - start);
    });
  }
  const columns = kvLength.reduce((total, keys) => total + Math.ceil(keys / blockKv), 0);
  const blocks = columns * H * rows;
  return {
    blocks,
    fullBlocks,
    partialBlocks: listed - fullBlocks,
    sparsity: blocks === 0 ? 0 : 1 - listed / blocks,
    visitedPairs,
    runs: mask.runs.length / RUN_STRIDE,
    bytes: blockMaskBytes(mask),
  };
}

/** Share of the blocks that no kernel visits, 0 to 1. */
export const sparsity = (mask: BlockMask): number => blockMaskStats(mask).sparsity;
