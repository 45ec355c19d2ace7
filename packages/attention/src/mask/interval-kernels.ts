/**
 * Loops over chunks of ranges: one per operation that most masks are made of, for i32 and bool
 * operands.
 */
import { I32_MAX, I32_MIN, type Cell } from "../ir/interval-rules.ts";
import type { OperatorOp } from "../ir/builder.ts";

/**
 * Boxes that go through the graph together: the ranges of a dozen nodes stay in the nearest cache.
 */
export const CHUNK = 256;

/** The ranges of one node over a chunk of boxes. A bool is a range within 0..1. */
export class Ranges {
  lo: Float64Array = new Float64Array(CHUNK);
  hi: Float64Array = new Float64Array(CHUNK);
  /** Whether the value may be NaN; f32 only. */
  readonly nan: Uint8Array = new Uint8Array(CHUNK);

  /** One known value for all boxes. */
  fill(value: number): void {
    const isNaN = Number.isNaN(value);
    this.lo.fill(isNaN ? -Infinity : value);
    this.hi.fill(isNaN ? Infinity : value);
    this.nan.fill(isNaN ? 1 : 0);
  }

  /** The numbers `from` up to `to` of other arrays, not copied. */
  view(lo: Float64Array, hi: Float64Array, from: number, to: number): void {
    this.lo = lo.subarray(from, to);
    this.hi = hi.subarray(from, to);
  }

  get(at: number, cell: Cell): void {
    cell.lo = this.lo[at] ?? 0;
    cell.hi = this.hi[at] ?? 0;
    cell.nan = this.nan[at] === 1;
  }

  set(at: number, cell: Cell): void {
    this.lo[at] = cell.lo;
    this.hi[at] = cell.hi;
    this.nan[at] = cell.nan ? 1 : 0;
  }
}

export type Kernel = (count: number, out: Ranges, a: Ranges, b: Ranges) => void;

/** A range that leaves 32 bits may wrap around to anything. */
function keepInside(count: number, { lo, hi }: Ranges): void {
  for (let at = 0; at < count; at++) {
    if ((lo[at] ?? 0) >= I32_MIN && (hi[at] ?? 0) <= I32_MAX) continue;
    lo[at] = I32_MIN;
    hi[at] = I32_MAX;
  }
}

export const kernels: { readonly [K in OperatorOp]?: Kernel } = {
  add: (count, out, a, b) => {
    for (let at = 0; at < count; at++) {
      out.lo[at] = (a.lo[at] ?? 0) + (b.lo[at] ?? 0);
      out.hi[at] = (a.hi[at] ?? 0) + (b.hi[at] ?? 0);
    }
    keepInside(count, out);
  },
  sub: (count, out, a, b) => {
    for (let at = 0; at < count; at++) {
      out.lo[at] = (a.lo[at] ?? 0) - (b.hi[at] ?? 0);
      out.hi[at] = (a.hi[at] ?? 0) - (b.lo[at] ?? 0);
    }
    keepInside(count, out);
  },
  lt: (count, out, a, b) => {
    for (let at = 0; at < count; at++) {
      out.lo[at] = (a.hi[at] ?? 0) < (b.lo[at] ?? 0) ? 1 : 0;
      out.hi[at] = (a.lo[at] ?? 0) < (b.hi[at] ?? 0) ? 1 : 0;
    }
  },
  le: (count, out, a, b) => {
    for (let at = 0; at < count; at++) {
      out.lo[at] = (a.hi[at] ?? 0) <= (b.lo[at] ?? 0) ? 1 : 0;
      out.hi[at] = (a.lo[at] ?? 0) <= (b.hi[at] ?? 0) ? 1 : 0;
    }
  },
  eq: (count, out, a, b) => {
    for (let at = 0; at < count; at++) {
      const aLo = a.lo[at] ?? 0;
      const aHi = a.hi[at] ?? 0;
      const bLo = b.lo[at] ?? 0;
      const bHi = b.hi[at] ?? 0;
      out.lo[at] = aLo === bHi && aHi === bLo ? 1 : 0;
      out.hi[at] = aLo <= bHi && bLo <= aHi ? 1 : 0;
    }
  },
  and: (count, out, a, b) => {
    for (let at = 0; at < count; at++) {
      out.lo[at] = Math.min(a.lo[at] ?? 0, b.lo[at] ?? 0);
      out.hi[at] = Math.min(a.hi[at] ?? 0, b.hi[at] ?? 0);
    }
  },
  or: (count, out, a, b) => {
    for (let at = 0; at < count; at++) {
      out.lo[at] = Math.max(a.lo[at] ?? 0, b.lo[at] ?? 0);
      out.hi[at] = Math.max(a.hi[at] ?? 0, b.hi[at] ?? 0);
    }
  },
  not: (count, out, a) => {
    for (let at = 0; at < count; at++) {
      out.lo[at] = 1 - (a.hi[at] ?? 0);
      out.hi[at] = 1 - (a.lo[at] ?? 0);
    }
  },
};
