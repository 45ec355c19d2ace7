import { describe, expect, test } from "vitest";
import { denseMask } from "../mask/dense.ts";
import { FULL, PARTIAL } from "../mask/block-mask.ts";
import { attention } from "./attention.ts";
import { blockMask } from "./block-mask.ts";
import { maskMod } from "./mods.ts";
import { Tensor } from "../tensor.ts";

const causal = maskMod(({ q, kv }) => q >= kv);
const widths = maskMod(
  { widths: Int32Array.of(3, 40) },
  ({ widths }) =>
    ({ h, q, kv }) =>
      q >= kv && q - kv < widths[h],
);
const shape = { M: 100, N: 130, blockSize: 16 } as const;

const values = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, at) => Math.sin(seed + at * 0.7));

test("a slice of rows attends as the whole does there", async () => {
  const [query, key, value] = [100, 130, 130].map(
    (length, n) => new Tensor(values(length * 8, n), [1, 1, length, 8]),
  );
  if (query === undefined || key === undefined || value === undefined) throw new Error("no tensor");
  const device = "reference";
  const whole = await attention(query, key, value, { mask: blockMask(causal, shape), device });
  const mask = blockMask(causal, shape).slice({ rows: [2, 4] });
  const rows = new Tensor(values(800, 0).slice(32 * 8, 64 * 8), [1, 1, 32, 8]);
  const part = await attention(rows, key, value, { mask, queryOffset: 32, device });
  expect(part.data).toEqual(whole.data.slice(32 * 8, 64 * 8));
});

test("a slice of heads from 0 on is the mask of fewer heads", () => {
  const sliced = blockMask(widths, { ...shape, Hq: 2 }).slice({ h: [0, 1] });
  expect(sliced.blocks).toEqual(blockMask(widths, { ...shape, Hq: 1 }).blocks);
});

test("a mask that is the same for all heads gives any of them", () => {
  const prepared = blockMask(causal, { ...shape, Hq: 4 });
  expect(prepared.slice({ h: 3 }).blocks).toEqual(prepared.blocks);
});

test("the columns hold the same scores as the rows", () => {
  const { blocks } = blockMask(causal, shape);
  const { columns, columnStart, runs } = blockMask(causal, shape).transpose();
  expect(columns).toBe(Math.ceil(130 / 16));
  const dense = denseMask(blocks, (_b, _h, q, kv) => q >= kv);
  const seen = new Uint8Array(dense.length);
  for (let column = 0; column < columns; column++) {
    for (let run = columnStart[column] ?? 0; run < (columnStart[column + 1] ?? 0); run++) {
      const [start = 0, end = 0, kind = -1] = runs.subarray(run * 4, run * 4 + 3);
      expect([FULL, PARTIAL]).toContain(kind);
      for (let q = start; q < end; q++) {
        for (let kv = column * 16; kv < Math.min(column * 16 + 16, 130); kv++) {
          if (kind === FULL || q >= kv) seen[q * 130 + kv] = 1;
        }
      }
    }
  }
  expect(seen).toEqual(dense);
});

test("the counts are those of the blocks", () => {
  const prepared = blockMask(causal, { M: 64, N: 64, blockSize: 16 });
  const { blocks, fullBlocks, partialBlocks, sparsity, visitedPairs, bytes } = prepared.stats();
  expect({ blocks, fullBlocks, partialBlocks }).toEqual({
    blocks: 16,
    fullBlocks: 6,
    partialBlocks: 4,
  });
  expect(sparsity).toBe(6 / 16);
  expect(prepared.sparsity).toBe(sparsity);
  expect(visitedPairs).toBe(10 * 256);
  const { rowStart, runs, queryOffset, kvLength } = prepared.blocks;
  const arrays = [rowStart, runs, queryOffset, kvLength];
  expect(bytes).toBe(arrays.reduce((sum, array) => sum + array.byteLength, 0));
});

describe("a mistake is refused by name", () => {
  const prepared = blockMask(widths, { ...shape, Hq: 2 });
  const slice = prepared.slice.bind(prepared) as (options: unknown) => unknown;

  test.each([
    [{ row: 1 }, TypeError, 'options: expected names among b, h, rows, got "row"; write rows'],
    [
      { rows: "all" },
      TypeError,
      'rows: expected a number, or [start, end], got "all"; write 3 for one, [0, 4] for the first four',
    ],
    [
      { rows: [3, 9] },
      RangeError,
      "rows: expected 0 <= start < end <= 7, got [3, 9]; keep to what the mask was built for, or leave it out for all",
    ],
    [
      { rows: [3, 3] },
      RangeError,
      "rows: expected 0 <= start < end <= 7, got [3, 3]; keep to what the mask was built for, or leave it out for all",
    ],
    [
      { h: 1 },
      RangeError,
      "h: expected a start of 0: the mask reads h, and would count from 0 again, got 1; make the mask of that part, with h + 1 in place of h",
    ],
  ])("slice(%j)", (options, kind, message) => {
    expect(() => slice(options)).toThrow(kind);
    expect(() => slice(options)).toThrow(message);
  });
});

test("a mask that tells heads or batch elements apart serves as many as it was built for", async () => {
  const tensors = [20, 30, 30].map((N, n) => new Tensor(values(2 * 2 * N * 4, n), [2, 2, N, 4]));
  const [query, key, value] = tensors;
  if (query === undefined || key === undefined || value === undefined) throw new Error("no tensor");
  const lengths = { M: 20, N: 30, blockSize: 8 } as const;
  const cases = [
    ["Hq", maskMod(({ h, kv }) => kv >= h * 16)],
    ["B", maskMod(({ b, kv }) => kv >= b * 16)],
  ] as const;
  for (const [axis, mask] of cases) {
    const run = (given: Parameters<typeof attention>[3]) => attention(query, key, value, given);
    const whole = await run({ mask, blockSize: 8 });
    expect(await run({ mask: blockMask(mask, { ...lengths, [axis]: 2 }) })).toEqual(whole);
    await expect(run({ mask: blockMask(mask, lengths) })).rejects.toThrow(
      `mask: expected a block mask built for ${axis} = 2, got ${axis} = 1; build it again`,
    );
  }
});
