/** Which positions of a computation to look at one by one: all of a small one, an even choice of a large one. */
import type { Position } from "../ir/types.ts";

export interface SampledExtent {
  readonly B: number;
  readonly Hq: number;
  readonly M: number;
  readonly N: number;
  /** [B], default 0. */
  readonly queryOffset?: ArrayLike<number>;
  /** [B], default N. */
  readonly kvLength?: ArrayLike<number>;
  /** Positions to choose, about. Default 4,096. */
  readonly budget?: number;
}

const DEFAULT_BUDGET = 2 ** 12;

/** Query rows that are looked at even where one row alone has more keys than the budget. */
const LEAST_ROWS = 32;

/** Keys in a row, so that the edges of windows inside a stretch are met to the position. */
const STRETCH = 32;

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * `count` of the integers below `length`, the first and the last among them: evenly spread at any count, and of all residues,
 * which equal steps would not be. All of them where there are no more.
 */
function* spread(length: number, count: number): Generator<number> {
  if (count >= length) {
    for (let at = 0; at < length; at++) yield at;
    return;
  }
  yield 0;
  yield length - 1;
  for (let turn = 1; turn < count - 1; turn++) yield Math.floor(((turn * GOLDEN) % 1) * length);
}

/** The keys of one row: all, or stretches of them, one of which is around the query itself. */
function* keysOf(q: number, keys: number, count: number): Generator<number> {
  if (count >= keys) {
    yield* spread(keys, count);
    return;
  }
  const starts = Math.max(1, Math.floor(count / STRETCH) - 1);
  const around = Math.max(0, Math.min(q - STRETCH / 2, keys - STRETCH));
  for (const start of [around, ...spread(keys - STRETCH + 1, starts)])
    for (let kv = start; kv < Math.min(start + STRETCH, keys); kv++) yield kv;
}

/** Positions with offsets added, of keys that exist. */
export function* samplePositions(extent: SampledExtent): Generator<Position> {
  const { B, Hq, M, N, queryOffset, kvLength, budget = DEFAULT_BUDGET } = extent;
  const rows = B * Hq * M;
  const rowCount = Math.max(LEAST_ROWS, Math.floor(budget / Math.max(1, N)));
  const perRow = Math.max(2 * STRETCH, Math.floor(budget / Math.min(rows, rowCount)));
  for (const row of spread(rows, rowCount)) {
    const head = Math.floor(row / M);
    const [b, h] = [Math.floor(head / Hq), head % Hq];
    const q = (row % M) + (queryOffset?.[b] ?? 0);
    for (const kv of keysOf(q, kvLength?.[b] ?? N, perRow)) yield { b, h, q, kv };
  }
}
