/** Work of the forward schedule: tiles of query rows, in an order that keeps all threads busy to the end. */
import { keysOfRow, type Masking } from "./mask-rows.ts";
import type { Part } from "./parts.ts";

export interface ForwardTiling {
  /** Most query rows of one item. */
  readonly tileQueries: number;
  /** First rows of items are multiples of this. */
  readonly lanes: number;
  /** Threads that share the work: few long items are cut until each thread has some. */
  readonly threads: number;
}

/** Words of one item: batch element, query head, first row, number of rows. */
export const FORWARD_ITEM_WORDS = 4;

/** Items per thread below which tiles are halved: the last item then costs at most an eighth of a thread's time. */
const ITEMS_PER_THREAD = 8;

export interface ForwardWork {
  /** `[b, h, first, count]`, in the order in which they are to be begun. */
  readonly items: Int32Array;
  /** Listed (query, key) pairs of all items: what they cost. */
  readonly pairs: number;
}

/** Items per thread below which the order by length matters more than what stays in the cache. */
const FEW_ITEMS = 16;

interface Tile {
  readonly first: number;
  readonly count: number;
}

/** Tiles never straddle two rows of blocks, because each of those has its own list of runs. */
function tilesOf(part: Part, blockQ: number, tileQueries: number): Tile[] {
  const tiles: Tile[] = [];
  for (let first = part.first; first < part.last;) {
    const blockEnd = (Math.floor(first / blockQ) + 1) * blockQ;
    const count = Math.min(tileQueries, blockEnd - first, part.last - first);
    tiles.push({ first, count });
    first += count;
  }
  return tiles;
}

function tileSize(part: Part, { tileQueries, lanes, threads }: ForwardTiling): number {
  if (threads === 1) return tileQueries;
  const rows = (part.b1 - part.b0) * (part.h1 - part.h0) * (part.last - part.first);
  const fair = rows / (threads * ITEMS_PER_THREAD);
  let size = tileQueries;
  while (size > fair && size >= 2 * lanes) size /= 2;
  return Math.max(lanes, size - (size % lanes));
}

/**
 * The items of `part`. One thread takes them as they come, head by head, so that a head's keys stay in the cache (2 to 7 % of
 * the time, causal, N = 2048 and 4096). Several threads begin with the longest of each head, so that the last items are
 * short; where each thread has few items, with the longest of all.
 */
export function forwardWork(part: Part, masking: Masking, tiling: ForwardTiling): ForwardWork {
  const blockQ = masking.blockMask?.blockQ ?? Infinity;
  const tiles = tilesOf(part, blockQ, tileSize(part, tiling));
  const count = (part.b1 - part.b0) * (part.h1 - part.h0) * tiles.length;
  const items = new Int32Array(count * FORWARD_ITEM_WORDS);
  const work = new Float64Array(count);
  let at = 0;
  for (let b = part.b0; b < part.b1; b++) {
    for (let h = part.h0; h < part.h1; h++) {
      for (const tile of tiles) {
        work[at] = tile.count * keysOfRow(masking, b, h, tile.first);
        items.set([b, h, tile.first, tile.count], at++ * FORWARD_ITEM_WORDS);
      }
    }
  }
  const pairs = work.reduce((sum, amount) => sum + amount, 0);
  if (tiling.threads === 1) return { items, pairs };
  const isFew = count < tiling.threads * FEW_ITEMS;
  return { items: longestFirst(items, work, isFew ? count : tiles.length), pairs };
}

/** Sorts within each stretch of `stretch` items; ties stay as they are. */
function longestFirst(items: Int32Array, work: Float64Array, stretch: number): Int32Array {
  const order = Uint32Array.from(work.keys());
  for (let from = 0; from < order.length; from += stretch) {
    const part = order.subarray(from, from + stretch);
    part.sort((a, b) => (work[b] ?? 0) - (work[a] ?? 0) || a - b);
  }
  const sorted = new Int32Array(items.length);
  order.forEach((from, to) => {
    const word = from * FORWARD_ITEM_WORDS;
    sorted.set(items.subarray(word, word + FORWARD_ITEM_WORDS), to * FORWARD_ITEM_WORDS);
  });
  return sorted;
}
