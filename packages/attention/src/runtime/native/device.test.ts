import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { attention } from "../../api/attention.ts";
import { openDevice } from "../../api/open-device.ts";
import { UnsupportedError } from "../../errors.ts";
import { causal, floatCone, slidingWindow } from "../../mask/test-masks.ts";
import { elementsOf } from "../../reference/formats.ts";
import type { Device } from "../device.ts";
import { openWasm } from "../wasm/open.ts";
import {
  bitsOf,
  type LaunchOptions,
  runOn,
  type TestLaunch,
  testLaunch,
} from "../wasm/test-launches.ts";
import { type Machine, thisMachine } from "./machine.ts";
import { openNativeOn, openNative } from "./open.ts";
import { noNative } from "./test-native.ts";

const absent = await noNative();

/** A compiler takes a second per kernel, and several where other tests run beside it. */
const COMPILING_MS = 300_000;

/** Long enough to be interrupted: about a second on one core. */
const long = (options: LaunchOptions = {}): TestLaunch =>
  testLaunch({ Hkv: 8, Hq: 8, M: 4096, N: 4096, D: 64, Dv: 64, ...options });

const launches: readonly (readonly [name: string, options: LaunchOptions])[] = [
  ["plain", { B: 2, Hkv: 2, Hq: 6, M: 300, N: 261 }],
  ["causal", { mask: causal(), M: 515, N: 515, D: 32, Dv: 40 }],
  ["a window, small blocks", { mask: slidingWindow(70), M: 300, N: 300, blockSize: [72, 64] }],
  ["bits", { mask: floatCone(7), M: 260, N: 200 }],
  ["sinks", { sinks: Float32Array.of(0.5, -Infinity), M: 33, N: 20 }],
  ["columns", { layout: "columns", M: 50, N: 60 }],
  ["decode", { Hkv: 2, Hq: 6, M: 1, N: 3000 }],
  ["decode, lengths", { B: 3, M: 2, N: 1200, kvLength: [1200, 0, 513] }],
];

describe("the native device", () => {
  let device: Device;
  let wasm: Device;
  beforeAll(async () => {
    if (absent !== false) return;
    device = await openNative({ threads: 2 });
    wasm = await openWasm();
    // All at one time, in one call of the compiler.
    await Promise.all(launches.map(([, options]) => device.kernel(testLaunch(options).spec)));
  }, COMPILING_MS);
  afterAll(async () => {
    await device?.close();
    await wasm?.close();
  });
  beforeEach(({ skip }) => skip(absent !== false, String(absent)));

  test.for(launches)("agrees with the WebAssembly target: %s", async ([, options]) => {
    const launch = testLaunch(options);
    const [ours, theirs] = [await runOn(device, launch), await runOn(wasm, launch)];
    for (const name of ["out", "lse", "max"] as const) {
      const [a, b] = [ours[name], theirs[name]];
      if (a === null || b === null) throw new Error(`no ${name}`);
      const expected = elementsOf(b);
      elementsOf(a).forEach((value, at) => {
        const right = expected[at] ?? NaN;
        if (Number.isFinite(right)) expect(Math.abs(value - right)).toBeLessThan(1e-4);
        else expect(value).toBe(right);
      });
    }
  });

  test("compiles nothing for new lengths, and counts what it compiles", async () => {
    const before = device.compilations;
    const [a, b] = [
      testLaunch({ D: 24, M: 20, N: 30 }),
      testLaunch({ D: 24, M: 90, N: 200, B: 2 }),
    ];
    await runOn(device, a);
    await runOn(device, b);
    await device.kernel(a.spec);
    expect(device.compilations - before).toBe(1);
  });

  test("a long launch leaves the event loop free", async () => {
    const running = runOn(device, long());
    let turns = 0;
    let isDone = false;
    void running.then(() => (isDone = true));
    let longest = 0;
    while (!isDone) {
      const before = performance.now();
      await setTimeout(1);
      longest = Math.max(longest, performance.now() - before);
      turns++;
    }
    await running;
    expect(turns).toBeGreaterThan(5);
    expect(longest).toBeLessThan(500);
  });

  test("an aborted launch ends early with the signal's reason, and the next one is whole", async () => {
    const whole = performance.now();
    await runOn(device, long());
    const wholeMs = performance.now() - whole;
    const controller = new AbortController();
    const launch = long({ signal: controller.signal });
    const begin = performance.now();
    const running = runOn(device, launch);
    await setTimeout(wholeMs / 20);
    controller.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    expect(performance.now() - begin).toBeLessThan(wholeMs / 2);
    const next = testLaunch();
    expect(bitsOf(await runOn(device, next))).toEqual(bitsOf(await runOn(device, next)));
  });

  test("a launch that was aborted before does not run", async () => {
    const { spec, launch } = testLaunch({ signal: AbortSignal.abort(new Error("too late")) });
    await expect((await device.kernel(spec)).run(launch)).rejects.toThrow("too late");
  });

  test("shows its kernel as C", async () => {
    const kernel = await device.kernel(testLaunch({ mask: causal() }).spec);
    expect(kernel.source()).toContain("#include <immintrin.h>");
    expect(kernel.tile).toMatchObject({ queries: expect.any(Number) });
  });
});

