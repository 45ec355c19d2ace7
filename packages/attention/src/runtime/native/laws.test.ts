/** What must hold to the bit, whatever the threads or the batch. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { causal, floatCone, headWindows, perBatch, slidingWindow } from "../../mask/test-masks.ts";
import type { Device } from "../device.ts";
import {
  alone,
  bitsOf,
  type LaunchOptions,
  partOf,
  runOn,
  testLaunch,
} from "../wasm/test-launches.ts";
import { openNative } from "./open.ts";
import { noNative } from "./test-native.ts";

const absent = await noNative();

/** A compiler takes a second per kernel, and several where other tests run beside it. */
const COMPILING_MS = 300_000;

const launches: readonly (readonly [name: string, options: LaunchOptions])[] = [
  ["no mask", { B: 2, Hkv: 2, Hq: 6, M: 300, N: 261 }],
  ["causal", { mask: causal(), M: 515, N: 515, D: 32, Dv: 40 }],
  ["causal, blocks of 72 by 64", { mask: causal(), M: 300, N: 300, blockSize: [72, 64] }],
  ["a window per head", { mask: headWindows([3, 40, 300, 9]), Hkv: 2, Hq: 4, M: 280, N: 290 }],
  ["a mask per batch", { mask: perBatch(33), B: 3, M: 150, N: 150 }],
  ["bits", { mask: floatCone(7), M: 260, N: 200 }],
  [
    "lengths and offsets",
    { mask: causal(), B: 3, M: 40, N: 90, kvLength: [90, 0, 37], queryOffset: [50, 3, 9] },
  ],
  ["NaN", { numbers: "nan", M: 77, N: 130 }],
  ["f16", { dtype: "f16", B: 2, M: 140, N: 300 }],
  ["bf16, padded", { dtype: "bf16", layout: "padded", M: 140, N: 300 }],
  ["one of everything", { Hkv: 1, Hq: 1, M: 1, N: 1, D: 1, Dv: 1, schedule: "forward" }],
  ["decode", { Hkv: 2, Hq: 6, M: 1, N: 3000 }],
  ["decode, a window", { mask: slidingWindow(600), M: 2, N: 4000, queryOffset: [3998] }],
  ["decode, lengths", { B: 3, M: 2, N: 1200, kvLength: [1200, 0, 513], dtype: "f16" }],
];

const batches: readonly (readonly [name: string, options: LaunchOptions])[] = [
  ["forward", { B: 3, Hkv: 2, Hq: 6, M: 140, N: 261 }],
  [
    "lengths",
    { mask: causal(), B: 3, M: 40, N: 300, kvLength: [300, 0, 137], queryOffset: [260, 3, 97] },
  ],
  ["decode", { B: 3, M: 2, N: 1500, kvLength: [1500, 7, 1025] }],
  ["one key for all", { layout: "shared", dtype: "bf16", B: 3, M: 50, N: 300 }],
];

let one: Device;
let others: readonly (readonly [name: string, device: Device])[];

beforeAll(async () => {
  if (absent !== false) return;
  one = await openNative();
  others = [
    ["2 threads", await openNative({ threads: 2 })],
    ["3 threads", await openNative({ threads: 3 })],
    ["a thread in the background", await openNative({ background: true })],
  ];
  // One device after another: what the first compiles, the others find on the disk.
  const specs = [...launches, ...batches].map(([, options]) => testLaunch(options).spec);
  for (const device of [one, ...others.map(([, other]) => other)]) {
    await Promise.all(specs.map((spec) => device.kernel(spec)));
  }
}, COMPILING_MS);

afterAll(async () => {
  await one?.close();
  for (const [, device] of others ?? []) await device.close();
});

beforeEach(({ skip }) => skip(absent !== false, String(absent)));

test.for(launches)("%s: the same call twice gives the same bits", async ([, options]) => {
  const launch = testLaunch(options);
  expect(bitsOf(await runOn(one, launch))).toEqual(bitsOf(await runOn(one, launch)));
});

test.for(launches)("%s: threads do not change a bit", async ([, options]) => {
  const launch = testLaunch(options);
  const expected = bitsOf(await runOn(one, launch));
  for (const [name, device] of others) {
    const answer = bitsOf(await runOn(device, launch));
    expect({ name, answer }).toEqual({ name, answer: expected });
  }
});

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
