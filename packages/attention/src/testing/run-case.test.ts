import { describe, expect, test } from "vitest";
import { openReference } from "../reference/device.ts";
import type { Kernel, KernelSpec, Launch, LaunchResult } from "../runtime/device.ts";
import { type Case, conformanceCases } from "./cases.ts";
import { computeCase, judgeCase, prepareCase, runCase } from "./run-case.ts";
import { faultyDevice } from "./test-faulty-device.ts";

const cases = conformanceCases("pairwise");

/** The first case of a kind. */
function find(wanted: (one: Case) => boolean): Case {
  const found = cases.find(wanted);
  if (found === undefined) throw new Error("no such case");
  return found;
}

/** Nothing exotic, so that each fault below has to show by itself. */
const plain: Case = {
  ...find(() => true),
  name: "alibi",
  variant: "alibi",
  dtype: "f32",
  passes: "forward",
  ...{ B: 1, Hkv: 1, group: 2, M: 64, N: 64, D: 17, Dv: 8 },
  numbers: "normal",
  layout: "dense",
  blockSize: 64,
  positions: "plain",
  sinks: true,
  scale: null,
  into: "new",
};

describe("a case", () => {
  test("passes on the reference device, for every way of passing and every dtype", async () => {
    for (const passes of ["forward", "decode", "chunks"] as const) {
      for (const dtype of ["f32", "f16", "bf16"] as const) {
        const one = find((candidate) => candidate.passes === passes && candidate.dtype === dtype);
        expect({ name: one.name, problems: await runCase(openReference(), one) }).toEqual({
          name: one.name,
          problems: [],
        });
      }
    }
  });

  test("of chunks fills every row, though later keys hold NaN", async () => {
    const one = find(
      ({ passes, N, numbers }) => passes === "chunks" && N > 60 && numbers === "normal",
    );
    const prepared = prepareCase(one);
    const result = await computeCase(openReference(), one, prepared);
    expect(result.lse.every((lse) => Number.isFinite(lse))).toBe(true);
    expect(judgeCase(one, prepared, result)).toEqual([]);
  });

  test.each([
    [
      "a scale too large by a thousandth",
      { launch: (l: Launch) => ({ ...l, scale: l.scale * 1.001 }) },
    ],
    ["no sinks", { launch: (l: Launch) => ({ ...l, sinks: null }) }],
    ["no last key", { launch: (l: Launch) => ({ ...l, kvLength: l.kvLength.map((n) => n - 1) }) }],
    [
      "positions off by one",
      { launch: (l: Launch) => ({ ...l, queryOffset: l.queryOffset.map((n) => n + 1) }) },
    ],
    ["a binary lse", { result: (r: LaunchResult) => ({ ...r, lse: scaled(r.lse, Math.LOG2E) }) }],
    ["a max without a row", { result: (r: LaunchResult) => ({ ...r, max: scaled(r.max, 0) }) }],
  ] as const)("fails with %s", async (_, change) => {
    expect(await runCase(openReference(), plain)).toEqual([]);
    expect(await runCase(faultyDevice(change), plain)).not.toEqual([]);
  });
});

describe("lse and max", () => {
  const half: Case = { ...plain, dtype: "bf16", D: 32, Dv: 32 };
  /** An error that bf16 would round away and f32 shows. */
  const slightly = (result: LaunchResult): LaunchResult => ({
    ...result,
    lse: scaled(result.lse, 1 + 2 ** -11),
  });

  const judged = async (approximate: boolean, result = slightly): Promise<string[]> => {
    const device = faultyDevice({ result });
    const kernel = async (spec: KernelSpec): Promise<Kernel> => ({
      ...(await device.kernel(spec)),
      ...(approximate ? { approximate } : {}),
    });
    return runCase({ ...device, kernel }, half);
  };

  test("are judged as f32, whatever the dtype", async () => {
    expect((await judged(false)).join()).toMatch(/^lse: .*over budget/);
  });

  test("are judged as the dtype where the kernel says that it approximates, and no more loosely", async () => {
    expect(await judged(true)).toEqual([]);
    const far = (result: LaunchResult): LaunchResult => ({
      ...result,
      lse: scaled(result.lse, 1.05),
    });
    expect((await judged(true, far)).join()).toMatch(/^lse: /);
  });
});

const scaled = (tensor: LaunchResult["lse"], factor: number): LaunchResult["lse"] => {
  if (tensor?.data instanceof Float32Array)
    tensor.data.forEach((x, i, data) => (data[i] = x * factor));
  return tensor;
};
