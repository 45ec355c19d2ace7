import { inspect } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DeviceFullError, DeviceLostError, RefusedError, ResetPendingError } from "../errors.ts";
import { MAX_ITEMS } from "../protocol/frames.ts";
import type { Capacity, VersionDevice } from "../version-device.ts";
import { EMPTY_FLAG, RESET_FLAG } from "../version-device.ts";
import { openDevice } from "./local-device.ts";
import { numbers, openPages, updateAll, versionsOf } from "./test-device.ts";
import { connectDevice } from "./tls/connect.ts";
import { Identity } from "./tls/identity.ts";
import { listenDevice } from "./tls/listen.ts";
import { openWorkerDevice } from "./worker-device.ts";

type Open = (capacity: Capacity) => Promise<VersionDevice>;

const device = await Identity.create();
const client = await Identity.create();

const overTls: Open = async (capacity) => {
  const server = await listenDevice({
    ...capacity,
    identity: device,
    clients: [client.fingerprint],
  });
  const { host, port } = server;
  const remote = await connectDevice({ host, port, identity: client, device: device.fingerprint });
  const close = remote.close.bind(remote);
  remote.close = async () => {
    await close();
    await server.close();
  };
  return remote;
};

const ways: readonly { readonly way: string; readonly open: Open }[] = [
  { way: "in process", open: async (capacity) => openDevice(capacity) },
  { way: "in a worker", open: openWorkerDevice },
  { way: "over TLS", open: overTls },
];

const capacity: Capacity = { pages: 2048, dynamicBytes: 4 * 56, pendingResets: 2 };

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.each(ways)("a device $way", ({ open }) => {
  let at: VersionDevice;
  beforeAll(async () => {
    at = await open(capacity);
  });
  afterAll(() => at.close());

  test("says what it is made of", () => {
    expect(at.capacity).toEqual(capacity);
  });

  test("counts batches that are longer than a frame, and reads them back", async () => {
    const pages = numbers(2000, 48);
    const lines = numbers(pages.length * 64, 48 * 64);
    expect(lines.length).toBeGreaterThan(MAX_ITEMS);
    expect(await versionsOf(at, lines)).toEqual(Array.from(lines, () => EMPTY_FLAG));
    await openPages(at, pages);
    const before = await versionsOf(at, lines);
    const updated = new Uint32Array(lines.length);
    await updateAll(at, lines, updated);
    // A page in a million would have been reset meanwhile.
    const raised = before.map((version) => (version + 1) % 2 ** 27);
    const after = await versionsOf(at, lines);
    expect(after.filter((version, item) => version !== raised[item]).length).toBeLessThan(130);
    await at.free(pages, new Float64Array(pages.length).fill(5));
    const uppers = new Float64Array(pages.length);
    await at.uppers(pages, uppers);
    expect(uppers.every((upper) => upper === 5)).toBe(true);
  });

  test("an update of an empty page stops the batch, and waits for the commit", async () => {
    const versions = new Uint32Array(3);
    expect(await at.update(Uint32Array.of(0, 1, 2), versions)).toBe(1);
    expect((versions[0] ?? 0) & RESET_FLAG).toBe(RESET_FLAG);
    const error = await rejection(at.update(Uint32Array.of(1), versions));
    expect(error).toBeInstanceOf(ResetPendingError);
    expect(error).toMatchObject({ page: 0, done: 0 });
    await at.commit(Uint32Array.of(0));
    const base = (versions[0] ?? 0) - RESET_FLAG;
    expect(await versionsOf(at, numbers(64))).toEqual(Array.from({ length: 64 }, () => base));
    await at.free(Uint32Array.of(0), Float64Array.of(1));
  });

  test("full, it refuses with the page and what was done, and goes on when pages are freed", async () => {
    const pages = numbers(6);
    await openPages(at, pages);
    const twice = Uint32Array.from([0, 1, 2, 3, 4, 5].flatMap((page) => [page * 64, page * 64]));
    const versions = new Uint32Array(12);
    const error = await rejection(updateAll(at, twice, versions));
    expect(error).toBeInstanceOf(DeviceFullError);
    expect(error).toMatchObject({ page: 4, done: 9 });
    const { bytes } = await at.statistics();
    expect(bytes).toEqual({
      entries: 2048 * 12,
      uneven: 4 * 56,
      full: 0,
      dynamicFree: 0,
    });
    await at.free(Uint32Array.of(1), Float64Array.of(1));
    await updateAll(at, Uint32Array.of(4 * 64), versions);
    await at.free(pages, new Float64Array(6).fill(2));
    expect((await at.statistics()).pages).toEqual({ empty: 2048, flat: 0, uneven: 0, full: 0 });
  });

  test.each([
    ["read", (at: VersionDevice) => at.read(Uint32Array.of(2048 * 64), new Uint32Array(1))],
    ["update", (at: VersionDevice) => at.update(Uint32Array.of(2048 * 64), new Uint32Array(1))],
    ["reset", (at: VersionDevice) => at.reset(Uint32Array.of(2048), new Uint32Array(1))],
    ["commit", (at: VersionDevice) => at.commit(Uint32Array.of(2048))],
    ["free", (at: VersionDevice) => at.free(Uint32Array.of(2048), new Float64Array(1))],
    ["uppers", (at: VersionDevice) => at.uppers(Uint32Array.of(2048), new Float64Array(1))],
  ])("%s of a page that does not exist is the caller's mistake", async (_, call) => {
    const error = await rejection(call(at));
    expect(error).toBeInstanceOf(RangeError);
    expect(String(error)).toMatch(/page: expected .* got 2048; open/);
  });

  test("wrong arguments are refused before anything is sent", async () => {
    const items = Uint32Array.of(1);
    // @ts-expect-error A plain array is no batch.
    expect(await rejection(at.read([1], items))).toBeInstanceOf(TypeError);
    expect(await rejection(at.read(items, new Uint32Array(0)))).toBeInstanceOf(RangeError);
    expect(await rejection(at.free(items, Float64Array.of(2 ** 37)))).toBeInstanceOf(RangeError);
    expect(await rejection(at.free(items, Float64Array.of(0.5)))).toBeInstanceOf(RangeError);
    // @ts-expect-error Uppers have 37 bits.
    expect(await rejection(at.uppers(items, new Uint32Array(1)))).toBeInstanceOf(TypeError);
    expect(await rejection(at.commit(items))).toBeInstanceOf(RefusedError);
  });

  test("an empty batch is done", async () => {
    const none = new Uint32Array(0);
    expect(await at.update(none, none)).toBe(0);
  });

  test("many calls at once keep their order", async () => {
    await openPages(at, Uint32Array.of(9));
    const line = Uint32Array.of(9 * 64);
    const calls = Array.from({ length: 60 }, async () => {
      const version = new Uint32Array(1);
      await at.update(line, version);
      return version[0] ?? NaN;
    });
    const versions = await Promise.all(calls);
    const [first = NaN] = versions;
    expect(versions).toEqual(versions.map((_, call) => (first + call) % 2 ** 27));
    await at.free(Uint32Array.of(9), Float64Array.of(1));
  });

  test("shows neither versions nor keys, however deep one looks", async () => {
    await openPages(at, numbers(8));
    const bases = await versionsOf(
      at,
      Uint32Array.from({ length: 8 }, (_, page) => page * 64),
    );
    const shown = inspect(at, { depth: Infinity, showHidden: true, maxArrayLength: null });
    for (const base of bases) {
      expect(shown).not.toContain(String(base));
      expect(shown).not.toContain(base.toString(16).padStart(7, "0"));
    }
    expect(shown).not.toContain("PRIVATE KEY");
    expect(JSON.parse(JSON.stringify(at))).toEqual({ capacity });
    await at.free(numbers(8), new Float64Array(8).fill(3));
  });

  test("errors name no version: each refusal reads the same whatever the versions are", async () => {
    const texts = async (): Promise<string[]> => {
      await openPages(at, Uint32Array.of(7));
      const out = new Uint32Array(2);
      await at.reset(Uint32Array.of(7), out);
      const errors = [
        await rejection(at.update(Uint32Array.of(7 * 64), out)),
        await rejection(at.commit(Uint32Array.of(8))),
        await rejection(at.uppers(Uint32Array.of(7), new Float64Array(1))),
      ];
      await at.free(Uint32Array.of(7), Float64Array.of(1e9));
      errors.push(await rejection(at.free(Uint32Array.of(7), Float64Array.of(3))));
      await at.free(Uint32Array.of(7), Float64Array.of(1e9));
      return errors.map((error) => inspect(error).replaceAll(/\n {4}at .*/g, ""));
    };
    const first = await texts();
    expect(first).toEqual(await texts());
    expect(first.join("")).not.toContain("1000000000");
  });
});

