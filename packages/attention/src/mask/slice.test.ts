import { describe, expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { checkBlockMask } from "./check.ts";
import { denseMask } from "./dense.ts";
import { attendsOf, expectSameMask } from "./test-expect-mask.ts";
import { sliceBlockMask } from "./slice.ts";
import * as masks from "./test-masks.ts";

const M = 100;
const N = 130;
const lengths = { B: 3, H: 2, M, N, blockQ: 32, blockKv: 32, kvLength: Int32Array.of(130, 70, 0) };
const options = masks.options(masks.headWindows([3, 60]), lengths);
const whole = buildBlockMask(options);

test("a slice is the mask built for its rows, batch element and head alone", () => {
  const part = sliceBlockMask(whole, { b: 1, h: 1, rows: [1, 3] });
  checkBlockMask(part);
  expect(part).toMatchObject({ B: 1, H: 1, M: 64, N, rows: 2 });
  const alone = masks.options(masks.headWindows([60]), {
    ...{ M: 64, N, blockQ: 32, blockKv: 32 },
    queryOffset: Int32Array.of(32),
    kvLength: Int32Array.of(70),
  });
  expectSameMask(part, buildBlockMask(alone));
});

test("slices along the batch and the heads, put together, are the whole", () => {
  const attends = attendsOf(options);
  const dense = denseMask(whole, attends);
  const parts = [0, 1, 2].flatMap((b) =>
    [0, 1].map((h) => {
      const part = sliceBlockMask(whole, { b, h: [h, h + 1] });
      checkBlockMask(part);
      return denseMask(part, (_b, _h, q, kv) => attends(b, h, q, kv));
    }),
  );
  expect(parts.flatMap((part) => [...part])).toEqual([...dense]);
});

test("a slice keeps its bits", () => {
  const cone = masks.options(masks.floatCone(4), { M, N, blockQ: 32, blockKv: 32 });
  const mask = buildBlockMask(cone);
  const part = sliceBlockMask(mask, { rows: [2, 4] });
  const never = (): boolean => expect.fail("a mask with bits asks nobody");
  const rows = denseMask(mask, never).subarray(64 * N);
  expect(denseMask(part, never)).toEqual(rows);
});

test("a mask that is the same everywhere serves any batch element and head", () => {
  const causal = buildBlockMask(masks.options(masks.causal(), { B: 4, H: 8, M, N }));
  expectSameMask(sliceBlockMask(causal, { b: 3, h: [2, 6] }), causal);
});

describe("refuses", () => {
  test.each([
    [{ b: 3 }, "b: expected 0 <= start < end <= 3, got 3"],
    [{ h: -1 }, "h: expected 0 <= start < end <= 2, got -1"],
    [{ rows: [2, 2] }, "rows: expected 0 <= start < end <= 4, got [2, 2]"],
    [{ rows: [0, 5] }, "rows: expected 0 <= start < end <= 4, got [0, 5]"],
    [{ rows: 0.5 }, "rows: expected 0 <= start < end <= 4, got 0.5"],
  ] as const)("%j", (slice, message) => {
    expect(() => sliceBlockMask(whole, slice)).toThrow(RangeError);
    expect(() => sliceBlockMask(whole, slice)).toThrow(message);
  });

  test("what is neither a number nor a pair", () => {
    const rows = [0, 1, 2] as unknown as readonly [number, number];
    expect(() => sliceBlockMask(whole, { rows })).toThrow(TypeError);
  });
});
