import { expect, test } from "vitest";
import { causal, slidingWindow } from "../../mask/test-masks.ts";
import { UnsupportedError } from "../../errors.ts";
import { findHost, type Host } from "./host.ts";
import { elementsOf } from "../../reference/formats.ts";
import { openWasm, openWasmOn, type WasmOptions } from "./open.ts";
import { hostOfDeserters } from "./test-kernels.ts";
import { bitsOf, runOn, testLaunch } from "./test-launches.ts";

test("one kernel serves all lengths, batches, heads, scales, offsets and captured numbers", async () => {
  await using device = await openWasm();
  for (const [width, M, B] of [
    [3, 40, 1],
    [30, 200, 2],
    [7, 129, 3],
  ] as const) {
    const mask = slidingWindow(width);
    await runOn(device, testLaunch({ mask, M, B, N: 200, schedule: "forward" }));
    await runOn(device, testLaunch({ mask, M, B, Hkv: 3, Hq: 3, schedule: "forward", scale: M }));
  }
  expect(device.compilations).toBe(1);
});

test("everything in a spec tells kernels apart", async () => {
  await using device = await openWasm();
  const { spec } = testLaunch();
  const specs = [
    spec,
    { ...spec, D: 17 },
    { ...spec, Dv: 17 },
    { ...spec, dtype: "f16" as const },
    { ...spec, maskBits: true },
    { ...spec, schedule: "decode" as const },
    testLaunch({ mask: causal() }).spec,
    testLaunch({ mask: slidingWindow(4) }).spec,
  ];
  for (const each of specs) expect((await device.kernel(each)).spec).toEqual(each);
  expect(device.compilations).toBe(specs.length);
  for (const each of specs) await device.kernel({ ...each });
  expect(device.compilations).toBe(specs.length);
});

test("an equal spec asked for many times at once is compiled once", async () => {
  await using device = await openWasm();
  const kernels = await Promise.all(
    Array.from({ length: 9 }, () => device.kernel(testLaunch({ mask: causal() }).spec)),
  );
  expect(new Set(kernels).size).toBe(1);
  expect(device.compilations).toBe(1);
});

test("launches asked for at once on one device answer as if asked one by one", async () => {
  await using device = await openWasm({ threads: 2 });
  const launches = [300, 70, 5, 200, 1, 129].map((M) => testLaunch({ M, N: 260, mask: causal() }));
  const alone = [];
  for (const launch of launches) alone.push(bitsOf(await runOn(device, launch)));
  const together = await Promise.all(launches.map((launch) => runOn(device, launch)));
  expect(together.map(bitsOf)).toEqual(alone);
});

test("two devices work at the same time", async () => {
  await using first = await openWasm({ threads: 2 });
  await using second = await openWasm({ threads: 2 });
  const launches = [300, 70, 200].map((M) => testLaunch({ M, N: 260 }));
  const [a, b] = await Promise.all(
    [first, second].map((device) => Promise.all(launches.map((launch) => runOn(device, launch)))),
  );
  expect(a?.map(bitsOf)).toEqual(b?.map(bitsOf));
});

test("plain SIMD answers too, and the name says which SIMD it is", async () => {
  await using relaxed = await openWasm();
  await using plain = await openWasm({ relaxedSimd: false, threads: 2 });
  expect(relaxed.name).toBe("wasm (relaxed SIMD, 1 thread)");
  expect(plain.name).toBe("wasm (plain SIMD, 2 threads)");
  const [a, b] = [await runOn(relaxed, testLaunch()), await runOn(plain, testLaunch())];
  const [exact, other] = [elementsOf(a.out), elementsOf(b.out)];
  const differences = exact.map((value, at) => Math.abs(value - (other[at] ?? NaN)));
  expect(Math.max(...differences)).toBeLessThan(1e-5);
});

test("an aborted launch ends with the signal's reason, and the device goes on", async () => {
  for (const threads of [1, 2]) {
    await using device = await openWasm({ threads });
    const long = { M: 3000, N: 3000, Hkv: 4, Hq: 8, D: 64, Dv: 64 };
    const reason = new Error("changed my mind");
    const before = testLaunch({ ...long, signal: AbortSignal.abort(reason) });
    await expect(runOn(device, before)).rejects.toBe(reason);
    const controller = new AbortController();
    const during = runOn(device, testLaunch({ ...long, signal: controller.signal }));
    setTimeout(() => controller.abort(reason), 20);
    await expect(during).rejects.toBe(reason);
    await using fresh = await openWasm();
    const launch = testLaunch({ mask: causal() });
    expect(bitsOf(await runOn(device, launch))).toEqual(bitsOf(await runOn(fresh, launch)));
  }
});

test("a launch whose worker ends is rejected with the reason; the next one has new workers", async () => {
  await using device = await openWasmOn(hostOfDeserters(), { threads: 2 });
  const long = testLaunch({ M: 900, N: 900, Hkv: 4, Hq: 4 });
  await expect(runOn(device, long)).rejects.toThrow(
    "a worker thread of the wasm device ended: it exited with code 7",
  );
  await using usual = await openWasm();
  expect(bitsOf(await runOn(device, long))).toEqual(bitsOf(await runOn(usual, long)));
});

