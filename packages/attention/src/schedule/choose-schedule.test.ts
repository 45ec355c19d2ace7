import { expect, test } from "vitest";
import { chooseSchedule, DECODE_QUERIES } from "./choose-schedule.ts";

const shape = { B: 1, Hq: 8, Hkv: 8, M: 1, N: 1000, D: 64, Dv: 64 };

test("a few queries are decoded, however many heads share a key", () => {
  for (const Hkv of [1, 2, 8]) {
    expect(chooseSchedule({ ...shape, Hkv, M: DECODE_QUERIES })).toBe("decode");
    expect(chooseSchedule({ ...shape, Hkv, M: DECODE_QUERIES + 1 })).toBe("forward");
  }
});

test("neither the batch nor the number of keys decides, so a sequence alone is treated as in a batch", () => {
  for (const M of [1, DECODE_QUERIES, DECODE_QUERIES + 1, 4096]) {
    const alone = chooseSchedule({ ...shape, M });
    expect(chooseSchedule({ ...shape, M, B: 64, N: 100_000 })).toBe(alone);
  }
});
