import { describe, expect, test } from "vitest";
import type { FloatType } from "../../../tensor.ts";
import { gallery } from "../../../variants/gallery.ts";
import { paramsLayout } from "../abi.ts";
import { emitKernel } from "../kernel.ts";
import { compileWithNvcc, nvccProblem, specOf } from "../test-nvcc.ts";
import { emitHopper } from "./hopper.ts";
import { hopperTile, sharedLayout } from "./tile.ts";

const target = { arch: "sm_90a", fastMath: true, standalone: false } as const;
const isFull = process.env["VIGIL_TEST"] === "full";

/** The most shared memory that a block can have on Hopper. */
const SHARED = 227 * 1024;

const sizes = [32, 64, 96, 128, 160, 192, 224, 256];

const forward = (D: number, Dv: number, dtype: FloatType = "bf16") =>
  ({ schedule: "forward", D, Dv, dtype }) as const;

test("every pair of head sizes fits a block, in copies and steps that the hardware takes", () => {
  for (const variant of [null, "causal", "soft-cap", "document"]) {
    for (const D of sizes) {
      for (const Dv of sizes) {
        const spec = specOf(variant, forward(D, Dv));
        const tile = hopperTile(spec);
        expect(sharedLayout(spec, tile).total).toBeLessThanOrEqual(SHARED);
        // Weights of 16 keys are one operand; a tile is whole patterns of the swizzle.
        expect(tile.keys % 16).toBe(0);
        const { maps, entries } = emitHopper(spec, target);
        for (const map of maps) {
          expect(map.boxRows).toBeLessThanOrEqual(256);
          expect(map.columns % map.boxColumns).toBe(0);
          expect(map.boxColumns * 2).toBe(map.swizzle);
        }
        expect(entries[0]?.threads).toBe(128 * (tile.groups + 1));
        // All registers of a multiprocessor, shared out among its threads.
        const { groups, producerRegisters, consumerRegisters } = tile;
        expect(128 * (producerRegisters + groups * consumerRegisters)).toBeLessThanOrEqual(65_536);
      }
    }
  }
});

test("fields of the parameters lie at multiples of their size, none over another", () => {
  const { fields, bytes } = paramsLayout(specOf("graphormer", forward(64, 64)));
  let end = 0;
  for (const { offset, type } of fields) {
    const size = type === "pointer" || type === "i64" ? 8 : 4;
    expect(offset % size).toBe(0);
    expect(offset).toBeGreaterThanOrEqual(end);
    end = offset + size;
  }
  expect(bytes).toBeGreaterThanOrEqual(end);
  // What a kernel takes at least, everywhere.
  expect(bytes + 3 * 128).toBeLessThanOrEqual(4096);
});

test("captured values are no part of the text", () => {
  for (const { name } of gallery) {
    const [one, other] = [1, 2].map(
      (seed) => emitHopper(specOf(name, forward(64, 64), seed), target).text,
    );
    expect(one).toBe(other);
  }
});

test("other head sizes, f32 and older GPUs get the generic kernel", () => {
  const templateOf = (D: number, dtype: FloatType, arch: "sm_90a" | "sm_80" = "sm_90a"): string =>
    emitKernel(specOf(null, forward(D, D, dtype)), { ...target, arch }).template;
  expect(templateOf(64, "bf16")).toBe("hopper");
  expect(templateOf(96, "f16")).toBe("hopper");
  expect(templateOf(80, "bf16")).toBe("generic");
  expect(templateOf(288, "bf16")).toBe("generic");
  expect(templateOf(64, "f32")).toBe("generic");
  expect(templateOf(64, "bf16", "sm_80")).toBe("generic");
});

test("approximations are said, and left out on request", () => {
  const spec = specOf("soft-cap", forward(64, 64));
  const [fast, exact] = [true, false].map((fastMath) => emitHopper(spec, { ...target, fastMath }));
  expect(fast?.text).toContain("tanh.approx");
  expect(fast?.approximate).toBe(true);
  expect(exact?.text).not.toContain("tanh.approx");
  expect(exact?.approximate).toBe(false);
});

test("the smallest text", async () => {
  const text = emitHopper(specOf(null, forward(32, 32)), target).text;
  await expect(text).toMatchFileSnapshot("./__snapshots__/plain-d32.cu");
});

test("a standalone text says how it is compiled and launched", () => {
  const spec = specOf("causal", forward(128, 128));
  const { text } = emitKernel(spec, { ...target, standalone: true });
  const comment = text.slice(0, text.indexOf("\n\n"));
  expect(comment).toMatchInlineSnapshot(`
    "// nvcc -std=c++17 -gencode=arch=compute_90a,code=sm_90a -cubin -o kernel.cubin kernel.cu
    //
    // Launch (cuLaunchKernel), in this order:
    //   attentionForward: 384 threads, 197632 bytes of dynamic shared memory; as many blocks as multiprocessors, and no more than params.itemCount
    // First one CUtensorMap each, rank 5 (element strides of dimensions 1 to 4: row, box, head, batch; zeros outside):
    //   query: {64, rows, 2, heads, batch}, box 64 x 128 x 2 x 1 x 1, 128-byte swizzle, 16-bit elements
    //   key: {64, rows, 2, heads, batch}, box 64 x 128 x 2 x 1 x 1, 128-byte swizzle, 16-bit elements
    //   value: {64, rows, 2, heads, batch}, box 64 x 128 x 2 x 1 x 1, 128-byte swizzle, 16-bit elements
    // Then Params by value, 288 bytes; addresses are 0 where something is absent. params.counter points to one int that is 0
    // before the first launch; kernels leave it 0.
    // params.items and params.spans list what tiles of 128 rows visit, in steps of 128 keys."
  `);
});

describe.skipIf(nvccProblem !== null)(`nvcc compiles${nvccProblem ?? ""}`, () => {
  const usual: readonly (readonly [string | null, number, number, FloatType])[] = [
    ["causal", 64, 64, "bf16"],
    ["alibi", 128, 128, "f16"],
    [null, 192, 128, "bf16"],
  ];
  const all: typeof usual = [
    ...gallery.flatMap(({ name }) => [64, 128].map((D) => [name, D, D, "bf16"] as const)),
    ...sizes.map((D) => ["causal", D, D, "f16"] as const),
    ...sizes.map((D) => ["alibi", D, 64, "bf16"] as const),
  ];
  test.each(isFull ? [...usual, ...all] : usual)(
    "%s, D %i, Dv %i, %s, without spills",
    (variant, D, Dv, dtype) => {
      const text = emitHopper(specOf(variant, forward(D, Dv, dtype)), target).text;
      for (const { spills } of compileWithNvcc(text, "sm_90a")) expect(spills).toBe(0);
    },
    120_000,
  );
});
