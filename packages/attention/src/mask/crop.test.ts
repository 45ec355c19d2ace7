import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { checkBlockMask } from "./check.ts";
import { cropBlockMask } from "./crop.ts";
import { denseMask } from "./dense.ts";
import { attendsOf } from "./test-expect-mask.ts";
import { randomLengths, randomMask } from "./test-random-mask.ts";
import * as masks from "./test-masks.ts";

test("a cropped mask spells out the rows and keys that were kept", () => {
  const property = fc.property(
    randomMask({ withFloats: true }),
    randomLengths,
    fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat()),
    (mask, lengths, [firstPick, rowsPick, keysPick, lengthPick]) => {
      const options = masks.options(mask, lengths);
      const whole = buildBlockMask(options);
      const first = firstPick % whole.M;
      const M = 1 + (rowsPick % (whole.M - first));
      const N = 1 + (lengthPick % whole.N);
      const kvLength = [...whole.kvLength].map((keys) => keysPick % (Math.min(keys, N) + 1));
      const cropped = cropBlockMask(whole, { first, M, N, kvLength });
      checkBlockMask(cropped);
      const before = denseMask(whole, attendsOf(options));
      const after = denseMask(cropped, attendsOf(options));
      for (let head = 0; head < whole.B * whole.H; head++) {
        const keys = kvLength[Math.floor(head / whole.H)] ?? 0;
        for (let at = 0; at < M * N; at++) {
          const kv = at % N;
          const q = Math.floor(at / N);
          const expected = kv < keys ? before[(head * whole.M + first + q) * whole.N + kv] : 0;
          if (after[head * M * N + at] !== expected)
            expect.fail(`head ${head}, row ${q}, kv ${kv}`);
        }
      }
    },
  );
  fc.assert(property, { numRuns: 400 });
});

const causal = buildBlockMask(masks.options(masks.causal(), { M: 512, N: 512 }));

test("one row for decoding visits the blocks below it, and stops at its own position", () => {
  const row = cropBlockMask(causal, { first: 300, M: 1, kvLength: 301 });
  expect(row).toMatchObject({ B: 1, M: 1, N: 512, rows: 1 });
  expect([...row.queryOffset]).toEqual([300]);
  expect([...row.runs]).toEqual([0, 256, 0, -1, 256, 301, 1, -1]);
});

test("sequences at different positions take different rows of one mask", () => {
  const rows = cropBlockMask(causal, { first: [10, 200], M: 1, kvLength: [11, 201] });
  expect(rows.B).toBe(2);
  expect([...rows.queryOffset]).toEqual([10, 200]);
  expect([...rows.rowStart]).toEqual([0, 1, 3]);
  expect([...rows.runs]).toEqual([0, 11, 1, -1, 0, 128, 0, -1, 128, 201, 1, -1]);
});

test("the last rows keep the block boundaries where they fall on them", () => {
  const last = cropBlockMask(causal, { first: 384 });
  expect([...last.runs]).toEqual([0, 384, 0, -1, 384, 512, 1, -1]);
});

describe("refuses", () => {
  test.each([
    [{ first: 512 }, "first: expected an integer from 0 to 511, got 512; build the mask"],
    [{ first: -1 }, "first: expected an integer from 0 to 511, got -1"],
    [{ first: 500, M: 13 }, "M: expected an integer from 1 to 12, got 13"],
    [{ M: 0 }, "M: expected an integer from 1 to 512, got 0"],
    [{ N: 513 }, "N: expected an integer from 1 to 512, got 513"],
    [{ kvLength: 513 }, "kvLength: expected an integer from 0 to 512, got 513"],
    [{ N: 100, kvLength: 101 }, "kvLength: expected an integer from 0 to 100, got 101"],
    [{ first: 1.5 }, "first: expected an integer from 0 to 511, got 1.5"],
    [
      { first: [1, 2], kvLength: [1, 2, 3] },
      "first and kvLength: expected equally many integers, got 2 and 3",
    ],
    [{ first: [] }, "first: expected at least one integer, got 0"],
  ])("%j", (options, message) => {
    expect(() => cropBlockMask(causal, options)).toThrow(RangeError);
    expect(() => cropBlockMask(causal, options)).toThrow(message);
  });

  test("what is not a number", () => {
    const first = "3" as unknown as number;
    expect(() => cropBlockMask(causal, { first })).toThrow(TypeError);
    expect(() => cropBlockMask(causal, { first: [first] })).toThrow(
      'first: expected an integer, got "3"',
    );
  });

  test("more batch elements than a mask of several has", () => {
    const queryOffset = Int32Array.of(0, 5);
    const two = buildBlockMask(masks.options(masks.causal(), { B: 2, M: 64, N: 64, queryOffset }));
    expect(() => cropBlockMask(two, { first: [1, 2, 3] })).toThrow(
      "first: expected one integer, or 2 of them, got 3",
    );
  });
});
