/**
 * Attention as it is computed without a compiler: all scores written to memory, the user's function called on each, a softmax over
 * each row, a product with the values. The yardstick that a fused kernel's speed-up is counted against.
 *
 * It is a fair one: both products and the softmax are WebAssembly SIMD (`unfused-kernels.ts`), a mask is evaluated beforehand,
 * off the clock, and added as 0 and -Infinity, and packing the inputs is off the clock as well. A score function is called as
 * JavaScript, on the clock, because it needs the score. One head at a time, one thread.
 */
import type { Position } from "../ir/types.ts";
import { findFeatures } from "../emit/wasm/features.ts";
import type { Tensor } from "../tensor.ts";
import { elementsOf } from "../reference/formats.ts";
import { fresh } from "./plain-function.ts";
import { COLUMNS, ROWS, unfusedModule } from "./unfused-kernels.ts";

export interface UnfusedProblem {
  /** [1, Hq, M, D], f32. */
  readonly query: Tensor;
  /** [1, Hkv, N, D] */
  readonly key: Tensor;
  /** [1, Hkv, N, Dv] */
  readonly value: Tensor;
  readonly score?: ((score: number, at: Position) => number) | undefined;
  readonly mask?: ((at: Position) => boolean) | undefined;
  /** [Hq] */
  readonly sinks?: ArrayLike<number> | undefined;
  /** Whether the mask reads `h`. Default true; false saves evaluating it for each head. */
  readonly maskPerHead?: boolean;
}

export interface UnfusedResult {
  /** [Hq, M, Dv] */
  readonly out: Float32Array;
  /** Milliseconds on the clock. */
  readonly ms: number;
}

interface Exports {
  readonly scores: (a: number, b: number, c: number, panels: number) => void;
  readonly softmax: (row: number, bias: number, bytes: number, sink: number) => void;
  readonly values: (a: number, b: number, c: number, panels: number) => void;
}

const PAGE_BYTES = 65_536;

const padded = (length: number, to: number): number => Math.ceil(length / to) * to;

/** Where each matrix begins in memory, in bytes; all row-major, rows and columns padded. */
interface Layout {
  readonly query: number;
  readonly keys: number;
  readonly values: number;
  readonly scores: number;
  readonly bias: number;
  readonly out: number;
  readonly end: number;
}

/** Lengths of one head, padded where the kernels need it. */
interface Lengths {
  readonly M: number;
  readonly N: number;
  readonly D: number;
  readonly Dv: number;
  readonly rows: number;
  readonly keys: number;
  readonly columns: number;
}

function layoutOf({ rows, keys, columns, D }: Lengths): Layout {
  const sizes = {
    query: rows * D,
    keys: keys * D,
    values: keys * columns,
    scores: rows * keys,
    bias: rows * keys,
    out: rows * columns,
  };
  let end = 0;
  const place = (elements: number): number => {
    const at = end;
    end += padded(elements * 4, 64);
    return at;
  };
  const at = {
    query: place(sizes.query),
    keys: place(sizes.keys),
    values: place(sizes.values),
    scores: place(sizes.scores),
    bias: place(sizes.bias),
    out: place(sizes.out),
  };
  return { ...at, end };
}

interface Grid {
  readonly h: number;
  readonly M: number;
  readonly N: number;
  /** Columns of a row in memory. */
  readonly keys: number;
}

/** 0 where the mask attends; the rest is left as it is. */
function fillBias(
  mask: UnfusedProblem["mask"] | null,
  bias: Float32Array,
  { h, M, N, keys }: Grid,
): void {
  const at = { b: 0, h, q: 0, kv: 0 };
  for (at.q = 0; at.q < M; at.q++) {
    for (at.kv = 0; at.kv < N; at.kv++) {
      if (!mask || mask(at)) bias[at.q * keys + at.kv] = 0;
    }
  }
}

/** The score function on every score that the mask keeps. */
function adjustScores(
  score: NonNullable<UnfusedProblem["score"]>,
  scores: Float32Array,
  bias: Float32Array,
  { h, M, N, keys }: Grid,
): void {
  const at = { b: 0, h, q: 0, kv: 0 };
  for (at.q = 0; at.q < M; at.q++) {
    const row = at.q * keys;
    for (at.kv = 0; at.kv < N; at.kv++) {
      const index = row + at.kv;
      if (bias[index] === 0) scores[index] = score(scores[index] ?? NaN, at);
    }
  }
}

/** Prepared for one problem; each `run` computes it once. */
export class Unfused {
  readonly #problem: UnfusedProblem;
  readonly #lengths: Lengths;
  readonly #layout: Layout;
  readonly #memory: WebAssembly.Memory;
  readonly #exports: Exports;
  readonly #elements: Readonly<Record<"q" | "k" | "v", Float64Array>>;
  readonly #adjustScores = fresh(adjustScores);
  /** By head: evaluated once, however often it runs. */
  readonly #biases = new Map<number, Float32Array>();

