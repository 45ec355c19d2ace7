/**
 * Minima and maxima of a tensor over any range of indices, without looking at each element.
 *
 * The elements are cut into chunks of `CHUNK`; above the chunks stands a binary tree of minima and one of
 * maxima. A range costs at most two partly covered chunks and two nodes per level: O(log n).
 * Built once per tensor in O(n), when a second range is asked for; a quarter of its size. One range alone is looked through.
 */
import type { TensorValue } from "./types.ts";

const CHUNK = 16;

/** Least and greatest value (NaN apart) and whether a NaN may be among them. */
export interface Extent {
  lo: number;
  hi: number;
  nan: boolean;
}

function emptyLike(data: TensorValue["data"], length: number): TensorValue["data"] {
  if (data instanceof Float32Array) return new Float32Array(length);
  return data instanceof Int32Array ? new Int32Array(length) : new Uint8Array(length);
}

export class Pyramid {
  readonly #data: TensorValue["data"];
  /** Chunks; node i has children 2i and 2i + 1, chunk c is node leaves + c. */
  readonly #leaves: number;
  #lows: TensorValue["data"];
  #highs: TensorValue["data"];
  #hasNaN = false;
  #asked = 0;

  constructor(tensor: TensorValue) {
    const { data } = tensor;
    this.#data = data;
    this.#leaves = Math.ceil(data.length / CHUNK);
    this.#lows = emptyLike(data, 0);
    this.#highs = this.#lows;
  }

  /** Widens `out` by the elements `first` to `last` inclusive, both inside the tensor. */
  widen(out: Extent, first: number, last: number): void {
    this.#asked++;
    if (this.#asked === 1) {
      this.#scan(out, first, last + 1);
      return;
    }
    if (this.#asked === 2) this.#build();
    if (this.#hasNaN) out.nan = true;
    const firstChunk = Math.ceil(first / CHUNK);
    const isToTheEnd = last + 1 === this.#data.length;
    const endChunk = isToTheEnd ? this.#leaves : Math.floor((last + 1) / CHUNK);
    if (firstChunk >= endChunk) {
      this.#scan(out, first, last + 1);
      return;
    }
    this.#scan(out, first, firstChunk * CHUNK);
    this.#climb(out, firstChunk, endChunk);
    this.#scan(out, Math.min(endChunk * CHUNK, last + 1), last + 1);
  }

  #build(): void {
    const leaves = this.#leaves;
    this.#lows = emptyLike(this.#data, 2 * leaves);
    this.#highs = emptyLike(this.#data, 2 * leaves);
    const lows = this.#lows;
    const highs = this.#highs;
    const extent: Extent = { lo: 0, hi: 0, nan: false };
    for (let chunk = 0; chunk < leaves; chunk++) {
      extent.lo = Infinity;
      extent.hi = -Infinity;
      this.#scan(extent, chunk * CHUNK, Math.min((chunk + 1) * CHUNK, this.#data.length));
      lows[leaves + chunk] = extent.lo;
      highs[leaves + chunk] = extent.hi;
    }
    for (let node = leaves - 1; node > 0; node--) {
      lows[node] = Math.min(lows[2 * node] ?? 0, lows[2 * node + 1] ?? 0);
      highs[node] = Math.max(highs[2 * node] ?? 0, highs[2 * node + 1] ?? 0);
    }
    this.#hasNaN = extent.nan;
  }

  #scan(out: Extent, start: number, end: number): void {
    const data = this.#data;
    let { lo, hi } = out;
    for (let at = start; at < end; at++) {
      const value = data[at] ?? 0;
      if (value < lo) lo = value;
      if (value > hi) hi = value;
      if (value !== value) out.nan = true;
    }
    out.lo = lo;
    out.hi = hi;
  }

  /** The chunks `first` up to but not including `end`, bottom-up: what sticks out on either side, then the parents. */
  #climb(out: Extent, first: number, end: number): void {
    let left = first + this.#leaves;
    let right = end + this.#leaves;
    while (left < right) {
      if (left % 2 === 1) this.#take(out, left++);
      if (right % 2 === 1) this.#take(out, --right);
      left = left >> 1;
      right = right >> 1;
    }
  }

  #take(out: Extent, node: number): void {
    out.lo = Math.min(out.lo, this.#lows[node] ?? 0);
    out.hi = Math.max(out.hi, this.#highs[node] ?? 0);
  }
}
