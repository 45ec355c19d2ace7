import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { REFUSED } from "./errors.ts";
import * as entry from "./formats/entry.ts";
import { ENTRY_BYTES, FULL_BYTES, STEALTH_MASK, UNEVEN_BYTES } from "./formats/geometry.ts";
import { offsetOf } from "./formats/uneven.ts";
import { Model, seededSource } from "./test-model.ts";
import type { Result } from "./test-model.ts";
import { TripDevice } from "./trip-device.ts";
import type { Capacity } from "./version-device.ts";
import { EMPTY_FLAG, PENDING_FLAG, RESET_FLAG } from "./version-device.ts";

const scale = process.env.VIGIL_TEST === "full" ? 20 : 1;

/** One action on one page or line, and how often. */
type Action =
  | { readonly kind: "read" | "update"; readonly line: number; readonly times: number }
  | { readonly kind: "sweep"; readonly page: number }
  | { readonly kind: "reset" | "commit" | "uppers"; readonly page: number }
  | { readonly kind: "free"; readonly page: number; readonly upper: number };

const PAGES = 6;

const page = fc.integer({ min: 0, max: PAGES });
const line = fc.tuple(page, fc.integer({ min: 0, max: 63 })).map(([at, of]) => at * 64 + of);
const few = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 8 }), fc.constant(140));
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("read"), line, times: fc.constant(1) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("update"), line, times: few }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("sweep"), page }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom("reset", "commit", "commit", "uppers"), page }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("free"),
      page,
      upper: fc.integer({ min: 0, max: 9 }),
    }),
  },
);

const capacity = fc.record({
  pages: fc.constant(PAGES),
  dynamicBytes: fc.oneof(
    fc.integer({ min: 0, max: 2 * (UNEVEN_BYTES + FULL_BYTES) }),
    fc.constant(PAGES * FULL_BYTES),
  ),
  pendingResets: fc.integer({ min: 1, max: 3 }),
});

const nameOf = (refusal: number): string | undefined =>
  Object.entries(REFUSED).find(([, code]) => code === refusal)?.[0];

/** One item through a batch of one. */
function one(device: TripDevice, results: Uint32Array | Float64Array, call: () => number): Result {
  const done = call();
  const refused = nameOf(device.refusal);
  if (done !== (refused === undefined ? 1 : 0)) throw new Error("a batch of one, half done");
  return refused === undefined ? { value: results[0] ?? NaN } : { refused };
}

const item = (number: number): Uint32Array => Uint32Array.of(number);

/** As `toEqual`, which is too slow for every step of every run. */
function expectSame(ours: Result, model: Result): void {
  if (JSON.stringify(ours) !== JSON.stringify(model)) expect(ours).toEqual(model);
}

/** The same action on both; equal results. */
function act(device: TripDevice, model: Model, given: Action): void {
  const out = new Uint32Array(1);
  switch (given.kind) {
    case "read":
      expectSame(
        one(device, out, () => device.read(item(given.line), out)),
        model.read(given.line),
      );
      return;
    case "update":
      for (let time = 0; time < given.times; time++) {
        expectSame(
          one(device, out, () => device.update(item(given.line), out)),
          model.update(given.line),
        );
      }
      return;
    case "sweep":
      for (let of = 0; of < 64; of++) {
        act(device, model, { kind: "update", line: given.page * 64 + of, times: 1 });
      }
      return;
    case "reset":
      expectSame(
        one(device, out, () => device.reset(item(given.page), out)),
        model.reset(given.page),
      );
      return;
    case "commit":
      expectSame(
        one(device, out, () => device.commit(item(given.page))),
        model.commit(given.page),
      );
      return;
    case "free": {
      const uppers = Float64Array.of(given.upper);
      expectSame(
        one(device, out, () => device.free(item(given.page), uppers)),
        model.free(given.page, given.upper),
      );
      return;
    }
    case "uppers": {
      const uppers = new Float64Array(1);
      expectSame(
        one(device, uppers, () => device.uppers(item(given.page), uppers)),
        model.upper(given.page),
      );
      return;
    }
    default:
      given satisfies never;
  }
}

