import { describe, expect, test } from "vitest";
import { compileWithNvcc, nvccProblem, specOf } from "../test-nvcc.ts";
import { gallery } from "../../../variants/gallery.ts";
import type { FloatType } from "../../../tensor.ts";
import { emitGeneric } from "./generic.ts";
import { genericTile, sharedBytes } from "./tile.ts";

const target = { arch: "sm_80", fastMath: true, standalone: false } as const;
const isFull = process.env["VIGIL_TEST"] === "full";

/** The most shared memory that every GPU from sm_80 on gives one block. */
const SHARED = 99 * 1024;

const sizes = [1, 3, 8, 17, 64, 80, 96, 128, 129, 192, 256, 257, 300, 511, 512];

test.each(["bf16", "f16", "f32"] as const)(
  "every head size of %s fits a block of every GPU",
  (dtype) => {
    for (const D of sizes) {
      for (const Dv of sizes) {
        const spec = specOf(null, { schedule: "forward", D, Dv, dtype });
        const tile = genericTile(spec);
        expect(sharedBytes(spec, tile)).toBeLessThanOrEqual(SHARED);
        // Products take whole fragments.
        expect(tile.chunk % 16).toBe(0);
        if (dtype !== "f32") expect(tile.keys % 16).toBe(0);
      }
    }
  },
);

test("captured values are no part of the text", () => {
  const rest = { schedule: "forward", D: 64, Dv: 64, dtype: "f16" } as const;
  for (const { name } of gallery) {
    const [one, other] = [1, 2].map((seed) => emitGeneric(specOf(name, rest, seed), target).text);
    expect(one).toBe(other);
  }
});

test("the smallest text", async () => {
  const spec = specOf(null, { schedule: "forward", D: 16, Dv: 16, dtype: "bf16" });
  await expect(emitGeneric(spec, target).text).toMatchFileSnapshot("./__snapshots__/plain-d16.cu");
});

describe.skipIf(nvccProblem !== null)(`nvcc compiles${nvccProblem ?? ""}`, () => {
  const usual: readonly (readonly [string | null, number, number, FloatType])[] = [
    ["causal", 64, 64, "bf16"],
    [null, 17, 80, "f32"],
  ];
  const all: typeof usual = [
    ...gallery.map(({ name }) => [name, 80, 80, "f16"] as const),
    ...sizes.map((D) => ["alibi", D, D, "bf16"] as const),
    ...sizes.map((D) => ["alibi", D, D, "f32"] as const),
    [null, 512, 3, "bf16"],
    [null, 3, 512, "bf16"],
  ];
  test.each(isFull ? [...usual, ...all] : usual)(
    "%s, D %i, Dv %i, %s, without spills up to D 256",
    (variant, D, Dv, dtype) => {
      const spec = specOf(variant, { schedule: "forward", D, Dv, dtype });
      const usage = compileWithNvcc(emitGeneric(spec, target).text, target.arch);
      expect(usage.map(({ name }) => name)).toEqual(["attention"]);
      if (Math.max(D, Dv) <= 256) expect(usage).toMatchObject([{ spills: 0 }]);
    },
    120_000,
  );
});
