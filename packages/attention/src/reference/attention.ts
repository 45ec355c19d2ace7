/**
 * What attention means: float64, four loops, nothing fused, nothing skipped.
 *
 * This file is the slow twin of every kernel and shares no code with any of them: no block mask, no schedule, no
 * tiles. Score and mask are called as the plain JavaScript functions that the caller wrote.
 *
 *   s[kv]  = score(scale * sum_d Q[b,h,row,d] K[b,h',kv,d], { b, h, q, kv })     for every kv that exists and attends
 *   max    = the largest s        lse = ln(sum_kv exp(s[kv]) + exp(sink[h]))      out = sum_kv exp(s[kv] - lse) V[b,h',kv]
 *
 * with h' = floor(h / (Hq / Hkv)) and q = row + queryOffset[b]; keys from kvLength[b] on do not exist. A row where nothing
 * attends, or every score is -Infinity, gives out = 0 and max = -Infinity; its lse is the sink, or -Infinity.
 */
import type { Position } from "../ir/types.ts";
import type { Tensor } from "../tensor.ts";
import { elementsOf } from "./formats.ts";

/** Checked by the caller: shapes fit together, Hq is a multiple of Hkv. */
export interface Problem {
  /** [B, Hq, M, D] */
  readonly query: Tensor;
  /** [B, Hkv, N, D] */
  readonly key: Tensor;
  /** [B, Hkv, N, Dv] */
  readonly value: Tensor;
  /** Default 1 / sqrt(D). */
  readonly scale?: number;
  readonly score?: ((score: number, at: Position) => number) | null;
  readonly mask?: ((at: Position) => boolean) | null;
  /** [B], default 0. */
  readonly queryOffset?: ArrayLike<number>;
  /** [B], default N. */
  readonly kvLength?: ArrayLike<number>;
  /** [Hq], default none. */
  readonly sinks?: ArrayLike<number> | null;
}

/** Row-major: out [B, Hq, M, Dv], lse (natural log) and max [B, Hq, M]. */
export interface Answer {
  readonly out: Float64Array;
  readonly lse: Float64Array;
  readonly max: Float64Array;
}

/** A problem with its defaults filled in and its elements as plain row-major numbers. */
export interface Unpacked {
  readonly B: number;
  readonly Hq: number;
  readonly M: number;
  readonly N: number;
  readonly D: number;
  readonly Dv: number;
  /** Query heads per key head. */
  readonly group: number;
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly scale: number;
}

export function unpack({ query, key, value, scale }: Problem): Unpacked {
  const [B = 0, Hq = 0, M = 0, D = 0] = query.shape;
  const [, Hkv = 1, N = 0] = key.shape;
  const Dv = value.shape[3] ?? 0;
  const elements = { q: elementsOf(query), k: elementsOf(key), v: elementsOf(value) };
  return { B, Hq, M, N, D, Dv, group: Hq / Hkv, ...elements, scale: scale ?? 1 / Math.sqrt(D) };
}

/**
 * Attention in float64. Cost: B * Hq * M * N * (D + Dv) multiplications, one at a time: for tests of small shapes.
 */
export function referenceAttention(problem: Problem): Answer {
  const { B, Hq, M, N, D, Dv, group, q, k, v, scale } = unpack(problem);
  const { score, mask, queryOffset, kvLength, sinks } = problem;
  const answer: Answer = {
    out: new Float64Array(B * Hq * M * Dv),
    lse: new Float64Array(B * Hq * M),
    max: new Float64Array(B * Hq * M),
  };
  for (let b = 0; b < B; b++) {
    const keys = kvLength?.[b] ?? N;
    for (let h = 0; h < Hq; h++) {
      const keyHead = b * (Hq / group) + Math.floor(h / group);
      for (let row = 0; row < M; row++) {
        const queryRow = (b * Hq + h) * M + row;
        const scores = new Float64Array(keys).fill(-Infinity);
        for (let kv = 0; kv < keys; kv++) {
          const at = { b, h, q: row + (queryOffset?.[b] ?? 0), kv };
          if (mask && !mask(at)) continue;
          let dot = 0;
          for (let d = 0; d < D; d++) {
            dot += (q[queryRow * D + d] ?? NaN) * (k[(keyHead * N + kv) * D + d] ?? NaN);
          }
          scores[kv] = score ? score(scale * dot, at) : scale * dot;
        }
        const value = v.subarray(keyHead * N * Dv, (keyHead + 1) * N * Dv);
        const out = answer.out.subarray(queryRow * Dv, (queryRow + 1) * Dv);
        const { lse, max } = weigh(scores, sinks?.[h] ?? -Infinity, value, out);
        answer.lse[queryRow] = lse;
        answer.max[queryRow] = max;
      }
    }
  }
  return answer;
}

/** One row: softmax of the scores, and the values [keys, Dv] averaged by it into `out` [Dv]. */
function weigh(
  scores: Float64Array,
  sink: number,
  value: Float64Array,
  out: Float64Array,
): { readonly lse: number; readonly max: number } {
  const max = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const shift = Math.max(max, sink);
  if (shift === -Infinity) return { lse: -Infinity, max };
  const total = scores.reduce((sum, s) => sum + Math.exp(s - shift), Math.exp(sink - shift));
  const Dv = out.length;
  for (let kv = 0; kv < scores.length; kv++) {
    if (scores[kv] === -Infinity) continue;
    const weight = Math.exp((scores[kv] ?? NaN) - shift) / total;
    for (let d = 0; d < Dv; d++) {
      out[d] = (out[d] ?? 0) + weight * (value[kv * Dv + d] ?? NaN);
    }
  }
  return { lse: shift + Math.log(total), max };
}
