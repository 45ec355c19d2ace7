import { describe, expect, test } from "vitest";
import { openDevice } from "../api/open-device.ts";
import { openReference } from "../reference/device.ts";
import type { Case } from "./cases.ts";
import { conforms } from "./conformance.ts";
import { faultyDevice, nudged } from "./test-faulty-device.ts";

const suite = process.env["VIGIL_TEST"] === "full" ? "full" : "pairwise";

describe("conformance", () => {
  test(
    "the WebAssembly target computes every case and keeps every law",
    { timeout: 600_000 },
    async () => {
      const { cases, failures } = await conforms((threads) => openDevice("wasm", { threads }), {
        suite,
      });
      expect(failures).toEqual([]);
      expect(cases).toBeGreaterThan(suite === "full" ? 1_500 : 150);
    },
  );

  /** A tenth of the cases: the reference is slow, and checked against itself with little chance to fail. */
  const tenth = (one: Case): boolean => one.seed % 10 === 0;

  test("the reference device, which evaluates what was traced, computes what JavaScript does", async () => {
    const { cases, failures } = await conforms(openReference(), { only: tenth });
    expect(failures).toEqual([]);
    expect(cases).toBeGreaterThan(15);
  });

  test("a fault in one number fails the case, by name and with the numbers", async () => {
    let calls = 0;
    const device = faultyDevice({
      result: (result) => {
        if (++calls === 1 && result.lse !== null) result.lse.data[0] = 1e6;
        return result;
      },
    });
    const only = ({ passes, numbers, seed }: Case): boolean =>
      passes === "forward" && numbers === "normal" && seed < 60;
    const { cases, failed, failures } = await conforms(device, { only });
    expect(cases).toBeGreaterThan(3);
    expect(failed).toBe(1);
    expect(failures[0]?.name).toMatch(/^\S+, (f32|f16|bf16), forward, B/);
    expect(failures[0]?.problems.join()).toMatch(/^lse: .*(over budget|expected)/);
  });

  test("a kernel that throws fails its case and not the suite", async () => {
    const device = faultyDevice({
      launch: () => {
        throw new RangeError("no such shape");
      },
    });
    const { failures } = await conforms(device, { only: ({ seed }) => seed === 1 });
    expect(failures.map(({ problems }) => problems)).toEqual([["RangeError: no such shape"]]);
  });

  test("bits that change with the threads fail, though within the budget", async () => {
    const open = async (threads: number) =>
      threads === 1 ? openReference() : faultyDevice({ result: nudged });
    const only = ({ seed, dtype, numbers, into }: Case): boolean =>
      seed < 40 && dtype === "bf16" && numbers === "normal" && into === "new";
    const { failures } = await conforms(open, { suite: "full", only });
    expect(failures.length).toBeGreaterThan(0);
    expect(
      failures.some(({ problems }) =>
        problems.some((one) => /^out: element 0 is .* with 1 threads/.test(one)),
      ),
    ).toBe(true);
  });

  test("tells how far it is, and stops when asked to", async () => {
    const seen: number[] = [];
    const controller = new AbortController();
    const onProgress = (done: number, total: number): void => {
      seen.push(done / total);
      if (done >= 2) controller.abort(new Error("enough"));
    };
    const only = ({ seed }: Case): boolean => seed < 6;
    await expect(
      conforms(openReference(), { only, onProgress, signal: controller.signal }),
    ).rejects.toThrow("enough");
    expect(seen).toEqual([0.2, 0.4]);
  });
});
