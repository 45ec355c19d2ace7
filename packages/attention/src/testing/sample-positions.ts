/** Which positions of a computation to look at one by one: all of a small one, an even choice of a large one. */
import type { Position } from "../ir/types.ts";
import { random, type Random } from "../variants/random.ts";

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

/**
 * `count` of the integers below `length`, rising, the first and the last among them: one at random of each of `count` equal parts, so
 * that they are even and of all residues. All of them where there are no more.
 */
function* spread(length: number, count: number, { uniform }: Random): Generator<number> {
  for (let turn = 0; turn < Math.min(length, count); turn++) {
    if (count >= length) yield turn;
    else if (turn === 0) yield 0;
    else if (turn === count - 1) yield length - 1;
    else yield Math.floor(((turn + uniform()) * length) / count);
  }
}

/** The keys of one row: all, or stretches of them, one of which is around the query itself. */
function* keysOf(q: number, keys: number, count: number, rng: Random): Generator<number> {
  if (count >= keys) {
    yield* spread(keys, count, rng);
    return;
  }
  const starts = Math.max(2, Math.floor(count / STRETCH) - 1);
  const around = Math.max(0, Math.min(q - STRETCH / 2, keys - STRETCH));
  for (const start of [around, ...spread(keys - STRETCH + 1, starts, rng)])
    for (let kv = start; kv < Math.min(start + STRETCH, keys); kv++) yield kv;
}

/** Positions with offsets added, of keys that exist. */
export function* samplePositions(extent: SampledExtent): Generator<Position> {
  const { B, Hq, M, N, queryOffset, kvLength, budget = DEFAULT_BUDGET } = extent;
  const rows = B * Hq * M;
  const rowCount = Math.max(LEAST_ROWS, Math.floor(budget / Math.max(1, N)));
  const perRow = Math.max(2 * STRETCH, Math.floor(budget / Math.min(rows, rowCount)));
  const rng = random(1);
  for (const row of spread(rows, rowCount, rng)) {
    const head = Math.floor(row / M);
    const [b, h] = [Math.floor(head / Hq), head % Hq];
    const q = (row % M) + (queryOffset?.[b] ?? 0);
    for (const kv of keysOf(q, kvLength?.[b] ?? N, perRow, rng)) yield { b, h, q, kv };
  }
}
