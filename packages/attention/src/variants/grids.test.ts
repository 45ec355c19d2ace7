import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MaskMod } from "../api/mods.ts";
import { natten2d, natten2dMorton, natten2dTiled } from "./natten.ts";
import { mortonOrder, tiledOrder } from "./neighbourhood.ts";
import { slidingTile2d, slidingTile3d } from "./sliding-tile.ts";

const sees = (mask: MaskMod, q: number, kv: number): boolean => mask({ b: 0, h: 0, q, kv });

const keysOf = (mask: MaskMod, q: number, tokens: number): number[] =>
  Array.from({ length: tokens }, (_, kv) => kv).filter((kv) => sees(mask, q, kv));

/** Whether a mask on reordered tokens is the plain one, seen through the order. */
function permutes(plain: MaskMod, permuted: MaskMod, order: Int32Array): boolean {
  return order.every((pixel, q) =>
    order.every((other, kv) => sees(permuted, q, kv) === sees(plain, pixel, other)),
  );
}

const odd = (most: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: Math.floor((most - 1) / 2) }).map((half) => 2 * half + 1);

describe("orders of the tokens of a grid", () => {
  test("hold every pixel once", () => {
    const pixels = Array.from({ length: 60 }, (_, pixel) => pixel);
    expect([...tiledOrder([6, 10], [3, 2])].toSorted((a, b) => a - b)).toEqual(pixels);
    expect([...mortonOrder([6, 10])].toSorted((a, b) => a - b)).toEqual(pixels);
  });

  test("go tile by tile, and along the Z-curve", () => {
    expect([...tiledOrder([2, 4], [2, 2])]).toEqual([0, 1, 4, 5, 2, 3, 6, 7]);
    expect([...mortonOrder([4, 4])]).toEqual([
      0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15,
    ]);
    expect([...mortonOrder([3, 2])]).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe("NATTEN 2D", () => {
  test("shows every token kernel x kernel keys, at the border too", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 9 }),
        fc.integer({ min: 3, max: 9 }),
        odd(3),
        (height, width, kernel) => {
          const mask = natten2d({ height, width, kernel });
          for (let q = 0; q < height * width; q++) {
            expect(keysOf(mask, q, height * width)).toHaveLength(kernel * kernel);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  test("centres the window on the token, away from the border", () => {
    const mask = natten2d({ height: 7, width: 7, kernel: 3 });
    expect(keysOf(mask, 24, 49)).toEqual([16, 17, 18, 23, 24, 25, 30, 31, 32]);
    expect(keysOf(mask, 0, 49)).toEqual([0, 1, 2, 7, 8, 9, 14, 15, 16]);
  });

  test("tiled permutes plain", () => {
    const grid = { height: 6, width: 9, kernel: 5 };
    const order = tiledOrder([6, 9], [3, 3]);
    expect(permutes(natten2d(grid), natten2dTiled({ ...grid, tile: 3 }), order)).toBe(true);
  });

  test("in Morton order permutes plain", () => {
    const grid = { height: 5, width: 8, kernel: 3 };
    expect(permutes(natten2d(grid), natten2dMorton(grid), mortonOrder([5, 8]))).toBe(true);
    expect(permutes(natten2d(grid), natten2d(grid), mortonOrder([5, 8]))).toBe(false);
  });
});

describe("sliding tile", () => {
  test("shows all tokens of a tile the same tiles, window many of them", () => {
    const mask = slidingTile2d({ grid: [6, 10], tile: [2, 2], window: [3, 3] });
    for (let q = 0; q < 60; q++) {
      const keys = keysOf(mask, q, 60);
      expect(keys).toEqual(keysOf(mask, 4 * Math.floor(q / 4), 60));
      expect(keys).toHaveLength(4 * 9);
    }
  });

  test("with tiles of one token is NATTEN", () => {
    const tiles = slidingTile2d({ grid: [5, 7], tile: [1, 1], window: [3, 3] });
    const plain = natten2d({ height: 5, width: 7, kernel: 3 });
    for (let q = 0; q < 35; q++) expect(keysOf(tiles, q, 35)).toEqual(keysOf(plain, q, 35));
  });

  test("in 3D with one frame is the 2D one, and windows reach over frames", () => {
    const flat = slidingTile2d({ grid: [4, 6], tile: [2, 2], window: [1, 3] });
    const video = slidingTile3d({ grid: [3, 4, 6], tile: [1, 2, 2], window: [1, 1, 3] });
    const deep = slidingTile3d({ grid: [3, 4, 6], tile: [1, 2, 2], window: [3, 1, 3] });
    for (let q = 0; q < 24; q++) {
      expect(keysOf(video, q, 72)).toEqual(keysOf(flat, q, 24));
      const frames = [0, 24, 48].flatMap((start) => keysOf(flat, q, 24).map((kv) => kv + start));
      expect(keysOf(deep, q, 72)).toEqual(frames);
    }
  });
});
