/** What must hold to the bit, whatever the threads, the batch, or the memory. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { causal, floatCone, headWindows, perBatch, slidingWindow } from "../../mask/test-masks.ts";
import { Tensor } from "../../tensor.ts";
import type { Device } from "../device.ts";
import { openWasm } from "./open.ts";
import {
  alone,
  bitsOf,
  type LaunchOptions,
  partOf,
  runOn,
  type TestLaunch,
  testLaunch,
} from "./test-launches.ts";

const forward: readonly (readonly [name: string, options: LaunchOptions])[] = [
  ["no mask", { B: 2, Hkv: 2, Hq: 6, M: 300, N: 261 }],
  ["causal", { mask: causal(), M: 515, N: 515, D: 32, Dv: 40 }],
  ["causal, blocks of 72 by 64", { mask: causal(), M: 300, N: 300, blockSize: [72, 64] }],
  ["a sliding window", { mask: slidingWindow(70), B: 2, M: 700, N: 700, blockSize: [64, 64] }],
  ["a window per head", { mask: headWindows([3, 40, 300, 9]), Hkv: 2, Hq: 4, M: 280, N: 290 }],
  ["a mask per batch", { mask: perBatch(33), B: 3, M: 150, N: 150 }],
  ["bits", { mask: floatCone(7), M: 260, N: 200 }],
  [
    "lengths and offsets",
    { mask: causal(), B: 3, M: 40, N: 90, kvLength: [90, 0, 37], queryOffset: [50, 3, 9] },
  ],
  ["sinks", { sinks: Float32Array.of(0.5, -Infinity), M: 33, N: 20 }],
  ["NaN", { numbers: "nan", M: 77, N: 130 }],
  ["f16", { dtype: "f16", B: 2, M: 140, N: 300 }],
  ["bf16, padded", { dtype: "bf16", layout: "padded", M: 140, N: 300 }],
  ["one of everything", { Hkv: 1, Hq: 1, M: 1, N: 1, D: 1, Dv: 1, schedule: "forward" }],
];

const decode: readonly (readonly [name: string, options: LaunchOptions])[] = [
  ["decode", { Hkv: 2, Hq: 6, M: 1, N: 3000 }],
  ["decode, causal", { mask: causal(), M: 3, N: 1500, queryOffset: [1497] }],
  ["decode, a window", { mask: slidingWindow(600), M: 2, N: 4000, queryOffset: [3998] }],
  [
    "decode, a window per head",
    { mask: headWindows([3, 40, 900, 9]), Hkv: 2, Hq: 4, M: 1, N: 2000, queryOffset: [1999] },
  ],
  ["decode, lengths", { B: 3, M: 2, N: 1200, kvLength: [1200, 0, 513], dtype: "f16" }],
  ["decode, one of everything", { Hkv: 1, Hq: 1, M: 1, N: 1, D: 1, Dv: 1 }],
];

const launches = [...forward, ...decode];

let one: Device;
let others: readonly (readonly [name: string, device: Device])[];

beforeAll(async () => {
  one = await openWasm();
  others = [
    ["2 threads", await openWasm({ threads: 2 })],
    ["3 threads", await openWasm({ threads: 3 })],
    ["a worker in the background", await openWasm({ background: true })],
    ["no room at all", await openWasm({ stagingBytes: 1 })],
    ["room for 32 KiB and 2 threads", await openWasm({ stagingBytes: 2 ** 15, threads: 2 })],
  ];
});

afterAll(async () => {
  for (const [, device] of [["", one] as const, ...others]) await device.close();
});

/** A launch that leaves NaN wherever the memory is used: nothing may read what nobody wrote. */
function poison(options: LaunchOptions): TestLaunch {
  const { spec, launch } = testLaunch(options);
  const { shape } = launch;
  const N = shape.N + 1000;
  const nan = (lengths: readonly number[]): Tensor => {
    const data = new Float32Array(lengths.reduce((a, b) => a * b)).fill(NaN);
    return new Tensor(data, lengths);
  };
  const query = nan([shape.B, shape.Hq, shape.M, shape.D]);
  const key = nan([shape.B, shape.Hkv, N, shape.D]);
  const value = nan([shape.B, shape.Hkv, N, shape.Dv]);
  const kvLength = new Int32Array(shape.B).fill(N);
  const masks = { blockMask: null, captures: testLaunch().launch.captures };
  return {
    spec: { ...spec, mask: null, maskBits: false, dtype: "f32" },
    launch: { ...launch, ...masks, shape: { ...shape, N }, query, key, value, kvLength },
  };
}

test.for(launches)("%s: the same call twice gives the same bits", async ([, options]) => {
  const launch = testLaunch(options);
  const first = bitsOf(await runOn(one, launch));
  await runOn(one, poison(options));
  expect(bitsOf(await runOn(one, launch))).toEqual(first);
});

test.for(launches)("%s: threads and memory do not change a bit", async ([, options]) => {
  const launch = testLaunch(options);
  const expected = bitsOf(await runOn(one, launch));
  for (const [name, device] of others) {
    const answer = bitsOf(await runOn(device, launch));
    expect({ name, answer }).toEqual({ name, answer: expected });
  }
});

const batches: readonly (readonly [name: string, options: LaunchOptions])[] = [
  ["forward", { B: 3, Hkv: 2, Hq: 6, M: 140, N: 261 }],
  ["causal", { mask: causal(), B: 2, M: 300, N: 300 }],
  [
    "lengths",
    { mask: causal(), B: 3, M: 40, N: 300, kvLength: [300, 0, 137], queryOffset: [260, 3, 97] },
  ],
  ["decode", { B: 3, M: 2, N: 1500, kvLength: [1500, 7, 1025] }],
  ["decode, a window", { mask: slidingWindow(600), B: 2, M: 1, N: 4000, queryOffset: [3999, 812] }],
  ["one key for all", { layout: "shared", dtype: "bf16", B: 3, M: 50, N: 300 }],
];

test.for(batches)(
  "%s: a sequence alone has the bits that it has in a batch",
  async ([, options]) => {
    const batch = await runOn(one, testLaunch(options));
    for (let b = 0; b < (options.B ?? 1); b++) {
      const single = await runOn(one, alone(options, b));
      expect(bitsOf(single)).toEqual(bitsOf(partOf(batch, b)));
    }
  },
);
