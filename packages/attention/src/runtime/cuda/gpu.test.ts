/** On a machine with an NVIDIA GPU: the conformance suite, and what a fake GPU cannot tell. Elsewhere these are skips. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attention } from "../../api/attention.ts";
import { compile } from "../../api/compile.ts";
import { UnsupportedError } from "../../errors.ts";
import { elementsOf } from "../../reference/formats.ts";
import { conforms } from "../../testing/conformance.ts";
import { makeInputs } from "../../testing/inputs.ts";
import { gallery } from "../../variants/gallery.ts";
import type { ResidentDevice } from "../device.ts";
import { openCuda } from "./open.ts";

let device: ResidentDevice | null = null;
let missing = "";
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vigil-gpu-"));
  device = await openCuda({ cacheFolder: folder }).catch((error: unknown) => {
    if (!(error instanceof UnsupportedError)) throw error;
    missing = `nvidia-gpu: ${error.reason}`;
    return null;
  });
});

afterAll(async () => {
  await device?.close();
  await rm(folder, { recursive: true, force: true });
});

const suite = process.env["VIGIL_TEST"] === "full" ? "full" : "pairwise";

test(
  "the GPU computes every case and keeps every law",
  { timeout: 1_200_000 },
  async ({ skip }) => {
    if (device === null) {
      skip(missing);
      return;
    }
    const { cases, failures } = await conforms(device, { suite });
    expect(failures).toEqual([]);
    expect(cases).toBeGreaterThan(suite === "full" ? 1_000 : 150);
  },
);

test(
  "approximations can be switched off, and then lse and max are as exact as f32",
  { timeout: 600_000 },
  async ({ skip }) => {
    if (device === null) {
      skip(missing);
      return;
    }
    await using exact = await openCuda({ cacheFolder: folder, exact: true });
    const only = ({ variant }: { readonly variant: string }): boolean =>
      /cap|activation/.test(variant);
    const { cases, failures } = await conforms(exact, { only });
    expect(failures).toEqual([]);
    expect(cases).toBeGreaterThan(3);
  },
);

test(
  "the whole gallery in one process: none compiles again for a new length",
  { timeout: 600_000 },
  async ({ skip }) => {
    if (device === null) {
      skip(missing);
      return;
    }
    await using own = await openCuda({ cacheFolder: folder });
    const run = async (M: number): Promise<void> => {
      for (const { make } of gallery) {
        const shape = { B: 1, Hq: 2, Hkv: 1, M, N: M, D: 64, Dv: 64 };
        const { query, key, value } = makeInputs(shape, {
          ...{ dtype: "bf16", layout: "dense", numbers: "normal", seed: 1 },
        });
        const out = await attention(query, key, value, { ...make(shape, 1), device: own });
        expect(elementsOf(out).every((element) => Number.isFinite(element))).toBe(true);
      }
    };
    await run(256);
    const { compilations } = own;
    await run(500);
    expect(own.compilations).toBe(compilations);
  },
);

test("from the disk, a kernel is there in less than 50 ms", async ({ skip }) => {
  if (device === null) {
    skip(missing);
    return;
  }
  const options = {
    D: 64,
    dtype: "bf16",
    mask: gallery[0]?.make({ B: 1, Hq: 1, Hkv: 1, M: 8, N: 8 }, 1).mask,
  } as const;
  const { mask, ...rest } = options;
  await compile({ ...rest, ...(mask && { mask }), device });
  await using again = await openCuda({ cacheFolder: folder });
  const start = performance.now();
  await compile({ ...rest, ...(mask && { mask }), device: again });
  expect(performance.now() - start).toBeLessThan(50);
});
