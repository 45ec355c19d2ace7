import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { TurnQueue } from "./turn-queue.ts";

test("work runs one at a time, in the order in which it came, also after a failure", async () => {
  const queue = new TurnQueue();
  const log: string[] = [];
  const work = (name: string, ms: number) => async (): Promise<string> => {
    log.push(`${name} begins`);
    await sleep(ms);
    log.push(`${name} ends`);
    if (name === "b") throw new Error("b fails");
    return name;
  };
  const results = await Promise.allSettled([
    queue.take(null, work("a", 15)),
    queue.take(null, work("b", 5)),
    queue.take(null, work("c", 0)),
  ]);
  expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("work whose signal is aborted while it waits ends at once, is never run, and lets nobody jump the queue", async () => {
  const queue = new TurnQueue();
  const log: string[] = [];
  const long = queue.take(null, async () => {
    await sleep(40);
    log.push("long");
  });
  const controller = new AbortController();
  const aborted = queue.take(controller.signal, async () => void log.push("aborted"));
  const last = queue.take(null, async () => void log.push("last"));
  controller.abort(new Error("changed my mind"));
  await expect(aborted).rejects.toThrow("changed my mind");
  expect(log).toEqual([]);
  await Promise.all([long, last]);
  expect(log).toEqual(["long", "last"]);
});

test("the first in line starts without waiting", async () => {
  const queue = new TurnQueue();
  let started = false;
  const turn = queue.take(null, async () => {
    started = true;
  });
  expect(started).toBe(true);
  await turn;
});