  constructor(problem: UnfusedProblem) {
    const { query, key, value } = problem;
    const [, , M = 0, D = 0] = query.shape;
    const [, , N = 0, Dv = 0] = value.shape;
    this.#problem = problem;
    const [rows, keys, columns] = [padded(M, ROWS), padded(N, COLUMNS), padded(Dv, COLUMNS)];
    this.#lengths = { M, N, D, Dv, rows, keys, columns };
    this.#layout = layoutOf(this.#lengths);
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil(this.#layout.end / PAGE_BYTES) });
    const bytes = unfusedModule({ D, Dv, keys, columns }, findFeatures().relaxed);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.#memory },
    });
    this.#exports = instance.exports as unknown as Exports;
    this.#elements = { q: elementsOf(query), k: elementsOf(key), v: elementsOf(value) };
  }

  run(): UnfusedResult {
    const { M, Dv } = this.#lengths;
    const Hq = this.#problem.query.shape[1] ?? 0;
    const out = new Float32Array(Hq * M * Dv);
    let ms = 0;
    for (let h = 0; h < Hq; h++) {
      this.#pack(h);
      this.#placeBias(h);
      const start = performance.now();
      this.#scores();
      this.#adjust(h);
      this.#softmax(h);
      this.#values();
      ms += performance.now() - start;
      this.#unpack(out.subarray(h * M * Dv, (h + 1) * M * Dv));
    }
    return { out, ms };
  }

  #floats(at: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, at, length);
  }

  /** Q scaled; K and V in panels of 8 columns. */
  #pack(h: number): void {
    const { M, N, D, Dv, rows, keys, columns } = this.#lengths;
    const { query, key } = this.#problem;
    const { q, k, v } = this.#elements;
    const kvHead = Math.floor((h * (key.shape[1] ?? 1)) / (query.shape[1] ?? 1));
    const scale = 1 / Math.sqrt(D);
    const packedQ = this.#floats(this.#layout.query, rows * D);
    for (let at = 0; at < M * D; at++) packedQ[at] = (q[h * M * D + at] ?? 0) * scale;
    const packedK = this.#floats(this.#layout.keys, keys * D);
    for (let n = 0; n < N; n++) {
      const to = Math.floor(n / COLUMNS) * D * COLUMNS + (n % COLUMNS);
      for (let d = 0; d < D; d++) packedK[to + d * COLUMNS] = k[(kvHead * N + n) * D + d] ?? 0;
    }
    const packedV = this.#floats(this.#layout.values, keys * columns);
    for (let n = 0; n < N; n++) {
      for (let d = 0; d < Dv; d++) {
        const to = Math.floor(d / COLUMNS) * keys * COLUMNS + n * COLUMNS + (d % COLUMNS);
        packedV[to] = v[(kvHead * N + n) * Dv + d] ?? 0;
      }
    }
  }

  #placeBias(h: number): void {
    const { M, keys } = this.#lengths;
    const at = this.#problem.maskPerHead === false ? 0 : h;
    const bias = this.#biases.get(at) ?? this.#evaluateMask(h);
    this.#biases.set(at, bias);
    this.#floats(this.#layout.bias, M * keys).set(bias);
  }

  /** 0 where the mask attends, -Infinity where it does not and beyond the last key. */
  #evaluateMask(h: number): Float32Array {
    const { M, N, keys } = this.#lengths;
    const { mask } = this.#problem;
    const bias = new Float32Array(M * keys).fill(-Infinity);
    fresh(fillBias)(mask ?? null, bias, { h, M, N, keys });
    return bias;
  }

  #scores(): void {
    const { rows, D, keys } = this.#lengths;
    const { query, keys: at, scores } = this.#layout;
    for (let row = 0; row < rows; row += ROWS) {
      this.#exports.scores(query + row * D * 4, at, scores + row * keys * 4, keys / COLUMNS);
    }
  }

  /** The score function on every score that the mask keeps. */
  #adjust(h: number): void {
    const { M, N, keys } = this.#lengths;
    const { score } = this.#problem;
    if (score === undefined) return;
    const scores = this.#floats(this.#layout.scores, M * keys);
    const bias = this.#floats(this.#layout.bias, M * keys);
    this.#adjustScores(score, scores, bias, { h, M, N, keys });
  }

  #softmax(h: number): void {
    const { M, keys } = this.#lengths;
    const { scores, bias } = this.#layout;
    const sink = this.#problem.sinks?.[h] ?? -Infinity;
    for (let at = 0; at < M * keys * 4; at += keys * 4) {
      this.#exports.softmax(scores + at, bias + at, keys * 4, sink);
    }
  }

  #values(): void {
    const { rows, keys, columns } = this.#lengths;
    const { scores, values, out } = this.#layout;
    for (let row = 0; row < rows; row += ROWS) {
      const [a, c] = [scores + row * keys * 4, out + row * columns * 4];
      this.#exports.values(a, values, c, columns / COLUMNS);
    }
  }

  #unpack(to: Float32Array): void {
    const { M, Dv, columns } = this.#lengths;
    const out = this.#floats(this.#layout.out, M * columns);
    for (let row = 0; row < M; row++)
      to.set(out.subarray(row * columns, row * columns + Dv), row * Dv);
  }
}
