/** The suite that every target has to pass, compiled by this machine's own compiler. */
import { expect, test } from "vitest";
import { openDevice } from "../../api/open-device.ts";
import type { Case } from "../../testing/cases.ts";
import { conforms } from "../../testing/conformance.ts";
import { laws } from "../../testing/laws.ts";
import type { Device } from "../device.ts";
import { noNative } from "./test-native.ts";

const absent = await noNative();
const isFull = process.env["VIGIL_TEST"] === "full";

/** Each kernel is a second of a compiler's time: a quarter of the pairwise cases, or everything. */
const quarter = (one: Case): boolean => one.seed % 4 === 1;

test("the native target computes the cases", { timeout: 3_600_000 }, async ({ skip }) => {
  skip(absent !== false, String(absent));
  const options = isFull ? ({ suite: "full" } as const) : { only: quarter };
  const { cases, failures } = await conforms(
    (threads) => openDevice("native", { threads }),
    options,
  );
  expect(failures).toEqual([]);
  expect(cases).toBeGreaterThan(isFull ? 1_500 : 40);
});

test("the native target keeps the laws", { timeout: 600_000 }, async ({ skip }) => {
  skip(absent !== false, String(absent));
  await using one = await openDevice("native");
  await using two = await openDevice("native", { threads: 2 });
  const open = async (threads: number): Promise<Device> => (threads === 1 ? one : two);
  for (const { name, check } of laws) {
    expect({ name, problems: await check(open) }).toEqual({ name, problems: [] });
  }
});
