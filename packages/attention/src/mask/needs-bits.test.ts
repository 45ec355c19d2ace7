import { expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { needsBits } from "./needs-bits.ts";
import * as masks from "./test-masks.ts";

test("masks of integers and truth values need no bits", () => {
  for (const mask of [
    masks.noop(),
    masks.slidingWindow(3),
    masks.documents([1, 2]),
    masks.perBatch(3),
  ]) {
    expect(needsBits(mask.expression)).toBe(false);
    expect(buildBlockMask(masks.options(mask, { B: 2, M: 9, N: 9 })).bits).toBe(null);
  }
});

test("a comparison of floats needs bits, and so does a float made an integer", () => {
  const truncated = masks.testMask((ir) => {
    const root = ir.make("sqrt", ir.make("toF32", ir.index("q")));
    return ir.make("le", ir.index("kv"), ir.make("toI32", root));
  });
  expect(needsBits(masks.floatCone(1).expression)).toBe(true);
  expect(needsBits(truncated.expression)).toBe(true);
});
