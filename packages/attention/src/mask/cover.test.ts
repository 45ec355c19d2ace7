import { expect, test } from "vitest";
import { coverGrid } from "./cover.ts";
import { createDeciders } from "./decide.ts";
import { documentIdsFromLengths } from "./documents.ts";
import { RunList } from "./run-list.ts";
import * as masks from "./test-masks.ts";

const N = 2 ** 20;
const BLOCK = 128;
const ROWS = N / BLOCK;

/** What covering `length` queries by as many keys asks of the mask. */
function count(
  mask: masks.TestMask,
  length = N,
): {
  readonly boxes: number;
  readonly elements: number;
  readonly runs: number;
} {
  const decider = createDeciders(mask.expression, mask.captures)(0, 0);
  let boxes = 0;
  let elements = 0;
  const list = new RunList(length / BLOCK);
  const grid = { M: length, blockQ: BLOCK, blockKv: BLOCK, queryOffset: 0, kvLength: length };
  const counting = {
    decide: (cells: Parameters<typeof decider.decide>[0]): void => {
      boxes += cells.length;
      decider.decide(cells);
    },
    attends: (q: number, kv: number): boolean => {
      elements++;
      return decider.attends(q, kv);
    },
  };
  coverGrid(grid, counting, list);
  return { boxes, elements, runs: list.finish().runs.length / 4 };
}

test("causal over a million tokens takes four verdicts and two corners per row of blocks, and no element", () => {
  const { boxes, elements, runs } = count(masks.causal());
  expect(elements).toBe(0);
  expect(runs).toBe(2 * ROWS - 1);
  expect(boxes).toBeLessThan(6.01 * ROWS);
});

test("a sliding window has two boundaries and costs twice as much", () => {
  const { boxes, elements, runs } = count(masks.slidingWindow(1024));
  expect(elements).toBe(0);
  expect(runs).toBeLessThanOrEqual(3 * ROWS);
  expect(boxes).toBeLessThan(12.01 * ROWS);
});

test("packed causal documents of a thousand tokens cost at most sixteen boxes per row of blocks", () => {
  const ids = documentIdsFromLengths(
    Array.from({ length: 2 ** 10 }, (_, i) => (i % 2 === 0 ? 900 : 1148)),
  );
  const { boxes, elements, runs } = count(masks.causalDocuments(ids.subarray(0, N)));
  expect(elements).toBe(0);
  expect(runs).toBeLessThanOrEqual(4 * ROWS);
  expect(boxes).toBeLessThan(17 * ROWS);
});

test("a fine pattern shows in a few points of each block, which is then not explored", () => {
  const length = 8192;
  const { boxes, elements } = count(masks.dilated(5), length);
  expect(elements).toBe(0);
  expect(boxes).toBeLessThan(38 * (length / BLOCK) ** 2);
});
