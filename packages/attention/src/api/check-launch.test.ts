import { expect, test } from "vitest";
import { maskMod } from "../api/mods.ts";
import type { TensorValue } from "../ir/types.ts";
import { traceMod } from "../trace/trace-mod.ts";
import { checkRangesAt } from "./check-launch.ts";

const extent = {
  B: 1,
  Hq: 1,
  M: 8,
  queryOffset: Int32Array.of(2_147_483_600),
  kvLength: Int32Array.of(8),
};

test("elements of a tensor that are only compared are not read", () => {
  const mask = maskMod(
    { start: Int32Array.of(0, 0, 2) },
    ({ start }) =>
      ({ q, kv }) =>
        start[q] <= kv,
  );
  const { expression, captures } = traceMod(mask);
  const read = (): never => {
    throw new Error("read");
  };
  const data = new Proxy(Int32Array.of(0, 0, 2), { get: read });
  const tensors = new Map<string, TensorValue>(
    [...captures.tensors].map(([name, tensor]) => [name, { ...tensor, data }]),
  );
  expect(() => checkRangesAt(expression, { ...captures, tensors }, extent)).not.toThrow();
});

test("integers that are computed are held to 32 bits", () => {
  const { expression, captures } = traceMod(maskMod(({ q, kv }) => q + 100 >= kv));
  expect(() => checkRangesAt(expression, captures, extent)).toThrow(RangeError);
});
