import { describe, expect, test } from "vitest";
import { and, maskMod, not, or, type MaskMod } from "../api/mods.ts";
import { traceMod } from "../trace/trace-mod.ts";
import { causal } from "../variants/causal.ts";
import { gallery } from "../variants/gallery.ts";
import { buildBlockMask } from "./build.ts";
import { denseMask } from "./dense.ts";
import { attendsOf, expectSameMask } from "./test-expect-mask.ts";
import { oracleBlockMask } from "./oracle.ts";
import { options, type Lengths } from "./test-masks.ts";

const shape = { B: 2, Hq: 4, Hkv: 2 };

const maskOf = (entry: (typeof gallery)[number], M: number, N: number): MaskMod | undefined =>
  entry.make({ ...shape, M, N }, 7).mask;

const optionsOf = (mask: MaskMod, lengths: Partial<Lengths> & Pick<Lengths, "M" | "N">) =>
  options(traceMod(mask), { B: shape.B, H: shape.Hq, ...lengths });

const masked = gallery.filter((entry) => maskOf(entry, 16, 16) !== undefined);

test("the gallery has masks", () => {
  expect(masked.length).toBeGreaterThan(15);
});

describe.each(masked.map((entry) => [entry.name, entry] as const))("%s", (_, entry) => {
  test.each([
    [300, 300, 64, 64],
    [257, 391, 128, 128],
    [400, 130, 256, 256],
    [200, 200, 128, 64],
    [45, 33, 8, 8],
  ] as const)(
    "%i queries x %i keys in blocks of %i x %i equal the oracle",
    (M, N, blockQ, blockKv) => {
      const mask = maskOf(entry, M, N);
      if (mask === undefined) throw new Error(`${entry.name} has no mask at ${M} x ${N}`);
      const built = optionsOf(mask, { M, N, blockQ, blockKv });
      expectSameMask(buildBlockMask(built), oracleBlockMask(built));
    },
  );

  test("with an offset and a key length per batch element equals the oracle", () => {
    const mask = maskOf(entry, 300, 300);
    if (mask === undefined) throw new Error(`${entry.name} has no mask`);
    const queryOffset = Int32Array.of(0, 213);
    const kvLength = Int32Array.of(150, 299);
    const built = optionsOf(mask, {
      M: 87,
      N: 300,
      blockQ: 64,
      blockKv: 64,
      queryOffset,
      kvLength,
    });
    expectSameMask(buildBlockMask(built), oracleBlockMask(built));
  });
});

describe("composed masks", () => {
  const lengths = { M: 200, N: 200, blockQ: 64, blockKv: 64 };
  const far = maskMod(
    { width: 31 },
    ({ width }) =>
      ({ q, kv }) =>
        q - kv > width,
  );
  const dense = (mask: MaskMod): Uint8Array => {
    const built = optionsOf(mask, lengths);
    return denseMask(buildBlockMask(built), attendsOf(built));
  };
  const [a, b] = [dense(causal), dense(far)];

  test.each<[string, MaskMod, (x: number, y: number) => number]>([
    ["and", and(causal, far), (x, y) => x & y],
    ["or", or(causal, far), (x, y) => x | y],
    ["not", not(causal), (x) => 1 - x],
    ["and of or and not", and(or(causal, far), not(far)), (x, y) => (x | y) & (1 - y)],
  ])("%s is composition of functions", (_, mask, combine) => {
    expect(dense(mask)).toEqual(a.map((x, at) => combine(x, b[at] ?? 0)));
    const built = optionsOf(mask, lengths);
    expectSameMask(buildBlockMask(built), oracleBlockMask(built));
  });
});
