/** The device on a fake GPU: what it computes, what it keeps, and what it leaves behind when something fails. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { attention } from "../../api/attention.ts";
import { compile } from "../../api/compile.ts";
import { maskMod } from "../../api/mods.ts";
import { openReference } from "../../reference/device.ts";
import { elementsOf } from "../../reference/formats.ts";
import type { FloatType } from "../../tensor.ts";
import { judge } from "../../testing/budget.ts";
import { emptyLike, makeInputs, type Layout } from "../../testing/inputs.ts";
import { alibi, alibiSlopes } from "../../variants/alibi.ts";
import { causal } from "../../variants/causal.ts";
import { slidingWindow } from "../../variants/sliding-window.ts";
import { CudaError } from "./cuda-error.ts";
import type { FakeGpu } from "./test-fake-driver.ts";
import { openFake } from "./test-fake-kernels.ts";

const shape = { B: 2, Hq: 4, Hkv: 2, M: 9, N: 12, D: 32, Dv: 32 };
const noLeaks = {
  memory: 0,
  pinned: 0,
  events: 0,
  streams: 0,
  modules: 0,
  contexts: 0,
  programs: 0,
};

const inputsOf = (dtype: FloatType, layout: Layout = "dense", more: Partial<typeof shape> = {}) =>
  makeInputs({ ...shape, ...more }, { dtype, layout, numbers: "normal", seed: 5 });

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vigil-cuda-"));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

describe("tensors of the caller's arrays", () => {
  const dtypes: readonly FloatType[] = ["f32", "bf16", "f16"];
  const layouts: readonly Layout[] = ["dense", "interleaved", "padded", "columns", "shared"];

  test.each(dtypes.flatMap((dtype) => layouts.map((layout) => [dtype, layout] as const)))(
    "%s, %s: go to the GPU and come back as the reference computes them",
    async (dtype, layout) => {
      const { device, gpu } = await openFake();
      for (const M of [9, 2]) {
        const { query, key, value } = inputsOf(dtype, layout, { M });
        const options = {
          mask: slidingWindow(5),
          score: alibi(alibiSlopes(4)),
          sinks: [0.5, -1, 0, 2],
          queryOffset: [3, 0],
          kvLength: [12, 7],
          returnLse: true,
          returnMax: true,
        } as const;
        const out = emptyLike([2, 4, M, 32], dtype);
        const mine = await attention(query, key, value, { ...options, device, out });
        const theirs = await attention(query, key, value, { ...options, device: openReference() });
        expect(mine.out).toBe(out);
        for (const name of ["out", "lse", "max"] as const) {
          const [kernel, exact] = [mine[name], theirs[name]].map((tensor) =>
            tensor === null ? new Float64Array() : elementsOf(tensor),
          ) as [Float64Array, Float64Array];
          const type = name === "out" ? dtype : "f32";
          expect(judge({ name, dtype: type, exact, sameDtype: exact, kernel }).problem).toBeNull();
        }
      }
      await device.close();
      expect(gpu.leaks).toEqual(noLeaks);
    },
  );

  test("long tensors go in pieces, and two calls at once do not mix", async () => {
    const { device } = await openFake({ questions: 3 });
    const big = { B: 1, Hq: 2, Hkv: 1, M: 4, N: 70_000, D: 32, Dv: 32 };
    const calls = [1, 2].map((seed) =>
      makeInputs(big, { dtype: "f32", layout: "dense", numbers: "normal", seed }),
    );
    const run = ({ query, key, value }: (typeof calls)[number], own: object) =>
      attention(query, key, value, { ...own, mask: ({ kv }) => kv >= 69_990 });
    const together = await Promise.all(calls.map((call) => run(call, { device })));
    for (const [at, call] of calls.entries()) {
      const alone = await run(call, { device });
      expect(elementsOf(together[at] ?? alone)).toEqual(elementsOf(alone));
    }
    await device.close();
  });

  test("a captured array that changed is what the next call sees; one that did not is not sent again", async () => {
    const { device, gpu } = await openFake();
    const { query, key, value } = inputsOf("f32");
    const ids = new Int32Array(12).fill(1);
    const mask = maskMod(
      { ids },
      ({ ids }) =>
        ({ q, kv }) =>
          ids[q] === ids[kv],
    );
    const run = () => attention(query, key, value, { mask, device });
    const first = elementsOf(await run());
    const copies = gpu.count("cuMemcpyHtoDAsync_v2");
    expect(elementsOf(await run())).toEqual(first);
    const again = gpu.count("cuMemcpyHtoDAsync_v2") - copies;
    ids.fill(2, 3);
    const changed = elementsOf(await run());
    expect(changed).not.toEqual(first);
    const reference = await attention(query, key, value, { mask, device: openReference() });
    expect(
      judge({
        name: "out",
        dtype: "f32",
        exact: elementsOf(reference),
        sameDtype: elementsOf(reference),
        kernel: changed,
      }).problem,
    ).toBeNull();
    // The three tensors, and the lists of a block mask that is built anew; then the ids too.
    expect(again).toBe(4);
    await device.close();
  });

  test("a second length, batch or captured number compiles nothing", async () => {
    const { device, gpu } = await openFake();
    for (const [M, width] of [
      [9, 3],
      [40, 7],
      [300, 12],
    ] as const) {
      const { query, key, value } = inputsOf("bf16", "dense", { M, N: M });
      await attention(query, key, value, { mask: slidingWindow(width), device });
    }
    expect(device.compilations).toBe(1);
    expect(gpu.count("nvrtcCompileProgram")).toBe(1);
    await device.close();
  });
});

describe("when something fails", () => {
  const { query, key, value } = inputsOf("bf16");

  /** One call with everything in it. */
  async function work(prepare: (gpu: FakeGpu) => void): Promise<{ gpu: FakeGpu; error: unknown }> {
    let gpu: FakeGpu | null = null;
    let error: unknown = null;
    const remember = (made: FakeGpu): void => {
      gpu = made;
      prepare(made);
    };
    try {
      const { device } = await openFake({}, {}, remember);
      try {
        await attention(query, key, value, { mask: causal, device, returnLse: true });
        using resident = await device.upload(query);
        using k = await device.upload(key);
        using v = await device.upload(value);
        using out = await attention(resident, k, v, { mask: causal });
        await out.read();
      } catch (thrown) {
        error = thrown;
      }
      await device.close().catch((thrown: unknown) => {
        error ??= thrown;
      });
    } catch (thrown) {
      error = thrown;
    }
    if (gpu === null) throw new Error("nothing was opened");
    return { gpu, error };
  }

  test(
    "whichever call it is, it is named, and nothing is left behind",
    { timeout: 60_000 },
    async () => {
      const whole = await work(() => undefined);
      expect(whole.error).toBeNull();
      expect(whole.gpu.leaks).toEqual(noLeaks);
      const { calls } = whole.gpu;
      expect(calls.length).toBeGreaterThan(80);
      for (const [nth, call] of calls.entries()) {
        const { gpu, error } = await work((gpu) => {
          gpu.failures = [{ call: "any", nth, code: 719 }];
        });
        // An NVRTC that does not say its version is passed over, for the next one.
        if (call === "nvrtcVersion") {
          expect({ nth, error, leaks: gpu.leaks }).toEqual({ nth, error: null, leaks: noLeaks });
          continue;
        }
        expect({ nth, call, error }).toEqual({ nth, call, error: expect.any(Error) });
        expect(String(error)).toMatch(
          call.startsWith("nvrtc") ? /NVRTC|unknown NVRTC result/ : /CUDA_ERROR_LAUNCH_FAILED/,
        );
        // What could not be freed, because freeing it is what failed, is all that may be left.
        const left = Object.values(gpu.leaks).reduce((sum, count) => sum + count, 0);
        const frees = /Free|Destroy|Unload|Release/.test(call);
        expect({ nth, call, leaks: gpu.leaks, few: left <= (frees ? 1 : 0) }).toMatchObject({
          few: true,
        });
      }
    },
  );

  test("a kernel that loses the GPU is named where it is waited for; closing then says nothing more", async () => {
    const { device } = await openFake({}, {}, (gpu) => {
      gpu.failures = [{ call: "cuEventQuery", nth: 4, code: 700, onwards: true }];
    });
    const failure = attention(query, key, value, { mask: causal, device });
    await expect(failure).rejects.toThrow(/ILLEGAL_ADDRESS.*start a new process/);
    await expect(attention(query, key, value, { device })).rejects.toThrow(CudaError);
    await expect(device.close()).resolves.toBeUndefined();
  });

  test("out of memory gives back what is kept, tries again, then says what helps", async () => {
    const small = { memoryBytes: 400_000 };
    const { device, gpu } = await openFake(small);
    const tensors = await Promise.all(
      [1, 2].map(() => device.upload(inputsOf("f32", "dense", { N: 300 }).key)),
    );
    for (const tensor of tensors) tensor.free();
    expect(device.memory.cachedBytes).toBeGreaterThan(0);
    using fits = await device.upload(inputsOf("f32", "dense", { N: 500 }).key);
    expect(fits.size).toBeGreaterThan(0);
    const failure = device.upload(inputsOf("f32", "dense", { N: 5000 }).key);
    await expect(failure).rejects.toThrow(CudaError);
    await expect(failure).rejects.toThrow(
      /allocating \d+ bytes.*OUT_OF_MEMORY.*free device tensors/,
    );
    await device.close();
    expect(gpu.leaks).toEqual(noLeaks);
  });

  test("beyond memoryLimitBytes it is refused before the driver is asked", async () => {
    const { device, gpu } = await openFake({}, { memoryLimitBytes: 2 ** 20 });
    const asked = gpu.count("cuMemAlloc_v2");
    const big = inputsOf("f32", "dense", { N: 5000 }).key;
    await expect(device.upload(big)).rejects.toThrow(/memoryLimitBytes/);
    expect(gpu.count("cuMemAlloc_v2")).toBe(asked);
    await device.close();
  });

  test("an aborted call gives the signal's reason, and the next one computes", async () => {
    const { device, gpu } = await openFake({ questions: 50 });
    const controller = new AbortController();
    const aborted = attention(query, key, value, { device, signal: controller.signal });
    const waiting = attention(query, key, value, { device, signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 1);
    // Together: either may be the first to end.
    await Promise.all([aborted, waiting].map((call) => expect(call).rejects.toThrow("enough")));
    const after = await attention(query, key, value, { device });
    const expected = await attention(query, key, value, { device: openReference() });
    expect(elementsOf(after)).toEqual(elementsOf(expected));
    await device.close();
    expect(gpu.leaks).toEqual(noLeaks);
  });

  test("a call that has begun ends, at whatever step its device is closed", async () => {
    for (let turns = 0; turns < 10; turns++) {
      const { device, gpu } = await openFake({ questions: 3 });
      const call = attention(query, key, value, { mask: causal, device });
      for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
      const closing = device.close();
      await expect(attention(query, key, value, { device })).rejects.toThrow(/a closed one/);
      expect((await call).shape).toEqual([2, 4, 9, 32]);
      await closing;
      expect(gpu.leaks).toEqual(noLeaks);
    }
  });

  test("a closed device refuses what comes after, and what came before still ends", async () => {
    const { device, gpu } = await openFake({ questions: 20 });
    const kernel = await compile({ D: 32, dtype: "bf16", device });
    const running = [kernel.run(query, key, value), kernel.run(query, key, value)];
    while (gpu.count("cuMemcpyHtoDAsync_v2") === 0) await new Promise(setImmediate);
    await Promise.all([device.close(), device.close()]);
    for (const result of running) expect((await result).shape).toEqual([2, 4, 9, 32]);
    await expect(kernel.run(query, key, value)).rejects.toThrow(/a closed one; open another/);
    await expect(device.upload(query)).rejects.toThrow(/a closed one/);
    expect(gpu.leaks).toEqual(noLeaks);
  });
});

