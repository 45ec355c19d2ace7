import { expect, test } from "vitest";
import { interleave, repeats } from "./interleave.ts";
import { median, minimum, rounded } from "./statistics.ts";
import { parseTicks } from "./stolen.ts";

const { signal } = new AbortController();

test("the median of an even number of values lies between the middle two", () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([9, 1, 5])).toBe(5);
  expect(median([])).toBeNaN();
  expect(minimum([3, -1, 2])).toBe(-1);
});

test("rounds to significant digits", () => {
  expect(rounded(0.000123456)).toBe(0.0001235);
  expect(rounded(123456.7)).toBe(123500);
});

test("reads stolen time from the eighth field, and counts guest time once", () => {
  const stat = "cpu  100 5 20 800 10 1 2 62 50 7\ncpu0 50 5 10 400 5 0 1 31 25 3\n";
  expect(parseTicks(stat)).toEqual({ all: 1000, stolen: 62 });
  expect(parseTicks("intr 5\n")).toBeNull();
});

test("runs everybody once in every round, warm-up included, and turns the order", async () => {
  const order: string[] = [];
  const contestants = ["a", "b", "c"].map((name) => ({ name, run: () => order.push(name) }));
  const timings = await interleave(contestants, { rounds: 2, warmUp: 1, signal });
  expect(order.join("")).toBe("abcbcacab");
  expect(timings.map(({ name, rounds }) => [name, rounds.length])).toEqual([
    ["a", 2],
    ["b", 2],
    ["c", 2],
  ]);
});

test("measures what it runs", async () => {
  const wait = { name: "wait", run: () => new Promise((done) => setTimeout(done, 20)) };
  const [timing] = await interleave([wait], { rounds: 3, warmUp: 0, signal });
  expect(timing?.minMs).toBeGreaterThan(15);
  expect(timing?.medianMs).toBeGreaterThanOrEqual(timing?.minMs ?? Infinity);
});

test("stops between two runs when it is interrupted", async () => {
  const interrupt = new AbortController();
  let runs = 0;
  const contestant = {
    name: "a",
    run: () => {
      if (++runs === 2) interrupt.abort();
    },
  };
  const attempt = interleave([contestant], { rounds: 50, signal: interrupt.signal });
  await expect(attempt).rejects.toThrow(/abort/i);
  expect(runs).toBe(2);
});

test("repeats a short yardstick until it is as long as what it stands beside", () => {
  expect(repeats(2, 100)).toBe(50);
  expect(repeats(100, 2)).toBe(1);
});
