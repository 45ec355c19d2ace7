import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitKeys } from "./abi.ts";
import type { NativeTarget } from "./abi.ts";
import { emitKernel } from "./kernel.ts";
import { missing, Program } from "./test-harness.ts";
import { jobOf, problems, specOf } from "./test-launch.ts";
import type { TestLaunch } from "./test-launch.ts";
import { captures, draws, masks, scores } from "./test-launches.ts";
import type { FloatType } from "../../tensor.ts";

const isFull = process.env["VIGIL_TEST"] === "full";

/** Launches whose kernels are the same text share one. */
function symbolsOf(launches: readonly TestLaunch[], target: NativeTarget): string[] {
  const known = new Map<string, string>();
  return launches.map((launch) => {
    const { body } = emitKernel(specOf(launch), target, "k");
    const symbol = known.get(body) ?? `k${known.size}`;
    known.set(body, symbol);
    return symbol;
  });
}

/** What is wrong with each launch, one program for all. */
function problemsOf(
  launches: readonly TestLaunch[],
  target: NativeTarget,
  flags: readonly string[] = isFull ? ["-O2"] : ["-O1"],
): string[] {
  const symbols = symbolsOf(launches, target);
  const kernels = new Map(
    launches.map((launch, n) => {
      const symbol = symbols[n] ?? never();
      return [symbol, emitKernel(specOf(launch), target, symbol)] as const;
    }),
  );
  using program = new Program(target, [...kernels.values()], flags);
  const jobs = launches.map((launch, n) => jobOf(launch, target, symbols[n] ?? never()));
  const results = program.run(jobs.map(({ job }) => job));
  return launches.flatMap((launch, n) =>
    problems(launch, jobs[n]?.read(results[n] ?? []) ?? never()).map(
      (text) => `${text} — ${JSON.stringify({ ...launch, captures: 0, mask: 0, score: 0 })}`,
    ),
  );
}

function never(): never {
  throw new Error("a job without results");
}

interface Row {
  readonly name: string;
  readonly target: NativeTarget;
  readonly dtypes: readonly FloatType[];
  readonly count: number;
}

const rows: readonly Row[] = [
  { name: "AVX2", target: { isa: "avx2" }, dtypes: ["f32", "bf16", "f16"], count: 10 },
  {
    name: "AVX-512, emulated",
    target: { isa: "avx512", emulate: true },
    dtypes: ["f32", "bf16", "f16"],
    count: 4,
  },
  { name: "AMX, emulated", target: { isa: "amx", emulate: true }, dtypes: ["bf16"], count: 5 },
];

describe.each(rows)("$name", ({ target, dtypes, count }) => {
  test("random launches stay within the error budget", { timeout: 600_000 }, (context) => {
    if (missing !== null) context.skip(missing);
    const some = fc.sample(draws(dtypes), { numRuns: isFull ? count * 6 : count, seed: 7 });
    expect(
      problemsOf(
        some.map(({ launch }) => launch),
        target,
      ),
    ).toEqual([]);
  });

  test(
    "lengths around panels, tiles and groups, and rows that attend to nothing",
    { timeout: 300_000 },
    (context) => {
      if (missing !== null) context.skip(missing);
      const dtype = dtypes[0] ?? "f32";
      const shape = { B: 2, Hq: 2, Hkv: 1, M: 1, N: 1, D: 20, Dv: 36 };
      const mask = masks["causal"] ?? null;
      const launches = [1, 7, 16, 31, 33, 64, 97, 129].flatMap((M) =>
        [1, 31, 64, 193].map((N): TestLaunch => ({
          ...{ schedule: "forward", shape: { ...shape, M, N }, dtype, mask, blockSize: 64 },
          queryOffset: [-20, 3],
          kvLength: [N, M % 2 === 0 ? 0 : N],
        })),
      );
      expect(symbolsOf(launches, target)).toEqual(launches.map(() => "k0"));
      expect(problemsOf(launches, target)).toEqual([]);
    },
  );
});

/** Not optimised: compiling takes longer than running. */
const plain = ["-O0"];

/** Not optimised: the sanitizer's checks of every access would make that slow. */
const sanitized = ["-O0", "-g", "-fsanitize=address"];

const everyName = [...Object.keys(scores), ...Object.keys(masks)];
const functionRows = [
  {
    target: { isa: "avx2" },
    schedule: "forward",
    dtype: "f32",
    few: ["alibi", "grid", "document"],
  },
  { target: { isa: "avx2" }, schedule: "decode", dtype: "f16", few: ["cube", "grid", "by float"] },
  {
    target: { isa: "amx", emulate: true },
    schedule: "forward",
    dtype: "bf16",
    few: ["alibi", "soft-cap", "by float"],
  },
] as const;

test.for(functionRows)(
  "score and mask functions are computed — $target.isa, $schedule, $dtype",
  { timeout: 600_000 },
  ({ target, schedule, dtype, few }, context) => {
    if (missing !== null) context.skip(missing);
    const shape = { B: 2, Hq: 4, Hkv: 2, M: schedule === "decode" ? 3 : 70, N: 90, D: 40, Dv: 24 };
    const launches = (isFull ? everyName : few).map((name): TestLaunch => ({
      ...{ schedule, shape, dtype, captures, queryOffset: [15, 2], blockSize: 64 },
      score: scores[name] ?? null,
      mask: masks[name] ?? null,
    }));
    expect(problemsOf(launches, target, plain)).toEqual([]);
  },
);

