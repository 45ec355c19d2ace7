import { describe, expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import type { BuildOptions } from "./options.ts";
import * as masks from "./test-masks.ts";

const good = masks.options(masks.causal(), { B: 2, H: 2, M: 100, N: 50 });

describe("refuses", () => {
  test.each<[Partial<Record<keyof BuildOptions, unknown>>, ErrorConstructor, string]>([
    [{ M: 0 }, RangeError, "M: expected an integer from 1 to 2147483647, got 0"],
    [{ N: 1.5 }, RangeError, "N: expected an integer"],
    [{ B: NaN }, RangeError, "B: expected an integer"],
    [{ H: "2" }, TypeError, 'H: expected an integer from 1 to 2147483647, got "2"'],
    [{ blockQ: -128 }, RangeError, "blockQ: expected"],
    [{ blockKv: 2 ** 31 }, RangeError, "blockKv: expected"],
    [{ queryOffset: [0, 0] }, TypeError, "queryOffset: expected an Int32Array of 2"],
    [
      { queryOffset: new Int32Array(3) },
      RangeError,
      "queryOffset: expected 2 numbers, got 3; give one number",
    ],
    [
      { queryOffset: Int32Array.of(0, 2 ** 31 - 100) },
      RangeError,
      "queryOffset: expected integers from",
    ],
    [
      { kvLength: Int32Array.of(50, 51) },
      RangeError,
      "kvLength: expected integers from 0 to 50, got 51",
    ],
    [
      { kvLength: Int32Array.of(-1, 0) },
      RangeError,
      "kvLength: expected integers from 0 to 50, got -1",
    ],
    [
      { expression: { ...good.expression, kind: "score" } },
      TypeError,
      "mask: expected a mask function",
    ],
  ])("%j", (wrong, kind, message) => {
    const build = (): unknown => buildBlockMask({ ...good, ...wrong } as BuildOptions);
    expect(build).toThrow(kind);
    expect(build).toThrow(message);
  });
});

test("accepts the largest offset that keeps positions in 32 bits", () => {
  const queryOffset = Int32Array.of(0, 2 ** 31 - 101);
  expect(buildBlockMask({ ...good, queryOffset }).B).toBe(2);
});
