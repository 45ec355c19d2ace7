import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Box, gather, joinAxes, scatter } from "./strided.ts";

/** Offsets of the box's elements, row-major: the definition. */
function offsets({ offset, lengths, strides }: Box): number[] {
  return lengths.reduce<number[]>(
    (starts, length, axis) =>
      starts.flatMap((start) => Array.from({ length }, (_, i) => start + i * (strides[axis] ?? 0))),
    [offset],
  );
}

const dimension = fc.record({
  length: fc.integer({ min: 1, max: 15 }),
  stride: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 70 })),
});

const boxes: fc.Arbitrary<Box> = fc
  .record({
    offset: fc.integer({ min: 0, max: 9 }),
    dimensions: fc.array(dimension, { minLength: 1, maxLength: 3 }),
  })
  .map(({ offset, dimensions }) => ({
    offset,
    lengths: dimensions.map(({ length }) => length),
    strides: dimensions.map(({ stride }) => stride),
  }));

/** Boxes as tensors have them: axes of one row-major array in any order, perhaps cropped. */
const views: fc.Arbitrary<Box> = fc
  .record({
    lengths: fc.tuple(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 200 }),
    ),
    order: fc.constantFrom([0, 1, 2], [1, 0, 2], [0, 2, 1], [2, 1, 0]),
    crop: fc.integer({ min: 0, max: 2 }),
    offset: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ lengths, order, crop, offset }) => {
    const dense = [lengths[1] * lengths[2], lengths[2], 1];
    return {
      offset,
      lengths: order.map((axis) => Math.max(1, (lengths[axis] ?? 1) - (axis === crop ? 1 : 0))),
      strides: order.map((axis) => dense[axis] ?? 1),
    };
  });

const counted = (length: number): Float32Array => Float32Array.from({ length }, (_, at) => at + 1);

test("gathering takes the elements of a box in row-major order", () => {
  fc.assert(
    fc.property(fc.oneof(boxes, views), (box) => {
      const from = offsets(box);
      const source = counted(Math.max(...from) + 1);
      const target = new Float32Array(from.length + 7);
      gather(source, box, target, 5);
      expect([...target.subarray(5, 5 + from.length)]).toEqual(from.map((at) => at + 1));
      expect([...target.subarray(0, 5), ...target.subarray(5 + from.length)]).toEqual(
        Array(7).fill(0),
      );
    }),
  );
});

test("scattering is the reverse, and leaves what lies between alone", () => {
  fc.assert(
    fc.property(views, (box) => {
      const to = offsets(box);
      const target = new Uint16Array(Math.max(...to) + 9).fill(7777);
      const source = Uint16Array.from({ length: to.length + 3 }, (_, at) => at);
      scatter(source, 3, target, box);
      expect(to.map((at) => target[at])).toEqual(to.map((_, at) => at + 3));
      const own = new Set(to);
      expect(target.every((value, at) => own.has(at) || value === 7777)).toBe(true);
    }),
  );
});

test("axes that lie end to end are copied as one", () => {
  const whole = { offset: 0, lengths: [3, 4, 5], strides: [20, 5, 1] };
  expect(joinAxes(whole)).toEqual([{ length: 60, stride: 1 }]);
  const rows = { offset: 0, lengths: [3, 1, 4, 5], strides: [40, 99, 8, 1] };
  expect(joinAxes(rows)).toEqual([
    { length: 5, stride: 1 },
    { length: 4, stride: 8 },
    { length: 3, stride: 40 },
  ]);
});
