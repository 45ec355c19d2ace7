/** Copies between strided boxes of elements and rows without gaps. */

/** What holds elements as they are stored: f32, or the raw bits of f16 and bf16. */
export type Elements = Float32Array | Uint16Array;

/** Elements `offset + i * strides[0] + j * strides[1] + ...` for i < lengths[0], j < lengths[1], ... */
export interface Box {
  readonly offset: number;
  readonly lengths: readonly number[];
  readonly strides: readonly number[];
}

interface Dimension {
  readonly length: number;
  readonly stride: number;
}

/** Below this many elements a loop is faster than making a view for `set`. */
const SHORT_ROW = 128;

/** Innermost first; axes that lie end to end are one. */
export function joinAxes({ lengths, strides }: Box): readonly Dimension[] {
  const dimensions: Dimension[] = [];
  for (let axis = lengths.length - 1; axis >= 0; axis--) {
    const [length = 1, stride = 1] = [lengths[axis], strides[axis]];
    const inner = dimensions.at(-1);
    if (length === 1) continue;
    if (inner !== undefined && stride === inner.length * inner.stride) {
      dimensions[dimensions.length - 1] = { length: inner.length * length, stride: inner.stride };
    } else {
      dimensions.push({ length, stride });
    }
  }
  return dimensions;
}

/** Visits the first element of each innermost row, in order. */
function eachRow(
  dimensions: readonly Dimension[],
  level: number,
  offset: number,
  visit: (offset: number) => void,
): void {
  const dimension = dimensions[level];
  if (level < 1 || dimension === undefined) {
    visit(offset);
    return;
  }
  for (let i = 0; i < dimension.length; i++) {
    eachRow(dimensions, level - 1, offset + i * dimension.stride, visit);
  }
}

const pointDimension: Dimension = { length: 1, stride: 1 };

/** The elements of `box`, row-major, to `target[at]` and on. */
export function gather(source: Elements, box: Box, target: Elements, at: number): void {
  const dimensions = joinAxes(box);
  const { length, stride } = dimensions[0] ?? pointDimension;
  let to = at;
  eachRow(dimensions, dimensions.length - 1, box.offset, (from) => {
    if (stride === 1 && length >= SHORT_ROW) target.set(source.subarray(from, from + length), to);
    else for (let i = 0; i < length; i++) target[to + i] = source[from + i * stride] ?? 0;
    to += length;
  });
}

/** The reverse: `source[at]` and on become the elements of `box`. */
export function scatter(source: Elements, at: number, target: Elements, box: Box): void {
  const dimensions = joinAxes(box);
  const { length, stride } = dimensions[0] ?? pointDimension;
  let from = at;
  eachRow(dimensions, dimensions.length - 1, box.offset, (to) => {
    if (stride === 1 && length >= SHORT_ROW) target.set(source.subarray(from, from + length), to);
    else for (let i = 0; i < length; i++) target[to + i * stride] = source[from + i] ?? 0;
    from += length;
  });
}
