import { afterEach, expect, test, vi } from "vitest";
import { Arena, MAX_MEMORY_BYTES } from "./arena.ts";
import { Crew } from "./crew.ts";
import { findHost, type Host } from "./host.ts";
import { hostOfDeserters, testJob, testKernel } from "./test-kernels.ts";

const open: Crew[] = [];
afterEach(async () => {
  for (const crew of open.splice(0)) await crew.close();
});

const newArena = (shared: boolean): Arena =>
  new Arena({ shared, limitBytes: MAX_MEMORY_BYTES, keepBytes: 2 ** 26 });

function newCrew(threads: number, background = false, host: Host = findHost()): Crew {
  const crew = new Crew(host, { threads, background });
  open.push(crew);
  return crew;
}

const numbered = (count: number, rounds = 0): [number, number][] =>
  Array.from({ length: count }, (_, at) => [at + 1, rounds]);

const expected = (count: number): number[] => numbered(count).map(([number]) => number);

for (const [threads, background] of [
  [1, false],
  [2, false],
  [3, false],
  [1, true],
  [2, true],
] as const) {
  const who = `${threads} ${background ? "workers" : "threads"}`;
  test(`${who} do each item once`, async () => {
    const crew = newCrew(threads, background);
    const arena = newArena(crew.needsSharing);
    const module = await testKernel("sum", crew.needsSharing);
    for (const count of [1, 2, 7, 1000]) {
      const { job, sums } = testJob(arena, module, numbered(count), { lanes: crew.lanes });
      await crew.execute(arena, job);
      expect(sums()).toEqual(expected(count));
    }
  });
}

test("all threads take part in work that is long enough, the caller among them", async () => {
  const crew = newCrew(3);
  const arena = newArena(true);
  const module = await testKernel("slow", true);
  const { job, tookPart } = testJob(arena, module, numbered(60, 3e6), { lanes: crew.lanes });
  await crew.execute(arena, job);
  expect(tookPart()).toEqual([true, true, true]);
});

test("in the background only workers take part, and the event loop runs meanwhile", async () => {
  const crew = newCrew(1, true);
  const arena = newArena(true);
  const module = await testKernel("slow", true);
  const warm = testJob(arena, module, numbered(1), { lanes: crew.lanes });
  await crew.execute(arena, warm.job);
  const { job, tookPart } = testJob(arena, module, numbered(50, 1e7), { lanes: crew.lanes });
  const done = vi.fn<() => void>();
  const running = crew.execute(arena, job).then(done);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(done).not.toHaveBeenCalled();
  await running;
  expect(tookPart()).toEqual([false, true]);
});

test("work too small to share stays on the calling thread", async () => {
  const crew = newCrew(2);
  const arena = newArena(true);
  const module = await testKernel("sum", true);
  const { job, tookPart } = testJob(arena, module, numbered(9), { lanes: crew.lanes, flops: 1e3 });
  await crew.execute(arena, job);
  expect(tookPart()).toEqual([true, false]);
});

test("a calling thread that computes lets its event loop run", async () => {
  const crew = newCrew(1);
  const arena = newArena(false);
  const module = await testKernel("slow", false);
  const { job } = testJob(arena, module, numbered(60, 1e7), { lanes: crew.lanes });
  const tick = vi.fn<() => void>();
  const timer = setInterval(tick, 1);
  await crew.execute(arena, job);
  clearInterval(timer);
  expect(tick.mock.calls.length).toBeGreaterThan(2);
});

for (const threads of [1, 2]) {
  test(`an abort ends the work of ${threads} threads between items`, async () => {
    const crew = newCrew(threads);
    const arena = newArena(crew.needsSharing);
    const module = await testKernel("slow", crew.needsSharing);
    const controller = new AbortController();
    const { signal } = controller;
    const { job, sums } = testJob(arena, module, numbered(4000, 3e6), {
      lanes: crew.lanes,
      signal,
    });
    setTimeout(() => controller.abort(new Error("enough")), 30);
    await expect(crew.execute(arena, job)).rejects.toThrow("enough");
    expect(sums().filter((sum) => sum > 0).length).toBeLessThan(4000);
    const next = testJob(arena, module, numbered(9), { lanes: crew.lanes });
    await crew.execute(arena, next.job);
    expect(next.sums()).toEqual(expected(9));
  });

  test(`a trap on one of ${threads} threads rejects the launch, and the next one works`, async () => {
    const crew = newCrew(threads);
    const arena = newArena(crew.needsSharing);
    const module = await testKernel("trap", crew.needsSharing);
    for (const trapped of [0, 40, 99]) {
      const items = numbered(100).map(([, count], at) => [at === trapped ? 13 : 0, count] as const);
      const { job } = testJob(arena, module, items, { lanes: crew.lanes });
      await expect(crew.execute(arena, job)).rejects.toThrow(
        /internal: a kernel failed: .*unreachable/,
      );
    }
    const sum = await testKernel("sum", crew.needsSharing);
    const next = testJob(arena, sum, numbered(50), { lanes: crew.lanes });
    await crew.execute(arena, next.job);
    expect(next.sums()).toEqual(expected(50));
  });
}

test("a worker that ends rejects the launch under way, and says so", async () => {
  const crew = newCrew(2, false, hostOfDeserters());
  const arena = newArena(true);
  const module = await testKernel("slow", true);
  const { job } = testJob(arena, module, numbered(40, 1e6), { lanes: crew.lanes });
  await expect(crew.execute(arena, job)).rejects.toThrow(
    "a worker thread of the wasm device ended: it exited with code 7",
  );
  expect(crew.isBroken).toBe(true);
});

test("a worker that ends between launches is replaced", async () => {
  const host = findHost();
  const kill: (() => void)[] = [];
  const spawn: Host["spawn"] = (script, events) => {
    kill.push(() => events.onDeath("killed"));
    return host.spawn(script, events);
  };
  const crew = newCrew(2, false, { ...host, spawn });
  const arena = newArena(true);
  const module = await testKernel("sum", true);
  for (const workers of [1, 2]) {
    const { job, sums } = testJob(arena, module, numbered(100), { lanes: crew.lanes, id: 1 });
    await crew.execute(arena, job);
    expect(sums()).toEqual(expected(100));
    expect(kill).toHaveLength(workers);
    kill[0]?.();
  }
});
