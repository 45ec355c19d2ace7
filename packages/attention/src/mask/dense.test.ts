import { expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { denseBlocks, denseMask } from "./dense.ts";
import { attendsOf } from "./test-expect-mask.ts";
import * as masks from "./test-masks.ts";

const rows = (dense: Uint8Array, columns: number): readonly string[] =>
  Array.from({ length: dense.length / columns }, (_, row) =>
    dense.subarray(row * columns, (row + 1) * columns).join(""),
  );

test("causal, element by element and block by block", () => {
  const options = masks.options(masks.causal(), { M: 4, N: 5, blockQ: 2, blockKv: 2 });
  const mask = buildBlockMask(options);
  expect(rows(denseMask(mask, attendsOf(options)), 5)).toEqual([
    "10000",
    "11000",
    "11100",
    "11110",
  ]);
  expect(rows(denseBlocks(mask), 3)).toEqual(["122", "012"]);
});

test("only partial blocks are asked about", () => {
  const options = masks.options(masks.causal(), { M: 8, N: 8, blockQ: 4, blockKv: 4 });
  const asked: string[] = [];
  denseMask(buildBlockMask(options), (b, h, q, kv) => {
    asked.push(`${Math.floor(q / 4)}${Math.floor(kv / 4)}`);
    return attendsOf(options)(b, h, q, kv);
  });
  expect(new Set(asked)).toEqual(new Set(["00", "11"]));
});

test("positions are absolute: an offset moves the diagonal", () => {
  const options = masks.options(masks.causal(), { M: 2, N: 5, queryOffset: Int32Array.of(3) });
  const mask = buildBlockMask(options);
  expect(rows(denseMask(mask, attendsOf(options)), 5)).toEqual(["11110", "11111"]);
});
