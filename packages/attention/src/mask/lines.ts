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

export interface Line {
  readonly trend: Trend;
  /** Functions that one value takes. */
  readonly size: number;
  at(position: number): number;
  /** Bounds of its values over the positions of the mask. */
  range(): Bounds;
}

export const constantLine = (value: number): Line => ({
  trend: 0,
  size: 1,
  at: () => value,
  range: () => ({ lo: value, hi: value }),
});

export const ZERO: Line = constantLine(0);

/** The position itself. */
export const identity = (range: Bounds): Line => ({
  trend: 1,
  size: 1,
  at: (x) => x,
  range: () => range,
});

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
