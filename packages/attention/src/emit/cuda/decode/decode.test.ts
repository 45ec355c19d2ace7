import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FloatType } from "../../../tensor.ts";
import { gallery } from "../../../variants/gallery.ts";
import { compileWithNvcc, nvccProblem, specOf } from "../test-nvcc.ts";
import { decodePlan, partialFloats, splitCount, splitting, STEP_KEYS, TILE_ROWS } from "./abi.ts";
import { emitDecode } from "./decode.ts";
import { decodeMemory, decodeTile } from "./tile.ts";

const target = { arch: "sm_90a", fastMath: true, standalone: false } as const;
const isFull = process.env["VIGIL_TEST"] === "full";
const sizes = [1, 3, 8, 17, 64, 80, 96, 128, 129, 192, 256, 257, 300, 511, 512];

test.each(["bf16", "f16", "f32"] as const)(
  "every head size of %s fits a block, with copies in flight",
  (dtype) => {
    for (const D of sizes) {
      for (const Dv of sizes) {
        const spec = specOf(null, { schedule: "decode", D, Dv, dtype });
        const older = decodeTile(spec, "sm_80");
        expect(decodeMemory(spec, older).total).toBeLessThanOrEqual(99 * 1024);
        const tile = decodeTile(spec, "sm_90a");
        // Two blocks to a multiprocessor, with the kilobyte that each is charged for.
        expect(decodeMemory(spec, tile).total + 1024).toBeLessThanOrEqual((228 * 1024) / 2);
        if (dtype !== "f32" || Math.max(D, Dv) <= 256)
          expect(tile.stages).toBeGreaterThanOrEqual(2);
      }
    }
  },
);

test("the steps of a split are bits of one word, and splits cover every key once", () => {
  for (const D of sizes) {
    const cut = splitting(specOf(null, { schedule: "decode", D, Dv: D, dtype: "bf16" }));
    expect(cut.keys % STEP_KEYS).toBe(0);
    expect((2 * cut.keys) / STEP_KEYS).toBeLessThanOrEqual(64);
    const start = (n: number): number => (n < cut.short ? n : 2 * n - cut.short) * cut.keys;
    for (const length of [1, 511, 512, 513, 4096, 4097, 5120, 5121, 100_000]) {
      const count = splitCount(cut, length);
      expect(start(count)).toBeGreaterThanOrEqual(length);
      expect(start(count - 1)).toBeLessThan(length);
    }
  }
});

test("each batch element has as many blocks as alone with the longest keys, and room for their results", () => {
  const lengths = {
    B: fc.integer({ min: 1, max: 9 }),
    Hkv: fc.integer({ min: 1, max: 9 }),
    group: fc.integer({ min: 1, max: 70 }),
    M: fc.integer({ min: 1, max: 6 }),
    longest: fc.nat(200_000),
  };
  const spec = specOf(null, { schedule: "decode", D: 128, Dv: 80, dtype: "bf16" });
  fc.assert(
    fc.property(fc.record(lengths), ({ B, Hkv, group, M, longest }) => {
      const shape = { B, Hkv, Hq: Hkv * group, M };
      const plan = decodePlan(spec, shape, longest);
      const alone = decodePlan(spec, { ...shape, B: 1 }, longest);
      expect(plan.itemCount).toBe(B * alone.itemCount);
      const splits = plan.itemCount / (B * Hkv * Math.ceil((group * M) / TILE_ROWS));
      expect(splits).toBe(Math.max(splitCount(splitting(spec), longest), 1));
      expect(plan.partialBytes).toBe(B * Hkv * group * M * splits * partialFloats(spec) * 4);
      expect(plan.combineCount).toBe(B * Hkv * group * M);
    }),
  );
});

test("the smallest text", async () => {
  const spec = specOf(null, { schedule: "decode", D: 16, Dv: 16, dtype: "bf16" });
  await expect(emitDecode(spec, target).text).toMatchFileSnapshot("./__snapshots__/plain-d16.cu");
});

describe.skipIf(nvccProblem !== null)(`nvcc compiles${nvccProblem ?? ""}`, () => {
  const usual: readonly (readonly [string | null, number, number, FloatType])[] = [
    ["causal", 128, 128, "bf16"],
  ];
  const all: typeof usual = [
    ...gallery.map(({ name }) => [name, 64, 64, "f16"] as const),
    ...sizes.map((D) => ["alibi", D, D, "bf16"] as const),
    ...sizes.map((D) => ["alibi", D, D, "f32"] as const),
  ];
  test.each(isFull ? [...usual, ...all] : usual)(
    "%s, D %i, Dv %i, %s, without spills up to D 256, two blocks to a multiprocessor",
    (variant, D, Dv, dtype) => {
      const spec = specOf(variant, { schedule: "decode", D, Dv, dtype });
      const { text, entries } = emitDecode(spec, target);
      const usage = compileWithNvcc(text, target.arch).toSorted((a, b) =>
        a.name < b.name ? 1 : -1,
      );
      expect(usage.map(({ name }) => name)).toEqual(entries.map(({ name }) => name));
      if (Math.max(D, Dv) > 256) return;
      for (const { spills } of usage) expect(spills).toBe(0);
      for (const [at, { registers }] of usage.entries()) {
        expect(registers * (entries[at]?.threads ?? Infinity) * 2).toBeLessThanOrEqual(65_536);
      }
    },
    120_000,
  );

  test("copies in boxes, too", () => {
    const spec = specOf("causal", { schedule: "decode", D: 128, Dv: 64, dtype: "f16" });
    const { text, maps } = emitDecode(spec, target, "boxes");
    expect(maps.map(({ tensor, columns }) => [tensor, columns])).toEqual([
      ["key", 128],
      ["value", 64],
    ]);
    for (const { spills } of compileWithNvcc(text, target.arch)) expect(spills).toBe(0);
  }, 120_000);
});
