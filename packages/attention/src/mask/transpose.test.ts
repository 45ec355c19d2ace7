import fc from "fast-check";
import { expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { PARTIAL, RUN_STRIDE, type BlockMask } from "./block-mask.ts";
import { denseBlocks, EMPTY } from "./dense.ts";
import { randomLengths, randomMask } from "./test-random-mask.ts";
import * as masks from "./test-masks.ts";
import { transposeBlockMask, type BlockMaskColumns } from "./transpose.ts";
import { forEachRun } from "./walk.ts";

/** Kind and bits of every block, [B, H, rows, columns], read off the columns. */
function blocksOfColumns(
  mask: BlockMask,
  { columns, columnStart, runs }: BlockMaskColumns,
): { kinds: Uint8Array; bits: Int32Array } {
  const kinds = new Uint8Array(mask.B * mask.H * mask.rows * columns).fill(EMPTY);
  const bits = new Int32Array(kinds.length).fill(-1);
  for (let number = 0; number < mask.B * mask.H * columns; number++) {
    const head = Math.floor(number / columns);
    for (let run = columnStart[number] ?? 0; run < (columnStart[number + 1] ?? 0); run++) {
      const [start = 0, end = 0, kind = 0, block = 0] = runs.subarray(run * RUN_STRIDE);
      expect(start % mask.blockQ).toBe(0);
      expect(end === mask.M || (end < mask.M && end % mask.blockQ === 0)).toBe(true);
      for (let row = start / mask.blockQ; row * mask.blockQ < end; row++) {
        const at = (head * mask.rows + row) * columns + (number % columns);
        expect(kinds[at]).toBe(EMPTY);
        kinds[at] = kind;
        bits[at] = block;
      }
    }
  }
  return { kinds, bits };
}

function bitsOfRows(mask: BlockMask): Int32Array {
  const columns = Math.ceil(mask.N / mask.blockKv);
  const bits = new Int32Array(mask.B * mask.H * mask.rows * columns).fill(-1);
  for (let row = 0; row < mask.B * mask.H * mask.rows; row++) {
    forEachRun(mask, row, (start, end, kind, first) => {
      if (kind !== PARTIAL || mask.bits === null) return;
      for (let kv = start, block = first; kv < end; kv += mask.blockKv) {
        bits[row * columns + kv / mask.blockKv] = block++;
      }
    });
  }
  return bits;
}

test("the columns list the same blocks as the rows, with the same bits", () => {
  const property = fc.property(randomMask({ withFloats: true }), randomLengths, (mask, lengths) => {
    const built = buildBlockMask(masks.options(mask, lengths));
    const { kinds, bits } = blocksOfColumns(built, transposeBlockMask(built));
    expect(kinds).toEqual(denseBlocks(built));
    expect(bits).toEqual(bitsOfRows(built));
  });
  fc.assert(property, { numRuns: 300 });
});

test("the columns of causal at a million tokens are as few runs as its rows", () => {
  const length = 2 ** 20;
  const built = buildBlockMask(masks.options(masks.causal(), { M: length, N: length }));
  const { columns, runs } = transposeBlockMask(built);
  expect(columns).toBe(8192);
  expect(runs.length).toBe(built.runs.length);
  expect([...runs.subarray(0, 8)]).toEqual([0, 128, PARTIAL, -1, 128, length, 0, -1]);
});
