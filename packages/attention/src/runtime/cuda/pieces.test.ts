import fc from "fast-check";
import { expect, test } from "vitest";
import type { Box } from "../shared/strided.ts";
import { pieces } from "./pieces.ts";

/** Where each element lies, in row-major order. */
function places({ offset, lengths, strides }: Box): number[] {
  const [length, ...inner] = lengths;
  if (length === undefined) return [offset];
  const [stride = 0, ...rest] = strides;
  return Array.from({ length }, (_, i) =>
    places({ offset: offset + i * stride, lengths: inner, strides: rest }),
  ).flat();
}

const box: fc.Arbitrary<Box> = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 50 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map((axes) => ({
    offset: 3,
    lengths: axes.map(([length]) => length),
    strides: axes.map(([, stride]) => stride),
  }));

test("pieces are the whole, in order, once, and none is too long", () => {
  fc.assert(
    fc.property(box, fc.integer({ min: 1, max: 40 }), (whole, most) => {
      const all = [...pieces(whole, most)];
      expect(all.flatMap(({ box }) => places(box))).toEqual(places(whole));
      let first = 0;
      for (const piece of all) {
        expect(piece.first).toBe(first);
        expect(piece.count).toBe(places(piece.box).length);
        expect(piece.count).toBeLessThanOrEqual(most);
        first += piece.count;
      }
    }),
  );
});

test("a long tensor is not cut finer than it must be", () => {
  const long = { offset: 0, lengths: [8, 1000, 64], strides: [64_000, 64, 1] };
  expect([...pieces(long, 32_000)]).toHaveLength(16);
});
