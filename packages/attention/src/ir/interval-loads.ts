/**
 * The range of a captured tensor's elements over ranges of its indices.
 *
 * The innermost index is a range of neighbours, which a pyramid answers; outer indices are walked one by one
 * while they are few, else the range of everything between the first and the last element is taken.
 */
import type { Extent, Pyramid } from "./pyramid.ts";
import type { Cell } from "./interval-rules.ts";
import type { TensorValue } from "./types.ts";

/** Rows that are looked up one by one; a block of queries has about as many. */
const MAX_ROWS = 512;

function setEmpty(extent: Extent): void {
  extent.lo = Infinity;
  extent.hi = -Infinity;
  extent.nan = false;
}

const clampTo = (length: number, index: number): number =>
  index < 0 ? 0 : index >= length ? length - 1 : index;

interface Dimension {
  readonly index: Cell;
  readonly length: number;
  readonly stride: number;
}

function dimensionsOf(shape: readonly number[], indices: readonly Cell[]): Dimension[] {
  let stride = 1;
  return indices
    .map((index, axis) => ({ index, length: shape[axis] ?? 1 }))
    .toReversed()
    .map((dimension) => {
      const here = stride;
      stride *= dimension.length;
      return { ...dimension, stride: here };
    })
    .toReversed();
}

/** Writes the range of the tensor's elements at `indices` to `out`. */
export function loadRule(
  out: Cell,
  tensor: TensorValue,
  pyramid: Pyramid,
  indices: readonly Cell[],
): () => void {
  const dimensions = dimensionsOf(tensor.shape, indices);
  const isBool = tensor.type === "bool";
  const outer = dimensions.slice(0, -1);

  const firstOf = ({ index, length }: Dimension): number => clampTo(length, index.lo);
  const lastOf = ({ index, length }: Dimension): number => clampTo(length, index.hi);

  const walk = (axis: number, first: number, last: number): void => {
    const dimension = dimensions[axis];
    if (dimension === undefined) {
      pyramid.widen(out, first, last);
      return;
    }
    const from = firstOf(dimension);
    const to = lastOf(dimension);
    const { stride } = dimension;
    if (stride === 1) walk(axis + 1, first + from, last + to);
    else
      for (let at = from; at <= to; at++) walk(axis + 1, first + at * stride, last + at * stride);
  };

  /** Of everything between the first and the last element: what was asked before is often asked again. */
  const between: Extent = { lo: 0, hi: 0, nan: false };
  let [knownFirst, knownLast] = [-1, -1];
  const lookBetweenCorners = (): void => {
    let first = 0;
    let last = 0;
    for (const dimension of dimensions) {
      first += firstOf(dimension) * dimension.stride;
      last += lastOf(dimension) * dimension.stride;
    }
    if (first !== knownFirst || last !== knownLast) {
      setEmpty(between);
      pyramid.widen(between, first, last);
      knownFirst = first;
      knownLast = last;
    }
    out.lo = between.lo;
    out.hi = between.hi;
    out.nan = between.nan;
  };

  return () => {
    let rows = 1;
    for (const dimension of outer) rows *= lastOf(dimension) - firstOf(dimension) + 1;
    if (rows === 1 || rows > MAX_ROWS) lookBetweenCorners();
    else {
      setEmpty(out);
      walk(0, 0, 0);
    }
    if (isBool) {
      // Anything but 0 is true.
      out.lo = Math.min(out.lo, 1);
      out.hi = Math.min(out.hi, 1);
    } else if (out.lo > out.hi) {
      // Nothing but NaN.
      out.lo = -Infinity;
      out.hi = Infinity;
    }
  };
}
