/**
 * What a block is, from what is known of each of its comparisons.
 *
 * A state gives every atom NEVER, ALWAYS or MAYBE (it holds for some scores of the block and not for others), as a number in
 * base 3. All ways in which the atoms of one score can turn out are tried, so the answer is as good as the state allows.
 */
import { ALWAYS, MAYBE, NEVER } from "../ir/intervals.ts";
import type { SeparableMask } from "./separate.ts";

/** Some scores attend and some do not. */
export const MIXED = 3;
const UNKNOWN = 255;

/** NEVER, ALWAYS, MIXED, or MAYBE where the state does not tell. */
export type Outcomes = (state: number) => number;

export function createOutcomes(mask: SeparableMask): Outcomes {
  const known = new Uint8Array(3 ** mask.atoms.length).fill(UNKNOWN);
  return (state) => {
    const answer = known[state] ?? UNKNOWN;
    if (answer !== UNKNOWN) return answer;
    const made = outcomeOf(mask, state);
    known[state] = made;
    return made;
  };
}

function outcomeOf({ atoms, combine }: SeparableMask, state: number): number {
  const inputs = new Int32Array(atoms.length);
  const open: number[] = [];
  for (let atom = 0, rest = state; atom < atoms.length; atom++, rest = Math.floor(rest / 3)) {
    inputs[atom] = rest % 3 === ALWAYS ? -1 : 0;
    if (rest % 3 === MAYBE) open.push(atom);
  }
  const count = 2 ** open.length;
  const values = Array.from({ length: count }, (_, choice) => {
    open.forEach((atom, bit) => {
      inputs[atom] = -((choice >> bit) & 1);
    });
    return combine(inputs) & 1;
  });
  const first = values[0] ?? 0;
  if (values.every((value) => value === first)) return first === 1 ? ALWAYS : NEVER;
  // One atom alone decides, and both of its values occur in the block.
  const decides = open.some((_, bit) =>
    values.every((value, choice) => value === (first ^ ((choice >> bit) & 1))),
  );
  return decides ? MIXED : MAYBE;
}
