/**
 * Query, key and value from bytes, as the first layer of a model makes them: an embedding per byte, a sinusoid per position,
 * and three projections. All weights are fixed and seeded: nothing is trained, and every run sees the same numbers.
 */
import { Tensor } from "@vigil/attention";
import { random } from "@vigil/attention/testing";
import type { Inputs, Random, Shape } from "@vigil/attention/testing";

/** Elements of an embedding. */
const WIDTH = 64;

/** Logits with a deviation of about 2: some keys matter, none takes all. */
const SHARPNESS = 1.5;

function matrix(
  rows: number,
  columns: number,
  { normal }: Random,
  deviation: number,
): Float32Array {
  return Float32Array.from({ length: rows * columns }, () => normal() * deviation);
}

/** [tokens, WIDTH]: what the byte is, and where it stands (Vaswani et al. 2017, section 3.5). */
function embed(bytes: Uint8Array, rng: Random): Float32Array {
  const table = matrix(256, WIDTH, rng, 1);
  const embedded = new Float32Array(bytes.length * WIDTH);
  for (let token = 0; token < bytes.length; token++) {
    for (let at = 0; at < WIDTH; at++) {
      const angle = token / 10_000 ** ((at & ~1) / WIDTH);
      const position = at % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
      embedded[token * WIDTH + at] = (table[(bytes[token] ?? 0) * WIDTH + at] ?? 0) + position;
    }
  }
  return embedded;
}

/** [1, heads, tokens, size]: one projection per head. */
function project(
  embedded: Float32Array,
  {
    heads,
    size,
    sharpness,
  }: { readonly heads: number; readonly size: number; readonly sharpness: number },
  rng: Random,
): Tensor {
  const tokens = embedded.length / WIDTH;
  const out = new Float32Array(heads * tokens * size);
  for (let head = 0; head < heads; head++) {
    const weights = matrix(WIDTH, size, rng, sharpness / Math.sqrt(WIDTH));
    for (let token = 0; token < tokens; token++) {
      const to = (head * tokens + token) * size;
      const row = out.subarray(to, to + size);
      for (let at = 0; at < WIDTH; at++) {
        const factor = embedded[token * WIDTH + at] ?? 0;
        for (let d = 0; d < size; d++)
          row[d] = (row[d] ?? 0) + factor * (weights[at * size + d] ?? 0);
      }
    }
  }
  return new Tensor(out, [1, heads, tokens, size]);
}

/** Query [1, Hq, M, D], key [1, Hkv, M, D] and value [1, Hkv, M, Dv] of a sequence of M bytes. */
export function embedBytes(bytes: Uint8Array, { Hq, Hkv, D, Dv }: Shape): Inputs {
  const rng = random(2026);
  const embedded = embed(bytes, rng);
  return {
    query: project(embedded, { heads: Hq, size: D, sharpness: SHARPNESS }, rng),
    key: project(embedded, { heads: Hkv, size: D, sharpness: 1 }, rng),
    value: project(embedded, { heads: Hkv, size: Dv, sharpness: 1 }, rng),
  };
}
