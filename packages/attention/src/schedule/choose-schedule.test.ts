import { expect, test } from "vitest";
import { chooseSchedule, DECODE_ROWS } from "./choose-schedule.ts";

const shape = { B: 1, Hq: 8, Hkv: 8, M: 1, N: 1000, D: 64, Dv: 64 };

test("few rows per key head are decoded, query heads of a group counting as rows", () => {
  expect(chooseSchedule({ ...shape, M: DECODE_ROWS })).toBe("decode");
  expect(chooseSchedule({ ...shape, M: DECODE_ROWS + 1 })).toBe("forward");
  expect(chooseSchedule({ ...shape, Hkv: 1, M: DECODE_ROWS / 8 })).toBe("decode");
  expect(chooseSchedule({ ...shape, Hkv: 1, M: DECODE_ROWS / 8 + 1 })).toBe("forward");
});

test("neither the batch nor the number of keys decides, so a sequence alone is treated as in a batch", () => {
  for (const M of [1, DECODE_ROWS, DECODE_ROWS + 1, 4096]) {
    const alone = chooseSchedule({ ...shape, M });
    expect(chooseSchedule({ ...shape, M, B: 64, N: 100_000 })).toBe(alone);
  }
});
