import { describe, expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { drawText } from "./draw-text.ts";
import * as masks from "./test-masks.ts";

const causal = buildBlockMask(masks.options(masks.causal(), { M: 700, N: 700 }));

test("causal is a staircase under a title, with a legend", () => {
  expect(drawText(causal, { title: "causal" })).toMatchInlineSnapshot(`
    "causal
    700 queries x 700 keys, blocks of 128 x 128, 41.7 % skipped
        0
      0 ░░ · · · · ·
        ██░░ · · · ·
        ████░░ · · ·
        ██████░░ · ·
    512 ████████░░ ·
        ██████████░░
    ██ full  ░░ partial   · skipped"
  `);
});

test("a long mask is drawn in cells of several blocks, which may mix", () => {
  const window = buildBlockMask(masks.options(masks.slidingWindow(100), { M: 4096, N: 4096 }));
  expect(drawText(window, { cells: 6 })).toMatchInlineSnapshot(`
    "4,096 queries x 4,096 keys, blocks of 128 x 128, 93.8 % skipped
          0
        0 ░░ · · · · ·
          ░░░░ · · · ·
           ·░░░░ · · ·
           · ·░░░░ · ·
    3,072  · · ·░░░░ ·
           · · · ·░░░░
    ██ full  ░░ partial or mixed   · skipped, a cell is 768 x 768"
  `);
});

test("a cell is full only if all of its scores are kept, up to the last ones", () => {
  const prefix = buildBlockMask(masks.options(masks.prefixLm(300), { M: 5, N: 300 }));
  expect(drawText(prefix, { cells: 2 }).split("\n").at(-2)).toBe("0 ████");
});

test("says which batch element and head it shows", () => {
  const kvLength = Int32Array.of(128, 0);
  const mask = buildBlockMask(
    masks.options(masks.headWindows([0, 50]), { B: 2, H: 2, M: 128, N: 128, kvLength }),
  );
  expect(drawText(mask, { b: 1, h: 1 })).toContain("batch element 1, head 1, 0.0 % skipped");
});

describe("refuses", () => {
  test.each([
    [{ b: 0.5 }, "b: expected"],
    [{ h: -1 }, "h: expected"],
    [{ cells: 0 }, "cells: expected an integer from 1 to 4096, got 0"],
    [{ title: 3 as unknown as string }, "title: expected a string, got 3"],
  ])("%j", (options, message) => {
    expect(() => drawText(causal, options)).toThrow(message);
  });
});
