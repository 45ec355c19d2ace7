import { afterAll, beforeAll, expect, test } from "vitest";
import { causal, slidingWindow } from "../../mask/test-masks.ts";
import type { KernelSpec } from "../device.ts";
import { noDiskCache } from "../shared/disk-cache.ts";
import { testLaunch } from "../wasm/test-launches.ts";
import { CompileQueue } from "./compile-queue.ts";
import { thisMachine } from "./machine.ts";
import { findGround, type NativeGround } from "./open.ts";
import { noNative } from "./test-native.ts";
import { Workshop } from "./workshop.ts";

const absent = await noNative();

const specs: readonly KernelSpec[] = [
  testLaunch({ D: 8, Dv: 8 }).spec,
  testLaunch({ D: 8, Dv: 8, mask: causal() }).spec,
  testLaunch({ D: 8, Dv: 8, mask: slidingWindow(5) }).spec,
  testLaunch({ D: 8, Dv: 8, M: 1 }).spec,
];

let ground: NativeGround;
beforeAll(async () => {
  if (absent === false) ground = await findGround(thisMachine(), {});
});
afterAll(() => ground?.workshop.close());

/** Without a disk, so that each text is compiled. */
function open(compilers: number): { readonly queue: CompileQueue; readonly workshop: Workshop } {
  const { koffi, compiler, target, cpu } = ground;
  const { features } = cpu;
  const workshop = new Workshop({ koffi, compiler, target, features, cache: noDiskCache("off") });
  return { workshop, queue: new CompileQueue({ target, workshop, compilers }) };
}

test("kernels that are asked for at one time are compiled at one time", async ({ skip }) => {
  skip(absent !== false, String(absent));
  const { queue, workshop } = open(1);
  const kernels = await Promise.all(specs.map((spec) => queue.add(spec)));
  expect(workshop.compilations).toBe(1);
  expect(new Set(kernels.map(({ library }) => library)).size).toBe(1);
  expect(new Set(kernels.map(({ entry }) => entry)).size).toBe(specs.length);
  workshop.close();
});

test("several compilers share what is asked for, and what comes later waits for one of them", async ({
  skip,
}) => {
  skip(absent !== false, String(absent));
  const { queue, workshop } = open(2);
  const first = specs.slice(0, 2).map((spec) => queue.add(spec));
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const later = specs.slice(2).map((spec) => queue.add(spec));
  const libraries = (await Promise.all([...first, ...later])).map(({ library }) => library);
  expect(workshop.compilations).toBe(3);
  expect(libraries[0]).not.toBe(libraries[1]);
  workshop.close();
});

test("one kernel that cannot be compiled does not take its neighbours with it", async ({
  skip,
}) => {
  skip(absent !== false, String(absent));
  const { queue, workshop } = open(1);
  const [good = specs[0]] = specs;
  const broken = { ...good, D: -1 } as KernelSpec;
  const outcomes = await Promise.allSettled(
    [good, broken].map((spec) => queue.add(spec as KernelSpec)),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  workshop.close();
});

test("closing refuses what waits", async ({ skip }) => {
  skip(absent !== false, String(absent));
  const { queue, workshop } = open(1);
  const waiting = specs.map((spec) => queue.add(spec));
  queue.close();
  workshop.close();
  for (const one of waiting) await expect(one).rejects.toThrow("the device was closed");
});