const hostile: TestLaunch = {
  schedule: "forward",
  shape: { B: 1, Hq: 2, Hkv: 1, M: 37, N: 67, D: 9, Dv: 5 },
  captures,
  score: scores["grid of both"] ?? null,
  mask: masks["some keys"] ?? null,
  // Positions far outside of every captured tensor.
  queryOffset: [1_000_000],
};

test(
  "an index far outside reads the nearest element, and nothing outside is touched",
  { timeout: 300_000 },
  (context) => {
    if (missing !== null) context.skip(missing);
    const launches: TestLaunch[] = (["forward", "decode"] as const).flatMap((schedule) =>
      (["relative bias", "falling bias", "grid of both"] as const).flatMap((score) =>
        ([1_000_000, -1_000_000, 0] as const).map((offset) => ({
          ...hostile,
          schedule,
          shape: { ...hostile.shape, M: schedule === "decode" ? 3 : 37 },
          score: scores[score] ?? null,
          queryOffset: [offset],
        })),
      ),
    );
    expect(problemsOf(launches, { isa: "avx2" }, sanitized)).toEqual([]);
  },
);

test(
  "tensors of every layout are read and written within their elements",
  { timeout: 300_000 },
  (context) => {
    if (missing !== null) context.skip(missing);
    const launches = (["dense", "interleaved", "padded"] as const).flatMap((layout) =>
      (["forward", "decode"] as const).map((schedule): TestLaunch => ({
        ...{ schedule, layout, dtype: "bf16", mask: masks["by float"] ?? null, threads: 2 },
        shape: { B: 2, Hq: 4, Hkv: 2, M: 5, N: 77, D: 33, Dv: 17 },
      })),
    );
    for (const target of [{ isa: "avx2" }, { isa: "amx", emulate: true }] as const) {
      expect(problemsOf(launches, target, sanitized)).toEqual([]);
    }
  },
);

test(
  "results depend on neither threads nor the rest of the batch",
  { timeout: 300_000 },
  (context) => {
    if (missing !== null) context.skip(missing);
    const target = { isa: "avx2" } as const;
    for (const schedule of ["forward", "decode"] as const) {
      const launch: TestLaunch = {
        ...{ schedule, mask: masks["causal"] ?? null, blockSize: 64, queryOffset: [600, 600] },
        shape: { B: 2, Hq: 2, Hkv: 1, M: schedule === "decode" ? 4 : 150, N: 800, D: 24, Dv: 24 },
      };
      using program = new Program(target, [emitKernel(specOf(launch), target, "k")]);
      const out = (threads: number, B: number): Float64Array => {
        const { job, read } = jobOf(
          { ...launch, threads, shape: { ...launch.shape, B } },
          target,
          "k",
        );
        const [buffers = []] = program.run([job]);
        return read(buffers).out;
      };
      expect(out(4, 2)).toEqual(out(1, 2));
    }
  },
);

test("the text depends on the spec, the target and the symbol alone, and begins with a legend", () => {
  const launch: TestLaunch = {
    schedule: "forward",
    shape: { B: 1, Hq: 2, Hkv: 1, M: 5, N: 41, D: 12, Dv: 9 },
    mask: masks["causal"] ?? null,
    score: scores["soft-cap"] ?? null,
  };
  const { body, text } = emitKernel(specOf(launch), { isa: "avx2" }, "k");
  const longer = { ...launch, shape: { ...launch.shape, M: 99, N: 1234, Hq: 8 } };
  expect(emitKernel(specOf(longer), { isa: "avx2" }, "k").text).toBe(text);
  expect(body).toMatch(/^\/\*\n \* Attention, forward/);
  expect(body).toContain(" * score:\n");
  expect(body).toContain(" * mask:\n");
});

test("the smallest kernel reads as it is", () => {
  const launch: TestLaunch = {
    schedule: "forward",
    shape: { B: 1, Hq: 1, Hkv: 1, M: 1, N: 1, D: 8, Dv: 8 },
  };
  expect(emitKernel(specOf(launch), { isa: "avx2" }, "attention").body).toMatchSnapshot();
});

test("splits are whole numbers of tiles, and tiles of the smallest block of a mask", () => {
  for (let size = 1; size <= 512; size++) {
    const shape = { B: 1, Hq: 1, Hkv: 1, M: 1, N: 1, D: size, Dv: 1 };
    const decode = specOf({ schedule: "decode", shape });
    const { tile } = emitKernel(decode, { isa: "avx2" }, "k");
    expect(splitKeys(decode) % (tile["keys"] ?? 0)).toBe(0);
    const forward = emitKernel(specOf({ schedule: "forward", shape }), { isa: "avx2" }, "k");
    expect((forward.tile["keys"] ?? 1) % 8).toBe(0);
  }
});
