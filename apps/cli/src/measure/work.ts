/** How much a variant has to compute at given lengths: what figures in GFLOP/s are counted by. */
import { blockMask } from "@vigil/attention";
import type { PreparedMask } from "@vigil/attention";
import { attendedPairs, blockPairs, flopsPerPair } from "@vigil/attention/testing";
import type { Mods, Shape } from "@vigil/attention/testing";

export interface Work {
  /** 2 * (D + Dv), which is 4 * D, per pair of query and key in the unskipped 128 x 128 blocks. */
  readonly flops: number;
  /** The same per pair that the mask keeps, however the blocks fall. */
  readonly unmaskedFlops: number;
  /** Share of the 128 x 128 blocks' pairs that is skipped, 0 to 1. */
  readonly skippedShare: number;
}

/** The block mask of a variant in blocks of 128, or null where it has no mask. */
export const preparedMask = (
  mask: Mods["mask"],
  { B, Hq, M, N }: Shape,
  blockSize = 128,
): PreparedMask | null => (mask === undefined ? null : blockMask(mask, { B, Hq, M, N, blockSize }));

export function workOf({ mask }: Mods, shape: Shape): Work {
  const prepared = preparedMask(mask, shape);
  const masking = {
    blockMask: prepared?.blocks ?? null,
    kvLength: new Int32Array(shape.B).fill(shape.N),
  };
  const attends =
    mask === undefined
      ? null
      : (b: number, h: number, q: number, kv: number): boolean => mask({ b, h, q, kv });
  const perPair = flopsPerPair(shape);
  const pairs = blockPairs(shape, masking);
  const { B, Hq, M, N } = shape;
  return {
    flops: perPair * pairs,
    unmaskedFlops: perPair * attendedPairs(shape, masking, attends),
    skippedShare: 1 - pairs / (B * Hq * M * N),
  };
}

export const gflops = (flops: number, ms: number): number => flops / ms / 1e6;
