/**
 * Settles blocks of separable masks, 32 queries at a time.
 *
 * f(q) + g(kv) <= 0 holds for the queries whose f is at most -g(kv): sorted by f, they are the first so many. So each atom needs a
 * sorted list once per row of blocks, with the words of its first 0, 1, 2, ... queries; a key then costs one search per atom, and
 * the mask is combined in words, not score by score.
 */
import { ALWAYS, MAYBE, NEVER, type Verdict } from "../ir/intervals.ts";
import type { Atom, SeparableMask } from "./separate.ts";

const WORD = 32;

/** NEVER, ALWAYS, or MAYBE for a block that holds both. */
export type TileSettler = (q0: number, q1: number, kv0: number, kv1: number) => Verdict;

/** The queries of a row of blocks by rising f. */
interface Ranked {
  readonly values: Float64Array;
  /** [queries + 1][words]: bit i is set where query q0 + i is among the first so many. */
  readonly first: Int32Array;
}

function rank({ q }: Atom, q0: number, count: number): Ranked {
  const words = Math.ceil(count / WORD);
  const all = Float64Array.from({ length: count }, (_, i) => q.at(q0 + i));
  const order = Array.from(all.keys()).toSorted((a, b) => (all[a] ?? 0) - (all[b] ?? 0));
  const first = new Int32Array((count + 1) * words);
  order.forEach((query, n) => {
    first.copyWithin((n + 1) * words, n * words, (n + 1) * words);
    const at = (n + 1) * words + Math.floor(query / WORD);
    first[at] = (first[at] ?? 0) | (1 << (query % WORD));
  });
  return { values: Float64Array.from(order, (query) => all[query] ?? 0), first };
}

/** How many rising `values` are at most `limit`. */
function countAtMost(values: Float64Array, limit: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function createTileSettler(mask: SeparableMask): TileSettler {
  const { atoms } = mask;
  const inputs = new Int32Array(atoms.length);
  const starts = new Int32Array(atoms.length);
  let ranked: readonly Ranked[] = [];
  let [rankedFrom, rankedTo] = [0, -1];

  const attends = (q: number, kv: number): boolean => {
    atoms.forEach((atom, at) => {
      inputs[at] = atom.q.at(q) + atom.kv.at(kv) <= 0 ? -1 : 0;
    });
    return mask.combine(inputs) !== 0;
  };

  const rankRow = (q0: number, q1: number): void => {
    if (q0 === rankedFrom && q1 === rankedTo) return;
    ranked = atoms.map((atom) => rank(atom, q0, q1 - q0 + 1));
    [rankedFrom, rankedTo] = [q0, q1];
  };

  /** Word `word` of one key, once `starts` is set. */
  const attending = (word: number): number => {
    for (let at = 0; at < ranked.length; at++) {
      inputs[at] = ranked[at]?.first[(starts[at] ?? 0) + word] ?? 0;
    }
    return mask.combine(inputs);
  };

  const everyKey: TileSettler = (q0, q1, kv0, kv1) => {
    const count = q1 - q0 + 1;
    const words = Math.ceil(count / WORD);
    const lastWord = count % WORD === 0 ? -1 : 2 ** (count % WORD) - 1;
    let [some, none] = [0, 0];
    for (let kv = kv0; kv <= kv1; kv++) {
      for (let at = 0; at < ranked.length; at++) {
        const values = ranked[at]?.values ?? new Float64Array();
        starts[at] = countAtMost(values, -(atoms[at]?.kv.at(kv) ?? 0)) * words;
      }
      for (let word = 0; word < words; word++) {
        const exists = word === words - 1 ? lastWord : -1;
        const attend = attending(word);
        some |= attend & exists;
        none |= ~attend & exists;
      }
      if (some !== 0 && none !== 0) return MAYBE;
    }
    return some === 0 ? NEVER : ALWAYS;
  };

  return (q0, q1, kv0, kv1) => {
    const corner = attends(q0, kv1);
    for (const [q, kv] of [
      [q1, kv0],
      [q0, kv0],
      [q1, kv1],
    ] as const) {
      if (attends(q, kv) !== corner) return MAYBE;
    }
    rankRow(q0, q1);
    return everyKey(q0, q1, kv0, kv1);
  };
}
