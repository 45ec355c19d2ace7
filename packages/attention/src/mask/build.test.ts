import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { checkBlockMask } from "./check.ts";
import { denseMask } from "./dense.ts";
import { attendsOf, expectSameMask } from "./test-expect-mask.ts";
import { oracleBlockMask } from "./oracle.ts";
import { graphCases } from "../ir/testing-graphs.ts";
import { randomLengths, randomMask } from "./test-random-mask.ts";
import * as masks from "./test-masks.ts";

const documentIds = (length: number): Int32Array =>
  Int32Array.from({ length }, (_, at) => Math.floor(Math.sqrt(at * 3)));

const named: Readonly<Record<string, masks.TestMask>> = {
  noop: masks.noop(),
  nothing: masks.nothing(),
  causal: masks.causal(),
  "sliding window": masks.slidingWindow(200),
  "prefix-LM": masks.prefixLm(150),
  documents: masks.documents(documentIds(700)),
  "packed causal documents": masks.causalDocuments(documentIds(700)),
  dilated: masks.dilated(3),
  "a window per head": masks.headWindows([10, 100, 0]),
  "a choice per batch": masks.perBatch(130),
  "a comparison of floats": masks.floatCone(9.3),
};

const blockSizes = [
  [64, 64],
  [128, 128],
  [256, 256],
  [128, 64],
] as const;

describe.each(Object.entries(named))("%s", (_, mask) => {
  test.each(blockSizes)(
    "equals the oracle in blocks of %i x %i, lengths no block divides",
    (blockQ, blockKv) => {
      for (const [M, N] of [
        [300, 300],
        [257, 127],
        [1, 391],
      ] as const) {
        const options = masks.options(mask, { B: 2, H: 3, M, N, blockQ, blockKv });
        expectSameMask(buildBlockMask(options), oracleBlockMask(options));
      }
    },
  );

  test("equals the oracle with an offset and a key length per batch element", () => {
    const queryOffset = Int32Array.of(0, 77, 200);
    const kvLength = Int32Array.of(300, 0, 129);
    const options = masks.options(mask, { B: 3, H: 3, M: 150, N: 300, queryOffset, kvLength });
    expectSameMask(buildBlockMask(options), oracleBlockMask(options));
  });
});

test("equals the oracle, and spells out the mask function, for random masks of integers", () => {
  const property = fc.property(
    randomMask({ withFloats: false }),
    randomLengths,
    (mask, lengths) => {
      const options = masks.options(mask, lengths);
      const built = buildBlockMask(options);
      checkBlockMask(built);
      expectSameMask(built, oracleBlockMask(options));
      expectDense(options);
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test("equals the oracle, bit for bit, for random masks with floats", () => {
  const property = fc.property(randomMask({ withFloats: true }), randomLengths, (mask, lengths) => {
    const options = masks.options(mask, lengths);
    const built = buildBlockMask(options);
    checkBlockMask(built);
    expectSameMask(built, oracleBlockMask(options));
    expectDense(options);
  });
  fc.assert(property, { numRuns: 200 });
});

/**
 * The mask over the whole batch and all heads, whatever the block mask left out as the same
 * everywhere.
 */
function expectDense(options: ReturnType<typeof masks.options>): void {
  const built = buildBlockMask(options);
  const attends = attendsOf(options);
  const dense = denseMask(built, attends);
  const { B, H, M, N } = options;
  for (let at = 0; at < B * H * M * N; at++) {
    const kv = at % N;
    const row = Math.floor(at / N) % M;
    const h = Math.floor(at / (N * M)) % H;
    const b = Math.floor(at / (N * M * H));
    const own = ((built.B === 1 ? 0 : b) * built.H + (built.H === 1 ? 0 : h)) * M + row;
    const q = row + (options.queryOffset[b] ?? 0);
    const expected = kv < (options.kvLength[b] ?? 0) && attends(b, h, q, kv);
    if ((dense[own * N + kv] === 1) !== expected)
      expect.fail(`differs at b ${b}, h ${h}, row ${row}, kv ${kv}`);
  }
}

test("equals the oracle for random graphs of every operation", () => {
  const property = fc.property(graphCases({ kind: "mask" }), randomLengths, (mask, lengths) => {
    const options = masks.options(mask, lengths);
    const built = buildBlockMask(options);
    checkBlockMask(built);
    expectSameMask(built, oracleBlockMask(options));
  });
  fc.assert(property, { numRuns: 300 });
});

test("keeps one batch element and one head where nothing depends on them", () => {
  const lengths = { B: 3, H: 4, M: 256, N: 256 };
  expect(buildBlockMask(masks.options(masks.causal(), lengths))).toMatchObject({ B: 1, H: 1 });
  expect(buildBlockMask(masks.options(masks.headWindows([1, 2, 3, 4]), lengths))).toMatchObject({
    B: 1,
    H: 4,
  });
  expect(buildBlockMask(masks.options(masks.perBatch(3), lengths))).toMatchObject({ B: 3, H: 1 });
  const kvLength = Int32Array.of(256, 256, 255);
  expect(buildBlockMask(masks.options(masks.causal(), { ...lengths, kvLength }))).toMatchObject({
    B: 3,
    H: 1,
  });
});

test("an element hidden in a block that intervals cannot decide is found", () => {
  // q * kv is even everywhere but at (odd, odd), and only one pair of those is kept.
  const mask = masks.testMask((ir) => {
    const product = ir.make("mul", ir.index("q"), ir.index("kv"));
    return ir.make("eq", product, ir.constant("i32", 61 * 67));
  });
  const options = masks.options(mask, { M: 128, N: 128 });
  const built = buildBlockMask(options);
  expectSameMask(built, oracleBlockMask(options));
  expect([...built.runs]).toEqual([0, 128, 1, -1]);
});

test("lengths near the largest position do not overflow", () => {
  const M = 1000;
  const queryOffset = Int32Array.of(2 ** 31 - 1 - M);
  const options = masks.options(masks.causal(), { M, N: 1000, queryOffset });
  expect([...buildBlockMask(options).runs.subarray(0, 4)]).toEqual([0, 1000, 0, -1]);
});
