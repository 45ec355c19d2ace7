import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FORWARD_ITEM_WORDS, forwardWork } from "./forward.ts";
import { keysOfRow, type Masking } from "./mask-rows.ts";
import { cutIntoParts, type Part, wholeLaunch } from "./parts.ts";
import { launches } from "./test-launches.ts";

const tiling = { tileQueries: 128, lanes: 8, threads: 1 };

interface Item {
  readonly b: number;
  readonly h: number;
  readonly first: number;
  readonly count: number;
}

function itemsOf(part: Part, masking: Masking, threads: number): Item[] {
  const { items } = forwardWork(part, masking, { ...tiling, threads });
  return Array.from({ length: items.length / FORWARD_ITEM_WORDS }, (_, at) => {
    const [b = -1, h = -1, first = -1, count = -1] = items.subarray(at * FORWARD_ITEM_WORDS);
    return { b, h, first, count };
  });
}

test("items cover every query row once, within one row of blocks, from a multiple of the lanes", () => {
  fc.assert(
    fc.property(launches, fc.integer({ min: 1, max: 9 }), ({ shape, masking }, threads) => {
      const seen = new Set<string>();
      for (const { b, h, first, count } of itemsOf(wholeLaunch(shape), masking, threads)) {
        expect(first % tiling.lanes).toBe(0);
        expect(count).toBeGreaterThan(0);
        expect(count).toBeLessThanOrEqual(tiling.tileQueries);
        const blockQ = masking.blockMask?.blockQ ?? Infinity;
        expect(Math.floor((first + count - 1) / blockQ)).toBe(Math.floor(first / blockQ));
        for (let row = first; row < first + count; row++) seen.add(`${b} ${h} ${row}`);
      }
      expect(seen.size).toBe(shape.B * shape.Hq * shape.M);
      const rows = itemsOf(wholeLaunch(shape), masking, threads).map(({ count }) => count);
      expect(rows.reduce((sum, count) => sum + count, 0)).toBe(seen.size);
    }),
  );
});

/** Lengths of items in their order: keys that their rows list. */
const worksOf = (items: readonly Item[], masking: Masking): number[] =>
  items.map(({ b, h, first, count }) => count * keysOfRow(masking, b, h, first));

const isFalling = (lengths: readonly number[]): boolean =>
  lengths.every((length, at) => at === 0 || length <= (lengths[at - 1] ?? 0));

test("several threads begin with the longest item of each head, of all where there are few", () => {
  fc.assert(
    fc.property(launches, fc.integer({ min: 2, max: 9 }), ({ shape, masking }, threads) => {
      const items = itemsOf(wholeLaunch(shape), masking, threads);
      const heads = Map.groupBy(items, ({ b, h }) => `${b} ${h}`);
      for (const own of heads.values()) expect(isFalling(worksOf(own, masking))).toBe(true);
      const isByHead = [...heads.values()].flat().every((item, at) => item === items[at]);
      expect(isByHead || isFalling(worksOf(items, masking))).toBe(true);
      if (items.length < threads * 16) expect(isFalling(worksOf(items, masking))).toBe(true);
      else expect(isByHead).toBe(true);
    }),
  );
});

test("one thread takes items head by head, by rising row", () => {
  fc.assert(
    fc.property(launches, ({ shape, masking }) => {
      const items = itemsOf(wholeLaunch(shape), masking, 1);
      const place = ({ b, h, first }: Item): number => (b * shape.Hq + h) * shape.M + first;
      expect(items.map(place)).toEqual(items.map(place).toSorted((x, y) => x - y));
    }),
  );
});

test("cutting a launch into parts leaves its items as they are", () => {
  fc.assert(
    fc.property(launches, fc.integer({ min: 1, max: 4000 }), ({ shape, masking }, budget) => {
      const blockQ = masking.blockMask?.blockQ ?? 1;
      const rowStep = blockQ * Math.ceil(tiling.tileQueries / blockQ);
      const fits = ({ b0, b1, h0, h1, first, last }: Part): boolean =>
        (b1 - b0) * (h1 - h0) * (last - first) <= budget;
      const text = (items: readonly Item[]): string[] => items.map((item) => JSON.stringify(item));
      const parts = cutIntoParts(shape, rowStep, fits);
      const cut = parts.flatMap((part) => text(itemsOf(part, masking, 1)));
      expect(cut.toSorted()).toEqual(text(itemsOf(wholeLaunch(shape), masking, 1)).toSorted());
    }),
  );
});

test("several threads get smaller items where there are few", () => {
  const masking = { blockMask: null, kvLength: Int32Array.of(512) };
  const shape = { B: 1, Hq: 1, Hkv: 1, M: 512, N: 512, D: 64, Dv: 64 };
  expect(itemsOf(wholeLaunch(shape), masking, 1)).toHaveLength(4);
  expect(itemsOf(wholeLaunch(shape), masking, 2)).toHaveLength(16);
  expect(itemsOf(wholeLaunch(shape), masking, 64)).toHaveLength(64);
});
