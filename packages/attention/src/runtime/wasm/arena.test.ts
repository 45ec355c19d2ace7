import { expect, test } from "vitest";
import { Arena, MAX_MEMORY_BYTES } from "./arena.ts";

const options = { shared: false, limitBytes: MAX_MEMORY_BYTES, keepBytes: 2 ** 22 };

for (const shared of [false, true]) {
  const kind = shared ? "shared" : "own";
  test(`allocations in ${kind} memory are aligned, apart, never 0, and keep their contents when it grows`, () => {
    const arena = new Arena({ ...options, shared });
    const addresses = [10, 100, 64, 5_000_000, 1].map((bytes) => {
      const address = arena.allocate(bytes);
      arena.views.u8.fill(bytes % 251, address, address + bytes);
      return { address, bytes };
    });
    for (const { address, bytes } of addresses) {
      expect(address % 64).toBe(0);
      expect(address).toBeGreaterThan(0);
      const contents = arena.views.u8.subarray(address, address + bytes);
      expect(contents.every((byte) => byte === bytes % 251)).toBe(true);
    }
  });
}

test("what is released is handed out again", () => {
  const arena = new Arena(options);
  arena.allocate(100);
  const mark = arena.mark();
  const first = arena.allocate(1000);
  arena.release(mark);
  expect(arena.allocate(500)).toBe(first);
});

test("a memory that grew beyond what is kept is given back, and a smaller one is not", () => {
  const arena = new Arena(options);
  const { memory } = arena;
  arena.allocate(1000);
  expect(arena.trim()).toBe(false);
  expect(arena.memory).toBe(memory);
  arena.allocate(2 ** 23);
  expect(arena.trim()).toBe(true);
  expect(arena.memory).not.toBe(memory);
  expect(arena.memory.buffer.byteLength).toBeLessThanOrEqual(options.keepBytes);
});

test("the last byte below the limit can be had, the next is refused with the need and the limit", () => {
  const limitBytes = 2 ** 22;
  const arena = new Arena({ ...options, limitBytes });
  const mark = arena.mark();
  arena.allocate(limitBytes - 64);
  arena.release(mark);
  expect(() => arena.allocate(limitBytes - 63)).toThrow(RangeError);
  expect(() => arena.allocate(limitBytes * 4)).toThrow(
    /memory: expected at most 4 MiB at one time, got a launch that needs 17 MiB; .*memoryLimitBytes/,
  );
});
