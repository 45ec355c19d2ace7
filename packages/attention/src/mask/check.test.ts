import { describe, expect, test } from "vitest";
import type { BlockMask } from "./block-mask.ts";
import { buildBlockMask } from "./build.ts";
import { checkBlockMask } from "./check.ts";
import * as masks from "./test-masks.ts";

const good = buildBlockMask(
  masks.options(masks.causal(), { M: 300, N: 300, blockQ: 64, blockKv: 64 }),
);
const withBits = buildBlockMask(masks.options(masks.floatCone(9), { M: 300, N: 300 }));

const withRun = (run: number, field: number, value: number): BlockMask => {
  const runs = good.runs.slice();
  runs[run * 4 + field] = value;
  return { ...good, runs };
};

test("masks that were built pass", () => {
  checkBlockMask(good);
  checkBlockMask(withBits);
});

describe("refuses", () => {
  test.each<[string, BlockMask, string]>([
    ["a length of 0", { ...good, M: 0 }, "blockMask.M"],
    ["rows that do not fit M", { ...good, rows: 4 }, "blockMask.rows: expected 5, got 4"],
    [
      "a key length beyond N",
      { ...good, kvLength: Int32Array.of(301) },
      "blockMask.kvLength: expected 0 to 300",
    ],
    [
      "too few offsets",
      { ...good, queryOffset: new Int32Array(0) },
      "blockMask.queryOffset: expected 1 numbers",
    ],
    ["half a run", { ...good, runs: good.runs.subarray(1) }, "blockMask.runs"],
    [
      "rowStart of another shape",
      { ...good, rowStart: good.rowStart.slice(1) },
      "blockMask.rowStart",
    ],
    [
      "rowStart that falls",
      { ...good, rowStart: good.rowStart.with(2, 0) },
      "blockMask.rowStart[2]",
    ],
    ["a run off the grid", withRun(1, 0, 3), "runs of row 1: expected a start"],
    ["runs that overlap", withRun(2, 0, 0), "runs of row 1: expected a start from 64"],
    ["an empty run", withRun(1, 1, 0), "runs of row 1: expected an end"],
    ["a run past the keys", withRun(8, 1, 320), "runs of row 4: expected an end"],
    ["an unknown kind", withRun(0, 2, 7), "runs of row 0: expected kind"],
    ["bits where there are none", withRun(0, 3, 0), "runs of row 0: expected no bits"],
    ["bits beyond the last block", { ...withBits, bits: new Uint32Array(512) }, "runs of row"],
  ])("%s", (_, mask, message) => {
    expect(() => checkBlockMask(mask)).toThrow(RangeError);
    expect(() => checkBlockMask(mask)).toThrow(message);
  });
});
