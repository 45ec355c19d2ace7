import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type BlockMask, FULL } from "../mask/block-mask.ts";
import type { Shape } from "../runtime/device.ts";
import { eachRun, type Masking } from "./mask-rows.ts";
import { launches } from "./test-launches.ts";
import { headGroup, ITEM_WORDS, SPAN_WORDS, tileWork, type TileSteps } from "./tile-work.ts";

interface Item {
  readonly head: number;
  readonly first: number;
  readonly end: number;
  /** First keys of its steps. */
  readonly masked: readonly number[];
  readonly whole: readonly number[];
}

const tilings = fc.record({
  queries: fc.constantFrom(64, 128, 192),
  keys: fc.constantFrom(48, 80, 128, 160),
  headGroup: fc.integer({ min: 1, max: 5 }),
});

const masked = launches.filter(({ masking }) => masking.blockMask !== null);

const maskOf = ({ blockMask }: Masking): BlockMask => {
  if (blockMask === null) throw new Error("a launch with a mask");
  return blockMask;
};

/** The lists as a kernel walks them: spans in their order, each from its last step to its first. */
function itemsOf({ Hq, B }: Shape, masking: Masking, tiling: TileSteps): Item[] {
  const mask = maskOf(masking);
  const { items, spans } = tileWork({ B, Hq }, { mask, kvLength: masking.kvLength }, tiling);
  return Array.from({ length: items.length / ITEM_WORDS }, (_, at) => {
    const [b = 0, h = 0, first = 0, end = 0, span = 0, maskedSteps = 0, wholeSteps = 0] =
      items.subarray(at * ITEM_WORDS);
    const keys: number[] = [];
    for (let from = span; keys.length < maskedSteps + wholeSteps; from++) {
      const [key = 0, steps = 0, limit] = spans.subarray(from * SPAN_WORDS);
      expect(limit).toBe(masking.kvLength[b]);
      for (let step = steps - 1; step >= 0; step--) keys.push(key + step * tiling.keys);
    }
    const [own, rest] = [keys.slice(0, maskedSteps), keys.slice(maskedSteps)];
    expect(keys.length).toBe(maskedSteps + wholeSteps);
    return { head: b * Hq + h, first, end, masked: own, whole: rest };
  });
}

/** How many rows of the item list a key as full, and how many list it at all. */
function listings(item: Item, Hq: number, masking: Masking): { full: number[]; any: number[] } {
  const length = masking.kvLength[Math.floor(item.head / Hq)] ?? 0;
  const [full, any] = [Array.from({ length }, () => 0), Array.from({ length }, () => 0)];
  for (let row = item.first; row < item.end; row++) {
    const at = { b: Math.floor(item.head / Hq), h: item.head % Hq, row };
    eachRun(masking, at, (start, end, kind) => {
      for (let key = start; key < end; key++) {
        any[key] = (any[key] ?? 0) + 1;
        if (kind === FULL) full[key] = (full[key] ?? 0) + 1;
      }
    });
  }
  return { full, any };
}

test("steps visit every listed key once; whole ones only keys that all rows attend to", () => {
  fc.assert(
    fc.property(masked, tilings, ({ shape, masking }, tiling) => {
      for (const item of itemsOf(shape, masking, tiling)) {
        const { full, any } = listings(item, shape.Hq, masking);
        const visits = new Map<number, number>();
        for (const from of [...item.masked, ...item.whole]) {
          for (let key = from; key < from + tiling.keys; key++) {
            visits.set(key, (visits.get(key) ?? 0) + 1);
          }
        }
        any.forEach((rows, key) => {
          if (rows > 0) expect(visits.get(key)).toBe(1);
          else expect(visits.get(key) ?? 0).toBeLessThanOrEqual(1);
        });
        for (const from of item.whole) {
          for (let key = from; key < from + tiling.keys; key++) {
            expect(full[key]).toBe(item.end - item.first);
          }
        }
      }
    }),
    { numRuns: 15 },
  );
});

test("every step lists a key, and the first one alone may pass the last existing key", () => {
  fc.assert(
    fc.property(masked, tilings, ({ shape, masking }, tiling) => {
      for (const item of itemsOf(shape, masking, tiling)) {
        const { any } = listings(item, shape.Hq, masking);
        [...item.masked, ...item.whole].forEach((from, at) => {
          expect(any.slice(from, from + tiling.keys).some((rows) => rows > 0)).toBe(true);
          if (at > 0) expect(from + tiling.keys).toBeLessThanOrEqual(any.length);
        });
      }
    }),
    { numRuns: 60 },
  );
});

test("items cover every row of every head once, in stretches of heads, the longest first", () => {
  fc.assert(
    fc.property(masked, tilings, ({ shape, masking }, tiling) => {
      const items = itemsOf(shape, masking, tiling);
      const rows = items.flatMap(({ head, first, end }) =>
        Array.from({ length: end - first }, (_, row) => `${head} ${first + row}`),
      );
      expect(new Set(rows).size).toBe(rows.length);
      expect(rows.length).toBe(shape.B * shape.Hq * shape.M);
      const stretch = ({ head }: Item): number => Math.floor(head / tiling.headGroup);
      const steps = (item: Item): number => item.masked.length + item.whole.length;
      items.forEach((item, at) => {
        const before = items[at - 1];
        if (before === undefined) return;
        expect(stretch(before)).toBeLessThanOrEqual(stretch(item));
        if (stretch(before) === stretch(item)) {
          expect(steps(before)).toBeGreaterThanOrEqual(steps(item));
        }
      });
    }),
    { numRuns: 40 },
  );
});

test("with bits a tile stays in one row of blocks, and a step in one run", () => {
  fc.assert(
    fc.property(masked, tilings, ({ shape, masking }, tiling) => {
      const mask = { ...maskOf(masking), bits: new Uint32Array(0) };
      const { items, spans } = tileWork(shape, { mask, kvLength: masking.kvLength }, tiling);
      for (let at = 0; at < items.length; at += ITEM_WORDS) {
        const [, , first = 0, end = 0] = items.subarray(at);
        expect(Math.floor(first / mask.blockQ)).toBe(Math.floor((end - 1) / mask.blockQ));
      }
      for (let at = 0; at < spans.length; at += SPAN_WORDS) {
        const [key = 0, steps = 0, limit = 0] = spans.subarray(at);
        expect(key + (steps - 1) * tiling.keys).toBeLessThan(limit);
      }
    }),
    { numRuns: 40 },
  );
});

test("heads that share their keys stay together, as many as have their keys in 16 MiB", () => {
  const shape = { B: 2, Hq: 16, Hkv: 4, M: 64, N: 4096, D: 128, Dv: 128 };
  expect(headGroup(shape, 2)).toBe(32);
  expect(headGroup({ ...shape, N: 16_384 }, 2)).toBe(8);
  expect(headGroup({ ...shape, N: 2 ** 20 }, 2)).toBe(4);
});
