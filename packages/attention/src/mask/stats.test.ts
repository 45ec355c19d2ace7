import fc from "fast-check";
import { expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { FULL, PARTIAL } from "./block-mask.ts";
import { denseBlocks } from "./dense.ts";
import { randomLengths, randomMask } from "./test-random-mask.ts";
import { blockMaskStats, sparsity } from "./stats.ts";
import * as masks from "./test-masks.ts";

test("counts the blocks that the dense view shows, over the keys that exist", () => {
  const property = fc.property(randomMask({ withFloats: true }), randomLengths, (mask, lengths) => {
    const built = buildBlockMask(masks.options(mask, lengths));
    const kinds = denseBlocks(built);
    const stats = blockMaskStats(built);
    const columns = [...built.kvLength].map((keys) => Math.ceil(keys / built.blockKv));
    const blocks = columns.reduce((sum, n) => sum + n, 0) * built.H * built.rows;
    const of = (kind: number): number => kinds.filter((each) => each === kind).length;
    expect(stats).toMatchObject({ blocks, fullBlocks: of(FULL), partialBlocks: of(PARTIAL) });
    const skipped = blocks === 0 ? 0 : 1 - (of(FULL) + of(PARTIAL)) / blocks;
    expect(stats.sparsity).toBeCloseTo(skipped, 12);
  });
  fc.assert(property);
});

test("causal skips just under half of the blocks", () => {
  const mask = buildBlockMask(masks.options(masks.causal(), { M: 1024, N: 1024 }));
  expect(sparsity(mask)).toBe(28 / 64);
  expect(blockMaskStats(mask)).toMatchObject({
    fullBlocks: 28,
    partialBlocks: 8,
    visitedPairs: 36 * 128 * 128,
  });
});

test("blocks that the lengths cut short count with what is left of them", () => {
  const mask = buildBlockMask(masks.options(masks.noop(), { M: 130, N: 200 }));
  expect(blockMaskStats(mask)).toMatchObject({
    blocks: 4,
    fullBlocks: 4,
    visitedPairs: 130 * 200,
    runs: 2,
  });
});

test("four masks over a million tokens each take less than a megabyte", () => {
  const length = 2 ** 20;
  const ids = Int32Array.from({ length }, (_, at) => Math.floor(at / 1000));
  for (const mask of [
    masks.causal(),
    masks.slidingWindow(1024),
    masks.prefixLm(4096),
    masks.causalDocuments(ids),
  ]) {
    const { bytes, runs } = blockMaskStats(
      buildBlockMask(masks.options(mask, { M: length, N: length })),
    );
    expect(bytes).toBe(4 * (4 * runs + 8192 + 1 + 2));
    expect(bytes).toBeLessThan(1e6);
  }
});
