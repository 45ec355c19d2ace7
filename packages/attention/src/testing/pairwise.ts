/**
 * Covering arrays: few rows in which every two values of different axes meet.
 *
 * Most faults of a kernel need one value, or two that meet (this dtype with that layout); all combinations of 13 axes
 * would be billions. Deterministic: the same axes and seed give the same rows.
 *
 * @see Cohen, Dalal, Fredman, Patton: "The AETG system" (1997), for the greedy construction
 */
import { random } from "../variants/random.ts";

/** The values of each axis, by name. */
export type Axes<Row> = { readonly [Name in keyof Row]: readonly Row[Name][] };

export interface CoverOptions<Row> {
  /**
   * False where no row with these values makes sense. Gets partly filled rows, and has to look ahead: a pair whose rows are
   * refused late, again and again, is given up.
   */
  readonly allows: (partial: Partial<Row>) => boolean;
  /** Axes whose values need to occur, but not to meet every value of the others. */
  readonly loose?: readonly (keyof Row)[];
  readonly seed: number;
}

/** Candidates tried per row; more give slightly fewer rows. */
const TRIES = 12;

/** Rows in which every pair of values occurs that `allows` permits. */
export function coverPairs<Row extends object>(axes: Axes<Row>, options: CoverOptions<Row>): Row[] {
  const search = new Search(axes, options);
  const rows: Row[] = [];
  for (;;) {
    const row = search.nextRow();
    if (row === null) return rows;
    rows.push(row);
  }
}

/** A value of an axis, by position: small integers make fast keys. */
interface Choice {
  readonly axis: number;
  readonly value: number;
}

/** A value that has to occur, or two that have to meet. */
type Goal = readonly [first: Choice, second?: Choice];

class Search<Row extends object> {
  readonly #names: readonly (keyof Row)[];
  readonly #axes: Axes<Row>;
  readonly #options: CoverOptions<Row>;
  readonly #rng: ReturnType<typeof random>;
  /** Pairs not met yet, and values of loose axes not used yet. */
  readonly #missing = new Map<number, Goal>();
  readonly #uses = new Map<number, number>();

  constructor(axes: Axes<Row>, options: CoverOptions<Row>) {
    this.#axes = axes;
    this.#options = options;
    this.#names = Object.keys(axes) as (keyof Row)[];
    this.#rng = random(options.seed);
    for (const goal of this.#goals()) {
      const [first, second] = goal;
      this.#missing.set(second === undefined ? single(first) : pair(first, second), goal);
    }
  }

  /** The row that meets most missing pairs, beginning with the first of them; null when none is missing. */
  nextRow(): Row | null {
    for (const [key, goal] of this.#missing) {
      const candidates = Array.from({ length: TRIES }, () => this.#fill(goal));
      const best = candidates.reduce((a, b) => (b.gain > a.gain ? b : a));
      if (best.gain < 0) {
        this.#missing.delete(key); // No allowed row has this pair.
        continue;
      }
      this.#take(best.chosen);
      return this.#rowOf(best.chosen.toSorted((a, b) => a.axis - b.axis)) as Row;
    }
    return null;
  }

  *#goals(): Generator<Goal> {
    const isLoose = (axis: number): boolean =>
      this.#options.loose?.some((name) => name === this.#names[axis]) ?? false;
    for (let axis = 0; axis < this.#names.length; axis++) {
      for (let value = 0; value < this.#size(axis); value++) {
        if (isLoose(axis)) yield [{ axis, value }];
        for (let other = axis + 1; other < this.#names.length && !isLoose(axis); other++) {
          if (isLoose(other)) continue;
          for (let second = 0; second < this.#size(other); second++) {
            yield [
              { axis, value },
              { axis: other, value: second },
            ];
          }
        }
      }
    }
  }

  /** A row around a goal: the other axes in random order, each with the value that gains most. */
  #fill(goal: Goal): { readonly chosen: readonly Choice[]; readonly gain: number } {
    const chosen = goal.filter((choice) => choice !== undefined);
    const failed = { chosen, gain: -1 };
    if (!this.#options.allows(this.#rowOf(chosen))) return failed;
    for (const axis of this.#shuffledAxes()) {
      if (chosen.some((choice) => choice.axis === axis)) continue;
      const next = this.#bestValue(axis, chosen);
      if (next === null) return failed;
      chosen.push(next);
    }
    const gain = chosen.reduce(
      (sum, choice, at) => sum + this.#gain(choice, chosen.slice(0, at)),
      0,
    );
    return { chosen, gain };
  }

  /** Most new pairs; among equals the value used least so far. */
  #bestValue(axis: number, chosen: readonly Choice[]): Choice | null {
    let best: { choice: Choice; gain: number; uses: number } | null = null;
    const row = this.#rowOf(chosen);
    const first = this.#rng.below(this.#size(axis));
    for (let i = 0; i < this.#size(axis); i++) {
      const choice = { axis, value: (first + i) % this.#size(axis) };
      this.#put(row, choice);
      if (!this.#options.allows(row)) continue;
      const gain = this.#gain(choice, chosen);
      const uses = this.#uses.get(single(choice)) ?? 0;
      if (best === null || gain > best.gain || (gain === best.gain && uses < best.uses)) {
        best = { choice, gain, uses };
      }
    }
    return best?.choice ?? null;
  }

  #gain(choice: Choice, chosen: readonly Choice[]): number {
    let gain = Number(this.#missing.has(single(choice)));
    for (const other of chosen) gain += Number(this.#missing.has(pair(choice, other)));
    return gain;
  }

  #take(chosen: readonly Choice[]): void {
    for (const [at, choice] of chosen.entries()) {
      const key = single(choice);
      this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
      this.#missing.delete(key);
      for (const other of chosen.slice(0, at)) this.#missing.delete(pair(choice, other));
    }
  }

  #shuffledAxes(): number[] {
    return this.#names
      .map((_, axis) => ({ axis, order: this.#rng.uniform() }))
      .toSorted((a, b) => a.order - b.order)
      .map(({ axis }) => axis);
  }

  #rowOf(chosen: readonly Choice[]): Partial<Row> {
    const row: Partial<Row> = {};
    for (const choice of chosen) this.#put(row, choice);
    return row;
  }

  #put(row: Partial<Row>, { axis, value }: Choice): void {
    const name = this.#names[axis];
    if (name !== undefined) row[name] = this.#axes[name][value];
  }

  #size(axis: number): number {
    const name = this.#names[axis];
    return name === undefined ? 0 : this.#axes[name].length;
  }
}

/** One number per choice: up to 256 values on up to 64 axes. */
const single = ({ axis, value }: Choice): number => axis * 256 + value + 1;

/** One number per pair of choices, in either order. */
function pair(a: Choice, b: Choice): number {
  const [low, high] = a.axis < b.axis ? [a, b] : [b, a];
  return single(high) * 2 ** 16 + single(low);
}
