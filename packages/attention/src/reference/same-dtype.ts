/**
 * The computation without fusion, in the precision that a kernel has: its error against float64 is what a kernel's error is
 * measured by.
 *
 * Inputs in their dtype; dot products and sums accumulated in f32, one term after the other, each operation rounded; the whole
 * row of probabilities made, normalised and rounded to the dtype before it meets the values; the output rounded to the dtype.
 * Score and mask come as functions that round as f32 does (`compileElement`), so that a kernel may spend on them what f32
 * spends.
 */
import type { FloatType } from "../tensor.ts";
import { type Answer, type Problem, type Unpacked, unpack } from "./attention.ts";
import { roundTo } from "./formats.ts";

const f32 = Math.fround;

/** Attention as an unfused program of the query's dtype computes it; the results are exact numbers of their formats. */
export function sameDtypeAttention(problem: Problem): Answer {
  const dtype = problem.query.dtype as FloatType;
  const parts = unpack(problem);
  const { B, Hq, M, Dv } = parts;
  const answer: Answer = {
    out: new Float64Array(B * Hq * M * Dv),
    lse: new Float64Array(B * Hq * M),
    max: new Float64Array(B * Hq * M),
  };
  const scores = scoreRow(problem, parts);
  const mix = mixRow(parts, dtype);
  for (let b = 0, at = 0; b < B; b++) {
    for (let h = 0; h < Hq; h++) {
      const sink = f32(problem.sinks?.[h] ?? -Infinity);
      for (let row = 0; row < M; row++, at++) {
        const { weights, lse, max } = softmax(scores(b, h, row), sink, dtype);
        mix(b, h, weights, answer.out.subarray(at * Dv, (at + 1) * Dv));
        answer.lse[at] = lse;
        answer.max[at] = max;
      }
    }
  }
  return answer;
}

/** Scores of one query row: the product of one row of the query with the transposed key, then the user's functions. */
function scoreRow(
  { score, mask, queryOffset, kvLength }: Problem,
  { Hq, M, N, D, group, q, k, scale }: Unpacked,
): (b: number, h: number, row: number) => Float32Array {
  const factor = f32(scale);
  return (b, h, row) => {
    const keyHead = b * (Hq / group) + Math.floor(h / group);
    const query = ((b * Hq + h) * M + row) * D;
    return new Float32Array(kvLength?.[b] ?? N).map((_, kv) => {
      const at = { b, h, q: row + (queryOffset?.[b] ?? 0), kv };
      if (mask && !mask(at)) return -Infinity;
      const key = (keyHead * N + kv) * D;
      let dot = 0;
      for (let d = 0; d < D; d++) dot = f32(dot + f32((q[query + d] ?? NaN) * (k[key + d] ?? NaN)));
      const scaled = f32(dot * factor);
      return score ? f32(score(scaled, at)) : scaled;
    });
  };
}

interface Softmax {
  /** In the dtype. */
  readonly weights: Float64Array;
  readonly lse: number;
  readonly max: number;
}

function softmax(scores: Float32Array, sink: number, dtype: FloatType): Softmax {
  const max = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const shift = Math.max(max, sink);
  if (shift === -Infinity) return { weights: new Float64Array(scores.length), lse: -Infinity, max };
  const powers = scores.map((s) => Math.exp(f32(s - shift)));
  const total = powers.reduce((sum, p) => f32(sum + p), f32(Math.exp(f32(sink - shift))));
  const weights = new Float64Array(powers).map((p) => roundTo(dtype, f32(p / total)));
  return { weights, lse: f32(shift + f32(Math.log(total))), max };
}

/** Weighs the values [keys, Dv] of one head into a row of the output. */
function mixRow(
  { Hq, N, Dv, group, v }: Unpacked,
  dtype: FloatType,
): (b: number, h: number, weights: Float64Array, out: Float64Array) => void {
  return (b, h, weights, out) => {
    const keyHead = b * (Hq / group) + Math.floor(h / group);
    for (let kv = 0; kv < weights.length; kv++) {
      const weight = weights[kv] ?? NaN;
      if (weight === 0) continue;
      const value = (keyHead * N + kv) * Dv;
      for (let d = 0; d < Dv; d++) {
        out[d] = f32((out[d] ?? 0) + f32(weight * (v[value + d] ?? NaN)));
      }
    }
    for (let d = 0; d < Dv; d++) out[d] = roundTo(dtype, out[d] ?? NaN);
  };
}