test("a closed device refuses, after the launches asked for before have ended; closing twice is closing once", async ({
  skip,
}) => {
  skip(absent !== false, String(absent));
  const device = await openNative();
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
});

test("a call under way has its kernel compiled and its answer before the device closes", async ({
  skip,
}) => {
  skip(absent !== false, String(absent));
  const device = await openDevice("native", { cacheFolder: null });
  const { query, key, value } = testLaunch({ D: 10 }).launch;
  const answer = attention(query, key, value, { device });
  const closing = device.close();
  await expect(answer).resolves.toBeDefined();
  await closing;
  await expect(attention(query, key, value, { device })).rejects.toThrow("an open device");
});

test("a compiler that works for nobody's call is ended by closing", async ({ skip }) => {
  skip(absent !== false, String(absent));
  const device = await openDevice("native", { cacheFolder: null });
  const kernel = device.kernel(testLaunch({ D: 11 }).spec);
  await setTimeout(30);
  await device.close();
  await expect(kernel).rejects.toThrow("the device was closed");
});

test("warm in the background, WebAssembly serves until the compiler is done, and it says so", async ({
  skip,
}) => {
  skip(absent !== false, String(absent));
  await using device = await openDevice("native", { warm: "background", cacheFolder: null });
  expect(device.name).toMatch(/^native \(.*\), and wasm \(.*\) until a kernel is compiled$/);
  const { spec, launch } = testLaunch({ D: 12 });
  const kernel = await device.kernel(spec);
  expect(kernel.servedBy).toBe("wasm");
  expect(kernel.source()).toMatch(/\(module/);
  const first = elementsOf((await kernel.run(launch)).out);
  const end = performance.now() + 30_000;
  while (kernel.servedBy === "wasm" && performance.now() < end) await setTimeout(20);
  expect(kernel.servedBy).toBe("native");
  expect(kernel.source()).toContain("immintrin");
  const second = elementsOf((await kernel.run(launch)).out);
  first.forEach((value, at) => expect(second[at]).toBeCloseTo(value, 4));
});

const elsewhere: readonly (readonly [what: string, machine: Partial<Machine>, message: RegExp])[] =
  [
    [
      "another processor",
      { arch: "arm64" },
      /^native: .* and this is arm64 on .*; open the device wasm$/,
    ],
    ["another system", { platform: "darwin" }, /and this is x64 on darwin; open the device wasm$/],
    [
      "an old processor",
      { readCpuInfo: async () => "flags : sse2 avx" },
      /this processor has no avx2, fma, f16c; open the device wasm$/,
    ],
    [
      "no compiler",
      { environment: { PATH: "/absent" } },
      /no C compiler: .*; install gcc or clang/,
    ],
    [
      "no koffi",
      {
        loadKoffi: async () => {
          throw new UnsupportedError("native", "koffi is not installed", "run npm install koffi");
        },
      },
      /koffi is not installed; run npm install koffi$/,
    ],
  ];

test.for(elsewhere)(
  "%s: refused with the reason and the remedy",
  async ([, differences, message], { skip }) => {
    skip(absent !== false, String(absent));
    const machine = { ...thisMachine(), ...differences };
    await expect(openNativeOn(machine, {})).rejects.toThrow(UnsupportedError);
    await expect(openNativeOn(machine, {})).rejects.toThrow(message);
  },
);

test("threads out of range are refused", async () => {
  const machine = thisMachine();
  for (const threads of [0, 257, 1.5, NaN]) {
    await expect(openNativeOn(machine, { threads })).rejects.toThrow(
      /^threads: expected "auto" or/,
    );
  }
});
