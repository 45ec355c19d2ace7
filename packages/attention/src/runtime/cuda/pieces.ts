/** Tensors of any strides cut into boxes that fit a buffer, in row-major order. */
import type { Box } from "../shared/strided.ts";

export interface Piece {
  readonly box: Box;
  /** Elements of the row-major tensor before this piece, and in it. */
  readonly first: number;
  readonly count: number;
}

const product = (lengths: readonly number[]): number => lengths.reduce((all, n) => all * n, 1);

/** Pieces of at most `most` elements each, that together are `box` once. */
export function* pieces(box: Box, most: number, first: number = 0): Generator<Piece> {
  const { offset, lengths, strides } = box;
  const count = product(lengths);
  if (count === 0) return;
  if (count <= most) {
    yield { box, first, count };
    return;
  }
  const [length = 1, ...inner] = lengths;
  const [stride = 1, ...rest] = strides;
  const size = product(inner);
  if (size > most) {
    for (let i = 0; i < length; i++) {
      const row = { offset: offset + i * stride, lengths: inner, strides: rest };
      yield* pieces(row, most, first + i * size);
    }
    return;
  }
  const step = Math.floor(most / size);
  for (let i = 0; i < length; i += step) {
    const some = Math.min(step, length - i);
    const part = { offset: offset + i * stride, lengths: [some, ...inner], strides };
    yield { box: part, first: first + i * size, count: some * size };
  }
}
