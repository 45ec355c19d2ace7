/**
 * The texts for processors that this one may not be, their wide vectors and tiles in plain C: that the launch gives them what they
 * need, packed keys and values above all.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { causal, floatCone, slidingWindow } from "../../mask/test-masks.ts";
import { elementsOf } from "../../reference/formats.ts";
import type { Device } from "../device.ts";
import { openWasm } from "../wasm/open.ts";
import { bitsOf, type LaunchOptions, runOn, testLaunch } from "../wasm/test-launches.ts";
import { openNative } from "./open.ts";
import { noNative } from "./test-native.ts";

const absent = await noNative();

/** A compiler takes a second per kernel, and several where other tests run beside it. */
const COMPILING_MS = 300_000;

const bf16 = { dtype: "bf16" } as const;

const launches: readonly (readonly [name: string, options: LaunchOptions])[] = [
  ["f32, causal", { mask: causal(), M: 200, N: 200, D: 32, Dv: 40 }],
  ["bf16, keys where they are", { ...bf16, M: 100, N: 128, D: 32, Dv: 32 }],
  ["bf16, keys packed", { ...bf16, mask: causal(), B: 2, Hkv: 2, Hq: 4, M: 150, N: 149, D: 24 }],
  ["bf16, lengths", { ...bf16, B: 3, M: 40, N: 600, kvLength: [600, 0, 259], D: 24 }],
  ["bf16, a window", { ...bf16, mask: slidingWindow(70), M: 300, N: 300, D: 24 }],
  ["bf16, bits", { ...bf16, mask: floatCone(7), M: 130, N: 100, D: 24 }],
  ["bf16, columns", { ...bf16, layout: "columns", M: 50, N: 60, D: 24 }],
  ["bf16, decode", { ...bf16, Hkv: 2, Hq: 6, M: 1, N: 700, D: 24 }],
];

/** Those that pack; the kernels of each have tests of their own in `emit/native`. */
const packing = ["avx512-bf16", "amx"] as const;

describe.each(packing)("%s", (isa) => {
  let one: Device;
  let two: Device;
  let wasm: Device;
  beforeAll(async () => {
    if (absent !== false) return;
    one = await openNative({ isa, emulate: true });
    two = await openNative({ isa, emulate: true, threads: 2 });
    wasm = await openWasm();
    for (const device of [one, two]) {
      await Promise.all(launches.map(([, options]) => device.kernel(testLaunch(options).spec)));
    }
  }, COMPILING_MS);
  afterAll(async () => {
    for (const device of [one, two, wasm]) await device?.close();
  });
  beforeEach(({ skip }) => skip(absent !== false, String(absent)));

  test("says what it is", () => {
    expect(one.name).toMatch(/^native \(AVX-512.*, emulated, /);
  });

  test.for(launches)(
    "%s: agrees with WebAssembly, with any number of threads",
    async ([, options]) => {
      const launch = testLaunch(options);
      const [ours, theirs] = [await runOn(one, launch), await runOn(wasm, launch)];
      expect(bitsOf(await runOn(two, launch))).toEqual(bitsOf(ours));
      // Both round weights and results to bf16, each in its own order.
      const tolerance = options.dtype === "bf16" ? 0.03 : 1e-4;
      const expected = elementsOf(theirs.out);
      const largest = elementsOf(ours.out).reduce(
        (most, value, at) => Math.max(most, Math.abs(value - (expected[at] ?? NaN))),
        0,
      );
      expect(largest).toBeLessThan(tolerance);
    },
  );
});
