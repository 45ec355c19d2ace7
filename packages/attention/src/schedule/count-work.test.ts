import * as fc from "fast-check";
import { expect, test } from "vitest";
import { attendedPairs, blockPairs, flopsPerPair } from "./count-work.ts";
import { eachRun } from "./mask-rows.ts";
import { launches } from "./test-launches.ts";

test("pairs are those of the 128 x 128 blocks in which something is listed, whatever the mask's block", () => {
  fc.assert(
    fc.property(launches, ({ shape, masking }) => {
      const blocks = new Map<string, number>();
      for (let b = 0; b < shape.B; b++) {
        for (let h = 0; h < shape.Hq; h++) {
          for (let row = 0; row < shape.M; row++) {
            eachRun(masking, { b, h, row }, (start, end) => {
              const band = Math.floor(row / 128);
              for (let block = Math.floor(start / 128); block * 128 < end; block++) {
                const rows = Math.min(128, shape.M - band * 128);
                const keys = Math.min(128, (masking.kvLength[b] ?? 0) - block * 128);
                blocks.set(`${b} ${h} ${band} ${block}`, rows * keys);
              }
            });
          }
        }
      }
      const expected = blocks.values().reduce((sum, pairs) => sum + pairs, 0);
      expect(blockPairs(shape, masking)).toBe(expected);
    }),
    { numRuns: 60 },
  );
});

test("attended pairs are counted one by one in partial blocks only", () => {
  const shape = { B: 1, Hq: 2, Hkv: 1, M: 256, N: 256, D: 64, Dv: 32 };
  const kvLength = Int32Array.of(256);
  const runs = Int32Array.of(0, 128, 1, -1, 0, 128, 0, -1, 128, 256, 1, -1);
  const [blocks, queryOffset] = [{ blockQ: 128, blockKv: 128, rows: 2 }, new Int32Array(1)];
  const lists = { rowStart: Int32Array.of(0, 1, 3), runs, bits: null };
  const blockMask = { B: 1, H: 1, M: 256, N: 256, ...blocks, queryOffset, kvLength, ...lists };
  const causal = (_b: number, _h: number, row: number, kv: number): boolean => row >= kv;
  expect(attendedPairs(shape, { blockMask, kvLength }, causal)).toBe((2 * 256 * 257) / 2);
  expect(blockPairs(shape, { blockMask, kvLength })).toBe(2 * 3 * 128 * 128);
});

test("a pair costs a multiply and an add per element of both head sizes", () => {
  expect(flopsPerPair({ D: 64, Dv: 64 })).toBe(4 * 64);
  expect(flopsPerPair({ D: 64, Dv: 32 })).toBe(192);
});
