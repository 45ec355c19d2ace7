import { describe, expect, test } from "vitest";
import { openReference } from "../reference/device.ts";
import type { Device, Launch } from "../runtime/device.ts";
import { type Fault, faultyDevice, nudged } from "./test-faulty-device.ts";
import { laws } from "./laws.ts";

/** The problems that one law sees in a target. */
async function problems(words: string, open: (threads: number) => Device): Promise<string[]> {
  const law = laws.find(({ name }) => name.includes(words));
  if (law === undefined) throw new Error(`no law about ${words}`);
  return law.check(async (threads) => open(threads));
}

/** A fault that appears from the second call on. */
function later(): Fault {
  let calls = 0;
  return { result: (result) => (calls++ === 0 ? result : nudged(result)) };
}

/** Ignores every mask. */
function unmasked(): Device {
  const device = faultyDevice({ launch: (launch) => ({ ...launch, blockMask: null }) });
  return { ...device, kernel: (spec) => device.kernel({ ...spec, mask: null, maskBits: false }) };
}

const last = (lengths: Int32Array): Int32Array => lengths.map((n) => n - 1);

describe("the laws", () => {
  test.each(laws)("hold for the reference: $name", async ({ check }) => {
    expect(await check(async () => openReference())).toEqual([]);
  });

  test.each([
    [
      "masked in blocks",
      () => faultyDevice({ launch: (l: Launch) => ({ ...l, kvLength: last(l.kvLength) }) }),
    ],
    ["two parts", unmasked],
    ["same call twice", () => faultyDevice(later())],
    ["alone", () => faultyDevice({ result: (r, l) => (l.shape.B > 1 ? nudged(r) : r) })],
    ["later tokens", unmasked],
    [
      "two threads",
      (threads: number) => (threads === 1 ? openReference() : faultyDevice({ result: nudged })),
    ],
  ] as const)("refuse a target that breaks %s", async (words, open) => {
    expect(await problems(words, open)).not.toEqual([]);
  });
});
