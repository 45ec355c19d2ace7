import { expect, test } from "vitest";
import type { PeakExports } from "./abi.ts";
import { emitPeak, PEAK_FLOPS_PER_ROUND } from "./peak.ts";

test.each([true, false])("adds up what it says it does — relaxed %s", async (relaxed) => {
  const { instance } = await WebAssembly.instantiate(emitPeak({ relaxed }));
  const { peak } = instance.exports as unknown as PeakExports;
  // Each of 12 sums is x -> 0.999 x + 0.5, four times a round.
  let x = 0;
  for (let step = 0; step < 4 * 10; step++) x = 0.999 * x + 0.5;
  expect(peak(10)).toBeCloseTo(12 * x, 2);
  expect(PEAK_FLOPS_PER_ROUND).toBe(12 * 4 * 4 * 2);
});