test("a closed device refuses, after the launches asked for before have ended; closing twice is closing once", async () => {
  for (const threads of [1, 2]) {
    const device = await openWasm({ threads });
    const kernel = await device.kernel(testLaunch().spec);
    const { launch } = testLaunch({ M: 900, N: 900, Hkv: 4, Hq: 4 });
    const [running, waiting] = [kernel.run(launch), kernel.run(launch)];
    const closing = device.close();
    await expect(running).resolves.toBeDefined();
    await expect(waiting).resolves.toBeDefined();
    await closing;
    await device.close();
    const closed = "device: expected an open device, got a closed one; open another one";
    await expect(kernel.run(testLaunch().launch)).rejects.toThrow(closed);
    await expect(device.kernel(testLaunch().spec)).rejects.toThrow(closed);
  }
});

test("keys of one head that do not fit the memory are refused; what fits still runs", async () => {
  await using device = await openWasm({ memoryLimitBytes: 2 ** 22 });
  const kernel = await device.kernel(testLaunch({ schedule: "forward" }).spec);
  const tooLong = testLaunch({ Hq: 1, M: 8, N: 60_000 }).launch;
  await expect(kernel.run(tooLong)).rejects.toThrow(/memory: expected at most 4 MiB at one time/);
  const { out } = await kernel.run(testLaunch().launch);
  expect(out.data.every((value) => Number.isFinite(value))).toBe(true);
});

test("launches larger than the memory run in parts, in as little of it as their masks leave", async () => {
  await using small = await openWasm({
    memoryLimitBytes: 2 ** 22,
    stagingBytes: 2 ** 20,
    threads: 2,
  });
  await using large = await openWasm();
  const launches = [
    testLaunch({ B: 2, Hkv: 4, Hq: 12, M: 1500, N: 1000 }),
    testLaunch({ Hkv: 1, Hq: 1, M: 60_000, N: 60_000, mask: slidingWindow(90) }),
    testLaunch({ Hq: 1, M: 1, N: 60_000, mask: slidingWindow(90), queryOffset: [59_000] }),
  ];
  for (const launch of launches) {
    expect(bitsOf(await runOn(small, launch))).toEqual(bitsOf(await runOn(large, launch)));
  }
});

const wrongOptions: readonly (readonly [options: WasmOptions, message: RegExp])[] = [
  [{ threads: 0 }, /^threads: expected "auto" or an integer from 1 to 256, got 0;/],
  [{ threads: 257 }, /^threads: .* got 257;/],
  [{ threads: 1.5 }, /^threads: .* got 1.5;/],
  [{ threads: NaN }, /^threads: .* got NaN;/],
  [{ stagingBytes: -1 }, /^stagingBytes: expected an integer number of bytes from 1 /],
  [{ memoryLimitBytes: 2 ** 32 }, /^memoryLimitBytes: .* got 4294967296;/],
];

test.for(wrongOptions)("%o is refused", async ([options, message]) => {
  await expect(openWasm(options)).rejects.toThrow(RangeError);
  await expect(openWasm(options)).rejects.toThrow(message);
});

test("auto takes as many threads as the machine runs at once", async () => {
  await using device = await openWasm({ threads: "auto" });
  expect(device.name).toMatch(/^wasm \(\w+ SIMD, \d+ threads?\)$/);
});

test("revectorized kernels answer, and the name says that they are", async () => {
  await using device = await openWasm({ revectorize: true });
  expect(device.name).toBe("wasm (relaxed SIMD, revectorized, 1 thread)");
  await using plain = await openWasm();
  const launch = testLaunch({ mask: causal(), M: 200, N: 200 });
  expect(bitsOf(await runOn(device, launch))).toEqual(bitsOf(await runOn(plain, launch)));
});

const elsewhere: Host = {
  ...findHost(),
  noSharing: "memory cannot be shared",
  setEngineFlag: null,
};

const unsupported: readonly (readonly [options: WasmOptions, message: string])[] = [
  [{ threads: 2 }, "wasm: memory cannot be shared; or open it with threads: 1"],
  [{ background: true }, "wasm: memory cannot be shared; or open it with threads: 1"],
  [
    { revectorize: true },
    "wasm: only Node can set V8's revectorize flag; open the device without revectorize",
  ],
];

test.for(unsupported)("%o is refused where the host has no way", async ([options, message]) => {
  await expect(openWasmOn(elsewhere, options)).rejects.toThrow(UnsupportedError);
  await expect(openWasmOn(elsewhere, options)).rejects.toThrow(message);
});

test("where memory cannot be shared, auto is one thread, and it computes", async () => {
  await using device = await openWasmOn(elsewhere, { threads: "auto" });
  expect(device.name).toMatch(/, 1 thread\)$/);
  await using usual = await openWasm();
  const launch = testLaunch();
  expect(bitsOf(await runOn(device, launch))).toEqual(bitsOf(await runOn(usual, launch)));
});
