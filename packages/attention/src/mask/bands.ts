/**
 * Covers the grid of blocks for masks whose comparisons all change one way along each axis: causal, windows, prefixes, documents,
 * blocks of them.
 *
 * Along a row of blocks each comparison then holds for every score up to one block, for no score from another, and for some
 * between (or the other way round); and these two thresholds move one way from row to row. So a row costs as many steps as
 * it has thresholds, whatever its length.
 */
import { ALWAYS, MAYBE, NEVER } from "../ir/intervals.ts";
import { FULL, PARTIAL } from "./block-mask.ts";
import type { Grid } from "./cover.ts";
import { createOutcomes, MIXED, type Outcomes } from "./outcomes.ts";
import { fill } from "./lines.ts";
import type { RunList } from "./run-list.ts";
import type { Atom, SeparableMask } from "./separate.ts";
import { createTileSettler, type TileSettler } from "./tiles.ts";

/** Whether every comparison changes one way along each axis. */
export const isBanded = ({ atoms }: SeparableMask): boolean =>
  atoms.every(({ q, kv }) => q.trend !== null && kv.trend !== null);

/** Where an atom stops to be what it is, in columns, and what that adds to the state. */
interface Threshold {
  column: number;
  readonly change: number;
}

/** One comparison along the row at hand. */
class Band {
  readonly thresholds: readonly [Threshold, Threshold];
  /** What it adds to the state left of both. */
  readonly start: number;
  readonly #atom: Atom;
  /** Whether it holds on the left. */
  readonly #holdsLeft: boolean;
  /** Of each column: what has to be exceeded for the first threshold, and for the second. */
  readonly #bounds: readonly [Float64Array, Float64Array];

  constructor(atom: Atom, { blockKv, kvLength }: Grid, weight: number) {
    this.#atom = atom;
    this.#holdsLeft = atom.kv.trend !== -1;
    this.start = this.#holdsLeft ? ALWAYS * weight : NEVER * weight;
    const [to, from] = this.#holdsLeft ? [ALWAYS, NEVER] : [NEVER, ALWAYS];
    this.thresholds = [
      { column: 0, change: (MAYBE - to) * weight },
      { column: 0, change: (from - MAYBE) * weight },
    ];
    const columns = Math.ceil(kvLength / blockKv);
    const [first, last] = [new Float64Array(columns), new Float64Array(columns)];
    fill(first, atom.kv, 0, blockKv);
    fill(last, atom.kv, blockKv - 1, blockKv);
    last[columns - 1] = atom.kv.at(kvLength - 1);
    this.#bounds = [last, first];
  }

  /** Moves to the row of queries q0 to q1. */
  move(q0: number, q1: number): void {
    const [a, b] = [-this.#atom.q.at(q0), -this.#atom.q.at(q1)];
    const [low, high] = a < b ? [a, b] : [b, a];
    const [first, second] = this.thresholds;
    const [ends, starts] = this.#bounds;
    if (this.#holdsLeft) {
      first.column = pastAtMost(ends, low, first.column);
      second.column = pastAtMost(starts, high, second.column);
    } else {
      first.column = pastAbove(ends, high, first.column);
      second.column = pastAbove(starts, low, second.column);
    }
  }
}

/** The number of rising `values` that are at most `limit`, walking from `at`. */
function pastAtMost(values: Float64Array, limit: number, at: number): number {
  let column = at;
  while (column < values.length && (values[column] ?? 0) <= limit) column++;
  while (column > 0 && (values[column - 1] ?? 0) > limit) column--;
  return column;
}

/** The number of falling `values` that are above `limit`. */
function pastAbove(values: Float64Array, limit: number, at: number): number {
  let column = at;
  while (column < values.length && (values[column] ?? 0) > limit) column++;
  while (column > 0 && (values[column - 1] ?? 0) <= limit) column--;
  return column;
}

/** From one row to the next little changes, so that few are exchanged. */
function sort(thresholds: Threshold[]): void {
  for (let at = 1; at < thresholds.length; at++) {
    const moved = thresholds[at];
    if (moved === undefined) continue;
    let to = at;
    for (; to > 0; to--) {
      const before = thresholds[to - 1];
      if (before === undefined || before.column <= moved.column) break;
      thresholds[to] = before;
    }
    thresholds[to] = moved;
  }
}

/** Appends the runs of all rows of blocks to the list. */
export function coverBands(grid: Grid, mask: SeparableMask, list: RunList): void {
  const { M, blockQ, blockKv, queryOffset, kvLength } = grid;
  const columns = Math.ceil(kvLength / blockKv);
  const bands = mask.atoms.map((atom, number) => new Band(atom, grid, 3 ** number));
  const thresholds = bands.flatMap((band) => band.thresholds);
  const start = bands.reduce((state, band) => state + band.start, 0);
  const row = new RowWriter(grid, createOutcomes(mask), createTileSettler(mask), list);
  for (let q = 0; q < M; q += blockQ) {
    row.begin(q + queryOffset, Math.min(q + blockQ, M) - 1 + queryOffset);
    for (const band of bands) band.move(row.q0, row.q1);
    sort(thresholds);
    let state = start;
    let column = 0;
    for (const threshold of thresholds) {
      if (threshold.column > column) {
        row.append(column, threshold.column, state);
        column = threshold.column;
      }
      state += threshold.change;
    }
    if (column < columns) row.append(column, columns, state);
    list.endRow();
  }
}

class RowWriter {
  q0 = 0;
  q1 = 0;
  readonly #grid: Grid;
  readonly #outcomes: Outcomes;
  readonly #settle: TileSettler;
  readonly #list: RunList;

  constructor(grid: Grid, outcomes: Outcomes, settle: TileSettler, list: RunList) {
    this.#grid = grid;
    this.#outcomes = outcomes;
    this.#settle = settle;
    this.#list = list;
  }

  begin(q0: number, q1: number): void {
    this.q0 = q0;
    this.q1 = q1;
  }

  /** Columns `from` up to `to`, which share a state. */
  append(from: number, to: number, state: number): void {
    const { blockKv, kvLength } = this.#grid;
    const outcome = this.#outcomes(state);
    if (outcome === NEVER) return;
    const end = Math.min(to * blockKv, kvLength);
    if (outcome !== MAYBE) {
      this.#list.append(from * blockKv, end, outcome === MIXED ? PARTIAL : FULL);
      return;
    }
    for (let kv = from * blockKv; kv < end; kv += blockKv) {
      const last = Math.min(kv + blockKv, end);
      const verdict = this.#settle(this.q0, this.q1, kv, last - 1);
      if (verdict !== NEVER) this.#list.append(kv, last, verdict === ALWAYS ? FULL : PARTIAL);
    }
  }
}
