/** Document ids for the gallery's examples. */
import { random } from "./random.ts";

/** Ids 0, 1, ... of `length` tokens in documents of random lengths, about five of them. */
export function exampleDocuments(length: number, seed: number): Int32Array {
  const rng = random(seed);
  const ids = new Int32Array(length);
  for (let start = 0, id = 0; start < length; id++) {
    const end = start + 1 + rng.below(Math.ceil(length / 2.5));
    ids.fill(id, start, end);
    start = end;
  }
  return ids;
}
