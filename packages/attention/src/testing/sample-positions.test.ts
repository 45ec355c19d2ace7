import { expect, test } from "vitest";
import { samplePositions } from "./sample-positions.ts";

test("a small computation is looked at everywhere, and only where keys exist", () => {
  const extent = { B: 2, Hq: 2, M: 3, N: 5, queryOffset: [10, 0], kvLength: [4, 0] };
  const texts = [...samplePositions(extent)].map(({ b, h, q, kv }) => [b, h, q, kv].join());
  expect(texts).toHaveLength(2 * 3 * 4);
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts).toContain("0,1,12,3");
});

test.each([
  { B: 2, Hq: 8, M: 1024, N: 1024 },
  { B: 1, Hq: 1, M: 1_000_000, N: 1_000_000 },
  { B: 3, Hq: 16, M: 1, N: 100_000 },
])("a large one in some thousand places, of every head and residue: %j", (extent) => {
  const all = [...samplePositions(extent)];
  expect(all.length).toBeGreaterThan(2_000);
  expect(all.length).toBeLessThan(20_000);
  const { M, N, Hq } = extent;
  expect(all.every(({ q, kv, h }) => q < M && kv < N && h < Hq && Math.min(q, kv, h) >= 0)).toBe(
    true,
  );
  expect(new Set(all.map(({ kv }) => kv % 16)).size).toBe(16);
  expect(new Set(all.map(({ q }) => q % 4)).size).toBe(Math.min(M, 4));
  expect(all.some(({ kv }) => kv === 0) && all.some(({ kv }) => kv === N - 1)).toBe(true);
  expect(M === 1 || all.some(({ q, kv }) => q === kv)).toBe(true);
});