const typeNames = ["empty", "flat", "uneven", "full"] as const;

/** What must hold of the bytes at any time. */
function checkMemory(device: TripDevice): void {
  const { entries, arena } = device.memory;
  const blocks: Record<"uneven" | "full", number[]> = { uneven: [], full: [] };
  for (let number = 0; number < device.capacity.pages; number++) {
    const at = entry.entryAt(number);
    const type = typeNames[entry.head(entries, at) & entry.TYPE_MASK];
    if (type === "flat") {
      expect([entry.half(entries, at + 4), entry.half(entries, at + 8)]).not.toEqual([-1, -1]);
    }
    if (type !== "uneven" && type !== "full") continue;
    const block = entry.pointerOf(entries, at);
    blocks[type].push(block);
    if (type === "full") continue;
    const offsets = Array.from({ length: 64 }, (_, of) => offsetOf(arena.memory, block, of));
    const span = entry.extremes(entries, at);
    expect([entry.minimumOf(span), entry.maximumOf(span)]).toEqual([
      Math.min(...offsets),
      Math.max(...offsets),
    ]);
  }
  const bytes = { uneven: UNEVEN_BYTES, full: FULL_BYTES };
  const end = arena.memory.byteLength;
  for (const kind of ["uneven", "full"] as const) {
    const { extent, free } = arena.layout(kind);
    const slots = [...blocks[kind], ...free]
      .map((block) => (kind === "uneven" ? block : end - block - FULL_BYTES) / bytes[kind])
      .toSorted((a, b) => a - b);
    // In use or free, each slot once: no leak, no overlap.
    expect(slots).toEqual(Array.from({ length: extent }, (_, slot) => slot));
    expect(arena.live(kind)).toBe(blocks[kind].length);
  }
  const { extent: low } = arena.layout("uneven");
  const { extent: high } = arena.layout("full");
  expect(low * UNEVEN_BYTES + high * FULL_BYTES).toBeLessThanOrEqual(end);
}

function checkStatistics(device: TripDevice, model: Model): void {
  const { pages, bytes, pendingResets } = device.statistics();
  const [uneven, full] = [model.count("uneven"), model.count("full")];
  expect(pages).toEqual({ empty: model.count("empty"), flat: model.count("flat"), uneven, full });
  expect(bytes).toEqual({
    entries: PAGES * ENTRY_BYTES,
    uneven: uneven * UNEVEN_BYTES,
    full: full * FULL_BYTES,
    dynamicFree: model.freeBytes,
  });
  expect(pendingResets).toBe(model.pendingResets);
}

function compare(
  limits: Capacity,
  seed: number,
  resetBits: number,
  actions: readonly Action[],
): void {
  const device = new TripDevice({ capacity: limits, random: seededSource(seed), resetBits });
  const model = new Model(limits, seed, resetBits);
  for (const given of actions) {
    act(device, model, given);
    checkMemory(device);
    checkStatistics(device, model);
  }
  for (let number = 0; number < PAGES * 64; number++) {
    act(device, model, { kind: "read", line: number, times: 1 });
  }
}

describe("against a plain map of 64-bit versions", () => {
  test("gives the same results, refusals and statistics, with all invariants after each action", () => {
    const opened = Array.from({ length: PAGES }, (_, number): Action[] => [
      { kind: "reset", page: number },
      { kind: "commit", page: number },
    ]).flat();
    fc.assert(
      fc.property(
        capacity,
        fc.nat(),
        fc.constantFrom(3, 7, 20),
        fc.array(action, { minLength: 1, maxLength: 60 }),
        (limits, seed, resetBits, actions) =>
          compare(limits, seed, resetBits, [...opened, ...actions]),
      ),
      { numRuns: 150 * scale, seed: 1 },
    );
  });

  test("from empty pages on, with resets so frequent that each action meets one", () => {
    fc.assert(
      fc.property(
        capacity,
        fc.nat(),
        fc.array(action, { maxLength: 60 }),
        (limits, seed, actions) => compare(limits, seed, 1, actions),
      ),
      { numRuns: 100 * scale, seed: 2 },
    );
  });
});

