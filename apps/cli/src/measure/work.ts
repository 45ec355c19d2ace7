/** How much a variant has to compute at given lengths: what figures in GFLOP/s are counted by. */
import { blockMask } from "@vigil/attention";
import type { PreparedMask } from "@vigil/attention";
import { attendedPairs, blockMaskStats, blockPairs, flopsPerPair } from "@vigil/attention/testing";
import type { Mods, Shape } from "@vigil/attention/testing";

/** Queries and keys of the blocks that figures are counted in. */
const BLOCK = 128;

export interface Work {
  /** 2 * (D + Dv), which is 4 * D, per pair of query and key in the unskipped 128 x 128 blocks. */
  readonly flops: number;
  /** Share of the 128 x 128 blocks' pairs that is skipped, 0 to 1. */
  readonly skippedShare: number;
  /** Whether heads see different masks. */
  readonly maskPerHead: boolean;
}

const maskingOf = (
  mask: Mods["mask"],
  { B, Hq, M, N }: Shape,
): { readonly blockMask: PreparedMask["blocks"] | null; readonly kvLength: Int32Array } => ({
  blockMask: mask === undefined ? null : blockMask(mask, { B, Hq, M, N, blockSize: BLOCK }).blocks,
  kvLength: new Int32Array(B).fill(N),
});

export function workOf({ mask }: Mods, shape: Shape): Work {
  const masking = maskingOf(mask, shape);
  const pairs = blockPairs(shape, masking);
  const { B, Hq, M, N } = shape;
  return {
    flops: flopsPerPair(shape) * pairs,
    skippedShare: 1 - pairs / (B * Hq * M * N),
    maskPerHead: (masking.blockMask?.H ?? 1) > 1,
  };
}

/** Pairs that may be asked about one by one; a second or two. */
const MOST_ASKED = 2 ** 24;

/**
 * The same operations per pair that the mask keeps, however the blocks fall. Asks the mask about each pair of the blocks that it
 * cuts; null where these are too many to ask.
 */
export function unmaskedFlops({ mask }: Mods, shape: Shape): number | null {
  const masking = maskingOf(mask, shape);
  const { blockMask: blocks } = masking;
  const asked = blocks === null ? 0 : blockMaskStats(blocks).partialBlocks * BLOCK * BLOCK;
  if (asked > MOST_ASKED) return null;
  const attends =
    mask === undefined
      ? null
      : (b: number, h: number, q: number, kv: number): boolean => mask({ b, h, q, kv });
  return flopsPerPair(shape) * attendedPairs(shape, masking, attends);
}

export const gflops = (flops: number, ms: number): number => flops / ms / 1e6;

/** Null for an unknown number of operations. */
export const gflopsOrNull = (flops: number | null, ms: number): number | null =>
  flops === null ? null : gflops(flops, ms);
