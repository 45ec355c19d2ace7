/**
 * Cuts a block mask down to some of its queries and keys, without asking the mask function again.
 */
import { readBit, withBits } from "./bits.ts";
import { FULL, PARTIAL, RUN, RUN_STRIDE, type BlockMask } from "./block-mask.ts";
import { checkedCrop, type Crop, type CropOptions } from "./crop-options.ts";
import type { Explorer } from "./explore.ts";
import { RunList } from "./run-list.ts";
import { forEachRun, forEachSegment, NO_RUNS, ownBatch, rowIndex, rowSpan } from "./walk.ts";

/**
 * The mask of queries `first` up to `first + M` and of the keys below `kvLength`.
 *
 * Decoding takes one row: `crop(mask, { first: position, M: 1, kvLength: position + 1 })`, or one
 * position per batch element; chunked prefill takes the next M rows. The result's queryOffset is
 * the mask's plus `first`, so the mask function sees the same positions as before. Full blocks stay
 * full; a partial block stays partial even where the rows that are left would decide it, and so
 * does a block put together from a full and an empty one. Bits are kept.
 *
 * Cost: O(runs of the rows that are kept), and their bits.
 *
 * @throws TypeError   an option is not an integer, or not one per batch element
 * @throws RangeError  rows or keys that the mask was not built for
 */
export function cropBlockMask(mask: BlockMask, options: CropOptions = {}): BlockMask {
  const crop = checkedCrop(mask, options);
  const { B, M, N, first, kvLength } = crop;
  const { H, blockQ, blockKv } = mask;
  const rows = Math.ceil(M / blockQ);
  const list = new RunList(B * H * rows);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let row = 0; row < rows; row++) {
        cropRow(mask, crop, { b, h, row }, list);
      }
    }
  }
  const queryOffset = first.map((start, b) => start + (mask.queryOffset[ownBatch(mask, b)] ?? 0));
  const shape = { B, H, M, N, blockQ, blockKv, rows, queryOffset, kvLength };
  const cropped: BlockMask = { ...shape, ...list.finish(), bits: null };
  return mask.bits === null ? cropped : withBits(cropped, (b, h) => storedExplorer(mask, b, h));
}

/** A new row of blocks lies over one old row, or over parts of two. */
function cropRow(
  mask: BlockMask,
  { M, first, kvLength }: Crop,
  at: { readonly b: number; readonly h: number; readonly row: number },
  list: RunList,
): void {
  const { blockQ, runs } = mask;
  const keys = kvLength[at.b] ?? 0;
  const begin = (first[at.b] ?? 0) + at.row * blockQ;
  const last = (first[at.b] ?? 0) + Math.min((at.row + 1) * blockQ, M) - 1;
  const upper = Math.floor(begin / blockQ);
  const lower = Math.floor(last / blockQ);
  const span = (row: number) => rowSpan(mask, rowIndex(mask, at.b, at.h, row));
  const isFull = (run: number): boolean => run >= 0 && runs[run * RUN_STRIDE + RUN.kind] === FULL;
  forEachSegment(span(upper), lower === upper ? NO_RUNS : span(lower), (start, end, runA, runB) => {
    const full = isFull(runA) && (lower === upper || isFull(runB));
    if (start < keys) list.append(start, Math.min(end, keys), full ? FULL : PARTIAL);
  });
  list.endRow();
}

/** Reads the old mask's runs and bits, element by element. */
function storedExplorer(mask: BlockMask, b: number, h: number): Explorer {
  const { blockQ, blockKv } = mask;
  const offset = mask.queryOffset[ownBatch(mask, b)] ?? 0;
  return (q0, q1, kv0, kv1, visit) => {
    for (let q = q0; q <= q1; q++) {
      const row = Math.floor((q - offset) / blockQ);
      forEachRun(mask, rowIndex(mask, b, h, row), (start, end, kind, bits) => {
        for (let kv = Math.max(start, kv0); kv < end && kv <= kv1; kv++) {
          const block = bits + Math.floor((kv - start) / blockKv);
          const value =
            kind === FULL || readBit(mask, block, (q - offset) % blockQ, (kv - start) % blockKv);
          visit(value, q, q, kv, kv);
        }
      });
    }
    return false;
  };
}
