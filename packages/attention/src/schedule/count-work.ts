/** How much work a launch is, counted the same way for every target and tile. */
import type { Shape } from "../runtime/device.ts";
import { FULL } from "../mask/block-mask.ts";
import { blockRows, eachRun, type KeyRange, type Masking } from "./mask-rows.ts";

/** Figures count whole blocks of this many queries and keys, whatever the kernel's tile or the mask's block. */
const COUNTED_BLOCK = 128;

/** Whether the mask lets the query at row `row` attend to the key; rows count from 0, without offsets. */
export type Attends = (b: number, h: number, row: number, kv: number) => boolean;

/** Floating-point operations of one (query, key) pair: a multiply-add per element of the two head sizes; 4 * D where D = Dv. */
export const flopsPerPair = ({ D, Dv }: Pick<Shape, "D" | "Dv">): number => 2 * (D + Dv);

/** Half-open ranges by rising start, overlapping or touching ones joined. */
function joined(ranges: readonly KeyRange[]): KeyRange[] {
  const result: KeyRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && range.start <= last.end) {
      result[result.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    } else {
      result.push(range);
    }
  }
  return result;
}

/** Existing keys in the 128-key blocks that some row of [first, last) lists. */
function bandKeys(masking: Masking, { b, h }: Plane, first: number, last: number): number {
  const length = masking.kvLength[b] ?? 0;
  const ranges: KeyRange[] = [];
  for (const row of blockRows(masking, first, last)) {
    eachRun(masking, { b, h, row }, (start, end) => {
      ranges.push({
        start: Math.floor(start / COUNTED_BLOCK) * COUNTED_BLOCK,
        end: Math.min(Math.ceil(end / COUNTED_BLOCK) * COUNTED_BLOCK, length),
      });
    });
  }
  return joined(ranges).reduce((keys, { start, end }) => keys + end - start, 0);
}

interface Plane {
  readonly b: number;
  readonly h: number;
}

/** Sums over all (b, h); those that share a mask and a length are counted once. */
function sumPlanes(
  { B, Hq }: Shape,
  { blockMask, kvLength }: Masking,
  count: (plane: Plane) => number,
): number {
  const oneLength = kvLength.every((length) => length === kvLength[0]);
  const planesB = oneLength && (blockMask?.B ?? 1) === 1 ? 1 : B;
  const planesH = (blockMask?.H ?? 1) === 1 ? 1 : Hq;
  let sum = 0;
  for (let b = 0; b < planesB; b++) {
    for (let h = 0; h < planesH; h++) sum += count({ b, h });
  }
  return sum * (B / planesB) * (Hq / planesH);
}

/**
 * Pairs in unskipped blocks of 128 queries by 128 keys. Blocks at the edges count the rows and keys that exist.
 * Times `flopsPerPair`, the FLOPs that figures are given in.
 *
 * A block mask of blocks larger than 128 does not say which of its 128-blocks are empty: all of them count.
 */
export function blockPairs(shape: Shape, masking: Masking): number {
  return sumPlanes(shape, masking, (plane) => {
    let pairs = 0;
    for (let first = 0; first < shape.M; first += COUNTED_BLOCK) {
      const last = Math.min(first + COUNTED_BLOCK, shape.M);
      pairs += (last - first) * bandKeys(masking, plane, first, last);
    }
    return pairs;
  });
}

/**
 * Pairs that attend, one by one: the count shown beside `blockPairs`.
 *
 * @param attends  asked for the pairs of partial blocks; null where the mask has none
 */
export function attendedPairs(shape: Shape, masking: Masking, attends: Attends | null): number {
  return sumPlanes(shape, masking, ({ b, h }) => {
    let pairs = 0;
    for (let row = 0; row < shape.M; row++) {
      eachRun(masking, { b, h, row }, (start, end, kind) => {
        if (kind === FULL || attends === null) pairs += end - start;
        else for (let kv = start; kv < end; kv++) pairs += attends(b, h, row, kv) ? 1 : 0;
      });
    }
    return pairs;
  });
}