/** A device whose bases are `base`, and whose coin never falls on reset. */
function withBase(base: number, pages = 1, dynamicBytes = 4096): TripDevice {
  // The lowest bits are the coin's; a base is drawn with the same words.
  const random = (words: Uint32Array): void => void words.fill(base);
  return opened(new TripDevice({ capacity: { pages, dynamicBytes, pendingResets: 4 }, random }));
}

function opened(device: TripDevice): TripDevice {
  const pages = Uint32Array.from({ length: device.capacity.pages }, (_, number) => number);
  device.reset(pages, new Uint32Array(pages.length));
  expect(device.commit(pages)).toBe(pages.length);
  return device;
}

function updated(device: TripDevice, number: number, times: number): number {
  const [lines, out] = [new Uint32Array(times).fill(number), new Uint32Array(times)];
  expect(device.update(lines, out)).toBe(times);
  return out[times - 1] ?? NaN;
}

const formatOf = (device: TripDevice): string | undefined =>
  Object.entries(device.statistics().pages).find(([, count]) => count === 1)?.[0];

describe("across the wrap of 2^27", () => {
  const base = STEALTH_MASK - 2;

  test.each([
    ["flat", 64, 1],
    ["uneven", 1, 100],
    ["full", 1, 200],
  ])("a %s page counts on from zero", (format, lines, times) => {
    const device = withBase(base);
    const rounds = format === "flat" ? 5 : 1;
    let version = 0;
    for (let round = 0; round < rounds; round++) {
      for (let of = 0; of < lines; of++) version = updated(device, of, times);
    }
    expect(formatOf(device)).toBe(format);
    expect(version).toBe((base + times * rounds) % 2 ** 27);
    const out = new Uint32Array(64);
    device.read(Uint32Array.from(out.keys()), out);
    const written = (base + times * rounds) % 2 ** 27;
    expect([...out]).toEqual(
      out.reduce<number[]>((all, _, of) => [...all, of < lines ? written : base], []),
    );
  });

  test("the line that leads a full page is known by its version, not by its size", () => {
    const device = withBase(base);
    updated(device, 0, 130);
    const { entries } = device.memory;
    const leader = (): number => entry.baseOf(entry.head(entries, 0));
    expect([formatOf(device), leader()]).toEqual(["full", (base + 130) % 2 ** 27]);
    // Line 1 starts at the largest version there is, and is behind all the same.
    updated(device, 1, 129);
    expect(leader()).toBe((base + 130) % 2 ** 27);
    updated(device, 1, 2);
    expect(leader()).toBe((base + 131) % 2 ** 27);
  });
});

describe("formats", () => {
  test("sweeps keep a page flat for ever", () => {
    const device = withBase(9);
    for (let round = 0; round < 300; round++) {
      for (let of = 0; of < 64; of++) updated(device, of, 1);
    }
    expect([formatOf(device), device.statistics().events.toUneven]).toEqual(["flat", 0]);
  });

  test("a stride of two is uneven, of 127 still, of 128 full", () => {
    const device = withBase(9);
    updated(device, 5, 1);
    expect(formatOf(device)).toBe("flat");
    updated(device, 5, 1);
    expect(formatOf(device)).toBe("uneven");
    updated(device, 5, 125);
    expect(formatOf(device)).toBe("uneven");
    updated(device, 5, 1);
    expect(formatOf(device)).toBe("full");
  });

  test("a page whose lines all move on is normalised, and stays uneven", () => {
    const device = withBase(9);
    updated(device, 0, 2);
    for (let round = 0; round < 500; round++) {
      for (let of = 0; of < 64; of++) updated(device, of, 1);
    }
    expect(formatOf(device)).toBe("uneven");
    expect(device.statistics().events.normalised).toBe(3);
    const out = new Uint32Array(2);
    device.read(Uint32Array.of(0, 1), out);
    expect([...out]).toEqual([511, 509]);
  });

  test("a reset and its commit make any page flat, and give back its block", () => {
    const device = withBase(9);
    updated(device, 0, 200);
    const out = new Uint32Array(1);
    device.reset(Uint32Array.of(0), out);
    expect(formatOf(device)).toBe("full");
    device.commit(Uint32Array.of(0));
    const { pages, bytes } = device.statistics();
    expect([pages.flat, bytes.full, bytes.dynamicFree]).toEqual([1, 0, 4096]);
  });
});

