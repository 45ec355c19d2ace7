import fc from "fast-check";
import { expect, test } from "vitest";
import { Pyramid } from "./pyramid.ts";

const tensorOf = (data: Int32Array | Float32Array | Uint8Array): Pyramid =>
  new Pyramid({
    type: data instanceof Float32Array ? "f32" : data instanceof Int32Array ? "i32" : "bool",
    shape: [data.length],
    data,
  });

const extentOf = (pyramid: Pyramid, first: number, last: number): [number, number] => {
  const out = { lo: Infinity, hi: -Infinity, nan: false };
  pyramid.widen(out, first, last);
  return [out.lo, out.hi];
};

const arrays = fc.oneof(
  fc.int32Array({ minLength: 1, maxLength: 500 }),
  fc.float32Array({ noNaN: true, minLength: 1, maxLength: 500 }),
  fc.uint8Array({ minLength: 1, maxLength: 500 }),
);

test("the extent of any range is the least and the greatest element in it", () => {
  const property = fc.property(arrays, fc.nat(), fc.nat(), (data, x, y) => {
    const [first, last] = [x % data.length, y % data.length].toSorted((a, b) => a - b);
    const part = [...data.subarray(first, (last ?? 0) + 1)];
    const expected = [Math.min(...part) + 0, Math.max(...part) + 0];
    const pyramid = tensorOf(data);
    // Looked through, then answered from the tree.
    for (const _ of [1, 2]) {
      const [lo, hi] = extentOf(pyramid, first ?? 0, last ?? 0);
      expect([lo + 0, hi + 0]).toEqual(expected);
    }
  });
  fc.assert(property, { numRuns: 2_000 });
});

test("every range of lengths around the chunk size", () => {
  for (const length of [1, 15, 16, 17, 31, 32, 33, 100]) {
    const pyramid = tensorOf(Int32Array.from({ length }, (_, at) => (at % 2 === 0 ? at : -at)));
    for (let first = 0; first < length; first++) {
      for (let last = first; last < length; last++) {
        const values = Array.from({ length: last - first + 1 }, (_, at) => first + at).map((at) =>
          at % 2 === 0 ? at : -at,
        );
        expect(extentOf(pyramid, first, last)).toEqual([Math.min(...values), Math.max(...values)]);
      }
    }
  }
});

test("NaN is reported, and the other elements keep their extent", () => {
  const out = { lo: Infinity, hi: -Infinity, nan: false };
  const pyramid = tensorOf(Float32Array.of(3, NaN, -1));
  for (const _ of [1, 2]) {
    pyramid.widen(out, 0, 2);
    expect(out).toEqual({ lo: -1, hi: 3, nan: true });
    out.nan = false;
  }
});

test("one range alone is looked through, and no tree is built for it", () => {
  let reads = 0;
  const data = new Proxy(
    Int32Array.from({ length: 1_000 }, (_, at) => at),
    {
      get: (target, key) => {
        if (typeof key === "string" && /^\d+$/.test(key)) reads++;
        return Reflect.get(target, key, target) as unknown;
      },
    },
  );
  const pyramid = tensorOf(data);
  expect(extentOf(pyramid, 10, 19)).toEqual([10, 19]);
  expect(reads).toBe(10);
  expect(extentOf(pyramid, 100, 899)).toEqual([100, 899]);
  expect(reads).toBeGreaterThan(1_000);
});
