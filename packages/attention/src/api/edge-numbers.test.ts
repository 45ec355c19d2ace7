import { expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { maskMod } from "./mods.ts";

const ones = (...shape: number[]): Tensor =>
  new Tensor(
    new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(1),
    shape,
  );

/** Whether each row of an output [1, 1, M, 1] is a number. */
const rowsAreNumbers = (out: Tensor): boolean[] => Array.from(out.data, (x) => !Number.isNaN(x));

/** Values of one column; the one at key `at` is NaN. */
function valuesSpoiltAt(at: number, N: number): Tensor {
  const value = ones(1, 1, N, 1);
  value.data[at] = Number.NaN;
  return value;
}

test("a value that is NaN never reaches a row that does not attend to its key", async () => {
  const mask = maskMod(({ q, kv }) => q >= kv);
  const out = await attention(ones(1, 1, 512, 8), ones(1, 1, 512, 8), valuesSpoiltAt(300, 512), {
    mask,
  });
  const rows = rowsAreNumbers(out);
  expect(rows.slice(0, 300)).toEqual(Array(300).fill(true));
  expect(rows.slice(300)).toEqual(Array(212).fill(false));
});

test("a value that is NaN beyond kvLength reaches no row", async () => {
  for (const M of [1, 40]) {
    const options = { kvLength: 20 };
    const out = await attention(
      ones(1, 1, M, 8),
      ones(1, 1, 64, 8),
      valuesSpoiltAt(20, 64),
      options,
    );
    expect(rowsAreNumbers(out)).toEqual(Array(M).fill(true));
  }
});

test("a key that is NaN reaches no row that leaves it out", async () => {
  const key = ones(1, 1, 64, 8);
  key.data.fill(Number.NaN, 5 * 8, 6 * 8);
  const mask = maskMod(({ kv }) => kv !== 5);
  const out = await attention(ones(1, 1, 40, 8), key, ones(1, 1, 64, 1), { mask });
  expect(rowsAreNumbers(out)).toEqual(Array(40).fill(true));
});

test("a score of +Infinity is the maximum, as in the reference, and makes NaN of its row", async () => {
  for (const device of ["wasm", "reference"] as const) {
    for (const M of [1, 40]) {
      const { out, lse, max } = await attention(
        ones(1, 1, M, 8),
        ones(1, 1, 64, 8),
        ones(1, 1, 64, 1),
        {
          score: (score, { q, kv }) => (q === 0 && kv === 5 ? Infinity : score),
          returnLse: true,
          returnMax: true,
          device,
        },
      );
      expect([out.data[0], lse?.data[0], max?.data[0]]).toEqual([Number.NaN, Number.NaN, Infinity]);
      expect(rowsAreNumbers(out).slice(1)).toEqual(Array(M - 1).fill(true));
    }
  }
});

test("a score of NaN makes NaN of its maximum", async () => {
  for (const M of [1, 40]) {
    const { max } = await attention(ones(1, 1, M, 8), ones(1, 1, 64, 8), ones(1, 1, 64, 1), {
      score: (score, { kv }) => (kv === 5 ? Number.NaN : score),
      returnMax: true,
    });
    expect(max?.data[0]).toBeNaN();
  }
});
