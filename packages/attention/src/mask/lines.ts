/**
 * Integer functions of one axis, as a mask computes them: `q`, `2 * kv`, `floor(q / 64)`, `ids[kv]`.
 *
 * Values are doubles: sums of 32-bit integers are exact in them, and whether an i32 would have wrapped shows in the range.
 */
import type { TensorValue } from "../ir/types.ts";

/** Never falls (1), never rises (-1), stays (0), or nothing is known (null), along its axis. */
export type Trend = -1 | 0 | 1 | null;

export interface Bounds {
  readonly lo: number;
  readonly hi: number;
}

interface Affine {
  readonly slope: number;
  readonly offset: number;
  /** Of the positions. */
  readonly over: Bounds;
}

export interface Line {
  readonly trend: Trend;
  /** Functions that one value takes. */
  readonly size: number;
  /** Where it is slope * position + offset. */
  readonly affine?: Affine;
  at(position: number): number;
  /** Bounds of its values over the positions of the mask. */
  range(): Bounds;
}

function affineLine({ slope, offset, over }: Affine): Line {
  const ends = [over.lo, over.hi].map((x) => slope * x + offset);
  const range = { lo: Math.min(...ends), hi: Math.max(...ends) };
  return {
    trend: slope > 0 ? 1 : slope < 0 ? -1 : 0,
    size: 1,
    affine: { slope, offset, over },
    at: slope === 1 && offset === 0 ? (x) => x : (x) => slope * x + offset,
    range: () => range,
  };
}

export const constantLine = (value: number): Line =>
  affineLine({ slope: 0, offset: value, over: { lo: 0, hi: 0 } });

export const ZERO: Line = constantLine(0);

/** The position itself. */
export const identity = (over: Bounds): Line => affineLine({ slope: 1, offset: 0, over });

/** Its values at `first`, `first + step`, ... */
export function fill(out: Float64Array, line: Line, first: number, step: number): void {
  if (line.affine === undefined) {
    for (let i = 0, x = first; i < out.length; i++, x += step) out[i] = line.at(x);
    return;
  }
  const { slope, offset } = line.affine;
  for (let i = 0, x = first; i < out.length; i++, x += step) out[i] = slope * x + offset;
}

/** The trend of what never falls in either operand. */
function join(a: Trend, b: Trend): Trend {
  if (a === null || b === null) return null;
  return a === 0 || a === b ? b : b === 0 ? a : null;
}

/** f(a, b), of a function that never falls in either: a sum, a minimum, a maximum. */
export const merged = (a: Line, b: Line, f: (x: number, y: number) => number): Line => ({
  trend: join(a.trend, b.trend),
  size: a.size + b.size + 1,
  at: (x) => f(a.at(x), b.at(x)),
  range: () => {
    const [x, y] = [a.range(), b.range()];
    return { lo: f(x.lo, y.lo), hi: f(x.hi, y.hi) };
  },
});

export function sumOf(a: Line, b: Line): Line {
  if (a === ZERO || b === ZERO) return a === ZERO ? b : a;
  if (a.affine !== undefined && b.affine !== undefined) {
    const over = a.trend === 0 ? b.affine.over : a.affine.over;
    const slope = a.affine.slope + b.affine.slope;
    return affineLine({ slope, offset: a.affine.offset + b.affine.offset, over });
  }
  return merged(a, b, (x, y) => x + y);
}

/** f(a), of a function that never falls. */
export const mapped = (a: Line, f: (value: number) => number): Line => ({
  trend: a.trend,
  size: a.size + 1,
  at: (x) => f(a.at(x)),
  range: () => {
    const { lo, hi } = a.range();
    return { lo: f(lo), hi: f(hi) };
  },
});

export function scaled(a: Line, factor: number): Line {
  if (a === ZERO || factor === 1) return a;
  if (a.affine !== undefined) {
    const { slope, offset, over } = a.affine;
    return affineLine({ slope: slope * factor, offset: offset * factor, over });
  }
  if (factor >= 0) return mapped(a, (value) => value * factor);
  return {
    trend: a.trend === null ? null : a.trend === 0 ? 0 : a.trend === 1 ? -1 : 1,
    size: a.size + 1,
    at: (x) => a.at(x) * factor,
    range: () => {
      const { lo, hi } = a.range();
      return { lo: hi * factor, hi: lo * factor };
    },
  };
}

/** Part of a tensor: `length` elements from `start`. */
export interface Row {
  readonly start: number;
  readonly length: number;
  /** Whether they never fall. */
  readonly rises: boolean;
}

/** Elements of a row; `range` tells the bounds of one that does not rise. */
export function lookedUp(index: Line, { data }: TensorValue, row: Row, range: () => Bounds): Line {
  const { start, length, rises } = row;
  const element = (at: number): number =>
    data[start + (at < 0 ? 0 : at < length ? at : length - 1)] ?? 0;
  const line = mapped(index, element);
  return rises ? line : { ...line, trend: index.trend === 0 ? 0 : null, range };
}
