/**
 * Work of the decode schedule: the keys of one (batch element, key head) in splits, each computed for all rows that share
 * those keys (queries times query heads per key head), and combined by rising key.
 *
 * Splits begin at fixed key positions. Batch, heads and threads do not move a boundary, so a sequence has the same bits
 * alone and in a batch.
 */
import { blockRows, eachRun, type Masking } from "./mask-rows.ts";
import type { Part } from "./parts.ts";

/** Words of one item: batch element, key head, first key, end of keys. */
export const DECODE_ITEM_WORDS = 4;

/** Words of one combination: batch element, key head, its first item, its number of items. */
export const DECODE_COMBINE_WORDS = 4;

export interface DecodeWork {
  /** `[b, hkv, kvStart, kvEnd]`: splits that at least one row lists, neighbours by rising key. */
  readonly items: Int32Array;
  /** `[b, hkv, firstItem, itemCount]`, one for each (b, hkv), also where nothing is listed. */
  readonly combines: Int32Array;
  /** Listed keys of all items, once per row: what they cost, in (query, key) pairs. */
  readonly pairs: number;
}

interface Listing {
  readonly part: Part;
  readonly masking: Masking;
  readonly splitKeys: number;
}

/** 1 for each split that a row of heads [h0, h1) lists. */
function listedSplits(
  { part, masking, splitKeys }: Listing,
  b: number,
  h0: number,
  h1: number,
): Uint8Array {
  const listed = new Uint8Array(Math.ceil((masking.kvLength[b] ?? 0) / splitKeys));
  for (const row of blockRows(masking, part.first, part.last)) {
    for (let h = h0; h < h1; h++) {
      eachRun(masking, { b, h, row }, (start, end) => {
        listed.fill(1, Math.floor(start / splitKeys), Math.ceil(end / splitKeys));
      });
    }
  }
  return listed;
}

/**
 * @param group      query heads per key head
 * @param splitKeys  keys of one split; boundaries are its multiples
 */
export function decodeWork(
  part: Part,
  masking: Masking,
  group: number,
  splitKeys: number,
): DecodeWork {
  const items: number[] = [];
  const combines: number[] = [];
  let keys = 0;
  const perHead = masking.blockMask !== null && masking.blockMask.H > 1;
  for (let b = part.b0; b < part.b1; b++) {
    const length = masking.kvLength[b] ?? 0;
    const listing = { part, masking, splitKeys };
    let listed = perHead ? null : listedSplits(listing, b, part.h0, part.h0 + 1);
    for (let g = part.g0; g < part.g1; g++) {
      if (perHead) listed = listedSplits(listing, b, g * group, (g + 1) * group);
      const first = items.length / DECODE_ITEM_WORDS;
      listed?.forEach((any, split) => {
        const start = split * splitKeys;
        if (any === 0) return;
        const end = Math.min(start + splitKeys, length);
        items.push(b, g, start, end);
        keys += end - start;
      });
      combines.push(b, g, first, items.length / DECODE_ITEM_WORDS - first);
    }
  }
  const pairs = keys * group * (part.last - part.first);
  return { items: Int32Array.from(items), combines: Int32Array.from(combines), pairs };
}