describe("kernels on disk", () => {
  const { query, key, value } = inputsOf("bf16");
  const run = async (folder: string, fake = {}): Promise<FakeGpu> => {
    const { device, gpu } = await openFake(fake, { cacheFolder: folder });
    await attention(query, key, value, { mask: causal, device });
    await device.close();
    return gpu;
  };

  test("the next process finds what this one compiled", async () => {
    const folder = await newFolder();
    expect((await run(folder)).count("nvrtcCompileProgram")).toBe(1);
    expect((await run(folder)).count("nvrtcCompileProgram")).toBe(0);
  });

  test("another driver or another NVRTC compiles again", async () => {
    const folder = await newFolder();
    await run(folder);
    expect((await run(folder, { driverVersion: 13_010 })).count("nvrtcCompileProgram")).toBe(1);
    expect((await run(folder, { nvrtcVersion: [12, 9] })).count("nvrtcCompileProgram")).toBe(1);
  });

  test("a file that is not what it was is compiled again", async () => {
    const folder = await newFolder();
    await run(folder);
    const cuda = join(folder, "cuda");
    const [name = ""] = await readdir(cuda);
    await writeFile(join(cuda, name), "cubin:something else");
    expect((await run(folder)).count("nvrtcCompileProgram")).toBe(1);
    expect((await run(folder)).count("nvrtcCompileProgram")).toBe(0);
  });

  test("code that the driver does not take is compiled again, once", async () => {
    const folder = await newFolder();
    await run(folder);
    const { device, gpu } = await openFake({}, { cacheFolder: folder }, (gpu) => {
      gpu.failures = [{ call: "cuModuleLoadData", nth: 0, code: 200 }];
    });
    await attention(query, key, value, { mask: causal, device });
    expect(gpu.count("nvrtcCompileProgram")).toBe(1);
    await device.close();
  });
});