describe("a full device", () => {
  test("refuses what needs a block, leaves the line as it was, and goes on when a page is freed", () => {
    const device = withBase(9, 3, UNEVEN_BYTES);
    updated(device, 0, 2);
    const [lines, out] = [Uint32Array.of(64, 64, 65), new Uint32Array(3)];
    expect([device.update(lines, out), device.refusal]).toEqual([1, REFUSED.full]);
    device.read(lines, out);
    expect([...out]).toEqual([10, 10, 9]);
    // What needs none goes on.
    expect(updated(device, 128, 1)).toBe(10);
    device.free(Uint32Array.of(0), Float64Array.of(1));
    expect(updated(device, 64, 1)).toBe(11);
  });

  test("closes the gaps of one list for the other, so that only missing bytes count", () => {
    // Uneven blocks 0 to 7; after the odd ones are free, 4 * 56 bytes are, but no 216 in a row.
    const device = withBase(9, 8, 8 * UNEVEN_BYTES);
    for (let number = 0; number < 8; number++) updated(device, number * 64 + number, 2);
    const odd = Uint32Array.of(1, 3, 5, 7);
    device.free(odd, new Float64Array(4).fill(1));
    expect(device.statistics().bytes.dynamicFree).toBe(4 * UNEVEN_BYTES);
    expect(updated(device, 6 * 64 + 6, 126)).toBe(9 + 128);
    checkMemory(device);
    // Blocks that moved have left nothing behind: between the lists are zeros.
    const { arena } = device.memory;
    const { memory } = arena;
    const low = arena.layout("uneven").extent * UNEVEN_BYTES;
    const high = memory.byteLength - arena.layout("full").extent * FULL_BYTES;
    expect(new Uint8Array(memory.buffer, low, high - low).every((byte) => byte === 0)).toBe(true);
    const out = new Uint32Array(1);
    for (const number of [0, 2, 4]) {
      device.read(Uint32Array.of(number * 64 + number), out);
      expect(out[0]).toBe(11);
      device.read(Uint32Array.of(number * 64), out);
      expect(out[0]).toBe(number === 0 ? 11 : 9);
    }
  });

  test("freed blocks hold zeros but for the chain", () => {
    const device = withBase(STEALTH_MASK, 1, 4096);
    updated(device, 0, 200);
    device.free(Uint32Array.of(0), Float64Array.of(1));
    const bytes = new Uint8Array(device.memory.arena.memory.buffer);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
});

describe("a reset", () => {
  test("is asked of an empty page by its first update, and gives its base again until the commit", () => {
    const device = new TripDevice({ capacity: { pages: 1, dynamicBytes: 0, pendingResets: 1 } });
    const out = new Uint32Array(2);
    expect(device.update(Uint32Array.of(3, 4), out)).toBe(1);
    const base = (out[0] ?? 0) - RESET_FLAG;
    expect(base).toBeGreaterThanOrEqual(0);
    expect(base).toBeLessThanOrEqual(STEALTH_MASK);
    expect([device.update(Uint32Array.of(3), out), device.refusal]).toEqual([0, REFUSED.pending]);
    device.read(Uint32Array.of(3), out);
    expect(out[0]).toBe(EMPTY_FLAG);
    device.reset(Uint32Array.of(0), out);
    expect(out[0]).toBe(base);
    device.commit(Uint32Array.of(0));
    device.read(Uint32Array.of(3, 63), out);
    expect([...out]).toEqual([base, base]);
  });

  test("leaves the old versions to be read until the commit, in every format", () => {
    for (const times of [1, 50, 200]) {
      const device = withBase(9);
      updated(device, 7, times);
      const out = new Uint32Array(2);
      device.reset(Uint32Array.of(0), out);
      device.read(Uint32Array.of(7, 8), out);
      expect([...out]).toEqual([9 + times + PENDING_FLAG, 9 + PENDING_FLAG]);
    }
  });

  test("a batch stops behind the line whose coin fell, which has the flag", () => {
    const random = (words: Uint32Array): void => void words.fill(0);
    const device = opened(
      new TripDevice({ capacity: { pages: 2, dynamicBytes: 0, pendingResets: 1 }, random }),
    );
    const out = new Uint32Array(3);
    expect([device.update(Uint32Array.of(0, 1, 64), out), device.refusal]).toEqual([1, 0]);
    expect(out[0]).toBe(RESET_FLAG);
    // Only one may wait: the coin is not even thrown.
    expect([device.update(Uint32Array.of(64), out), device.refusal]).toEqual([
      0,
      REFUSED.tooManyResets,
    ]);
    device.commit(Uint32Array.of(0));
    expect(device.update(Uint32Array.of(64), out)).toBe(1);
  });

  test("wherever it falls, nothing behind it is updated", () => {
    for (let before = 0; before < 64; before++) {
      const device = withBase(9, 2);
      device.free(Uint32Array.of(1), Float64Array.of(1));
      const lines = Uint32Array.from({ length: 65 }, (_, at) => (at < before ? at : 63));
      lines[before] = 64;
      const out = new Uint32Array(65);
      expect(device.update(lines, out)).toBe(before + 1);
      expect(out[before]).toBe(9 + RESET_FLAG);
      device.read(Uint32Array.of(63), out);
      expect(out[0]).toBe(9);
    }
  });

  test("upper versions of empty pages never move back, and one that was used is used up", () => {
    const device = new TripDevice({ capacity: { pages: 1, dynamicBytes: 0, pendingResets: 1 } });
    const zero = Uint32Array.of(0);
    const free = (upper: number): number => {
      device.free(zero, Float64Array.of(upper));
      return device.refusal;
    };
    expect([free(7), free(6), free(7)]).toEqual([0, REFUSED.upperBack, 0]);
    device.reset(zero, new Uint32Array(1));
    expect([free(7), free(8)]).toEqual([REFUSED.upperBack, 0]);
    const uppers = new Float64Array(1);
    device.uppers(zero, uppers);
    expect(uppers[0]).toBe(8);
  });
});

describe("the coin", () => {
  test("falls on reset once in 2^bits leading increments, from the platform's generator", () => {
    const bits = 6;
    const pages = 2048;
    const device = opened(
      new TripDevice({
        capacity: { pages, dynamicBytes: 0, pendingResets: pages },
        resetBits: bits,
      }),
    );
    const out = new Uint32Array(1);
    const bases: number[] = [];
    // Each page's first line leads; resets and trials are counted over 32 rounds of it.
    let trials = 0;
    let heads = 0;
    for (let round = 0; round < 32; round++) {
      for (let number = 0; number < pages; number++) {
        device.update(Uint32Array.of(number * 64), out);
        trials++;
        const result = out[0] ?? 0;
        if (result < RESET_FLAG) continue;
        heads++;
        bases.push(result - RESET_FLAG);
        device.commit(Uint32Array.of(number));
      }
      // Back to all lines equal, so that the next round's first lines lead again.
      for (let number = 0; number < pages; number++) {
        device.reset(Uint32Array.of(number), out);
        device.commit(Uint32Array.of(number));
      }
    }
    const mean = trials / 2 ** bits;
    // Six standard deviations: wrong once in 10^9 runs.
    expect(Math.abs(heads - mean)).toBeLessThan(6 * Math.sqrt(mean));
    expect(heads).toBe(device.statistics().events.coinResets);
    const average = bases.reduce((sum, base) => sum + base, 0) / bases.length;
    const spread = STEALTH_MASK / Math.sqrt(12 * bases.length);
    expect(Math.abs(average - STEALTH_MASK / 2)).toBeLessThan(6 * spread);
  });

  test("is thrown for leading increments and for no others", () => {
    let words = 0;
    const random = (buffer: Uint32Array): void => {
      for (let at = 0; at < buffer.length; at++) buffer[at] = 1;
      words += buffer.length;
    };
    const device = opened(
      new TripDevice({ capacity: { pages: 1, dynamicBytes: 4096, pendingResets: 1 }, random }),
    );
    // 4096 words come at a time: one for the base, so 4095 sweeps of 64 lines need no more.
    const sweep = Uint32Array.from({ length: 64 }, (_, of) => of);
    for (let round = 0; round < 4095; round++) device.update(sweep, new Uint32Array(64));
    expect(words).toBe(4096);
    device.update(sweep, new Uint32Array(64));
    expect(words).toBe(8192);
  });

  test("is 2^-20 unless a test says otherwise", () => {
    const word = (value: number): TripDevice => {
      const device = new TripDevice({
        capacity: { pages: 1, dynamicBytes: 0, pendingResets: 1 },
        random: (words) => void words.fill(value),
      });
      return opened(device);
    };
    const out = new Uint32Array(1);
    const isReset = (value: number): boolean => {
      word(value).update(Uint32Array.of(0), out);
      return (out[0] ?? 0) >= RESET_FLAG;
    };
    expect([2 ** 20, 2 ** 31, 2 ** 19, 1].map(isReset)).toEqual([true, true, false, false]);
  });
});

test("a batch gives what its lines give one by one, scattered or not, up to one that does not exist", () => {
  const pages = 500;
  const limits = { pages, dynamicBytes: 40 * UNEVEN_BYTES, pendingResets: pages };
  const number = fc.integer({ min: 0, max: (pages + 1) * 64 });
  const near = fc
    .tuple(number, fc.integer({ min: 1, max: 130 }))
    .map(([first, length]) => Array.from({ length }, (_, at) => first + at));
  const batch = fc.oneof(fc.array(number, { maxLength: 200 }), near);
  fc.assert(
    fc.property(fc.nat(), fc.array(batch, { maxLength: 12 }), (seed, batches) => {
      const [whole, single] = [0, 1].map(() =>
        opened(new TripDevice({ capacity: limits, random: seededSource(seed), resetBits: 8 })),
      );
      if (whole === undefined || single === undefined) return;
      for (const lines of batches) {
        const [ours, theirs] = [new Uint32Array(lines.length), new Uint32Array(lines.length)];
        const done = whole.update(Uint32Array.from(lines), ours);
        let at = 0;
        while (at < lines.length) {
          if (single.update(item(lines[at] ?? 0), theirs.subarray(at)) === 0) break;
          if ((theirs[at++] ?? 0) >= RESET_FLAG) break;
        }
        expect([done, lines.length === 0 || whole.refusal === single.refusal]).toEqual([at, true]);
        expect(ours).toEqual(theirs);
      }
    }),
    { numRuns: 60 * scale, seed: 5 },
  );
});

test("lines of pages that do not exist are refused, and the batch stops there", () => {
  const device = withBase(9);
  const out = new Uint32Array(3);
  expect([device.update(Uint32Array.of(0, 64, 1), out), device.refusal]).toEqual([
    1,
    REFUSED.noSuchPage,
  ]);
  expect([device.read(Uint32Array.of(2 ** 32 - 1), out), device.refusal]).toEqual([
    0,
    REFUSED.noSuchPage,
  ]);
});

test("wiped, no byte is left", () => {
  const device = withBase(STEALTH_MASK);
  updated(device, 0, 300);
  device.wipe();
  const { entries, arena } = device.memory;
  for (const { buffer } of [entries, arena.memory]) {
    expect(new Uint8Array(buffer).every((byte) => byte === 0)).toBe(true);
  }
});