test.each(ways)("$way, nothing works after close", async ({ open }) => {
  const at = await open(capacity);
  await at.close();
  const error = await rejection(at.statistics());
  expect(error).toBeInstanceOf(DeviceLostError);
  await at.close();
});

test.each(ways)("$way, `await using` closes", async ({ open }) => {
  let kept: VersionDevice;
  {
    await using at = await open(capacity);
    kept = at;
  }
  expect(await rejection(kept.statistics())).toBeInstanceOf(DeviceLostError);
});

test.each([
  [{ pages: 0 }, /pages: expected an integer from 1 to 67108864, got 0/],
  [{ pages: 1.5 }, /pages/],
  [{ pages: 1, dynamicBytes: -1 }, /dynamicBytes/],
  [{ pages: 1, pendingResets: 0 }, /pendingResets/],
  [{ pages: 1, resetBits: 21 }, /resetBits: expected an integer from 0 to 20/],
])("no device has %j", (options, message) => {
  expect(() => openDevice(options)).toThrow(message);
});

test("the default capacity is the paper's proportion", () => {
  expect(openDevice({ pages: 100 }).capacity).toEqual({
    pages: 100,
    dynamicBytes: 1500,
    pendingResets: 1024,
  });
});

test("random batches through every way give what the device in this process gives", async () => {
  const others = await Promise.all(ways.slice(1).map(({ open }) => open(capacity)));
  const lines = fc.array(fc.integer({ min: 0, max: 4 * 64 - 1 }), { maxLength: 40 });
  for (const at of others) {
    const local = openDevice(capacity);
    const relative = async (given: VersionDevice, batch: Uint32Array): Promise<unknown> => {
      const out = new Uint32Array(batch.length);
      const error = await rejection(updateAll(given, batch, out));
      return error instanceof Error ? { name: error.name, message: error.message } : "done";
    };
    await fc.assert(
      fc.asyncProperty(lines, async (batch) => {
        const items = Uint32Array.from(batch);
        expect(await relative(at, items)).toEqual(await relative(local, items));
        const { events: _, ...theirs } = await at.statistics();
        const { events: __, ...ours } = await local.statistics();
        expect(theirs).toEqual(ours);
      }),
      { numRuns: 30, seed: 3 },
    );
    await at.close();
  }
});
