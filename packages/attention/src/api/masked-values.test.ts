import fc from "fast-check";
import { expect, test } from "vitest";
import { elementsOf } from "../reference/formats.ts";
import { type FloatType, Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { and, maskMod, scoreMod } from "./mods.ts";

/** Bits of 1, NaN, and the infinities. */
const bits: { readonly [K in FloatType]: readonly number[] } = {
  f32: [0x3f800000, 0x7fc00000, 0x7f800000, 0xff800000],
  f16: [0x3c00, 0x7e00, 0x7c00, 0xfc00],
  bf16: [0x3f80, 0x7fc0, 0x7f80, 0xff80],
};

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** A tensor of ones, and of what `special` says by element: 1 for NaN, 2 for Infinity, 3 for -Infinity. */
function tensorOf(
  dtype: FloatType,
  shape: readonly number[],
  special: ReadonlyMap<number, number> = new Map(),
): Tensor {
  const words = dtype === "f32" ? new Uint32Array(sizeOf(shape)) : new Uint16Array(sizeOf(shape));
  words.fill(bits[dtype][0] ?? 0);
  for (const [at, kind] of special) words[at] = bits[dtype][kind] ?? 0;
  const data = dtype === "f32" ? new Float32Array(words.buffer) : new Uint16Array(words.buffer);
  return new Tensor(data, shape, { dtype });
}

const causal = maskMod(({ q, kv }) => q >= kv);
const sparse = maskMod(({ h, q, kv }) => (q * 7 + kv * 3 + h) % 5 !== 0);
const drift = scoreMod((score, { q, kv }) => score + (kv - q) / 64);

/** Out of both devices, by element. */
async function bothOf(
  { query, key, value }: { query: Tensor; key: Tensor; value: Tensor },
  options: Parameters<typeof attention>[3],
): Promise<readonly (readonly number[])[]> {
  const run = (device: "wasm" | "reference"): Promise<unknown> =>
    attention(query, key, value, { ...options, device });
  const [ours, meant] = [await run("wasm"), await run("reference")];
  return [ours, meant].map((out) => Array.from(elementsOf(out as Tensor)));
}

const cases = fc.record({
  dtype: fc.constantFrom<FloatType>("f32", "f16", "bf16"),
  M: fc.constantFrom(1, 3, 40, 150),
  N: fc.constantFrom(40, 150),
  Hkv: fc.constantFrom(1, 2),
  Dv: fc.constantFrom(1, 5, 16),
  mask: fc.constantFrom(causal, sparse, and(causal, sparse)),
  score: fc.constantFrom(undefined, drift),
  special: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3 })), {
    minLength: 1,
    maxLength: 4,
  }),
});

test("NaN and infinities in values reach the rows that attend to their keys, and no others", async () => {
  const check = fc.asyncProperty(cases, async ({ dtype, M, N, Hkv, Dv, mask, score, special }) => {
    const shape = [2, Hkv, N, Dv];
    const at = new Map(special.map(([place, kind]) => [place % sizeOf(shape), kind]));
    const tensors = {
      query: tensorOf(dtype, [2, 2, M, 8]),
      key: tensorOf(dtype, [2, Hkv, N, 8]),
      value: tensorOf(dtype, shape, at),
    };
    const options = { mask, queryOffset: N - Math.min(M, N), ...(score && { score }) };
    const [ours = [], meant = []] = await bothOf(tensors, options);
    const wrong = ours.findIndex((x, i) =>
      Number.isFinite(meant[i]) ? !(Math.abs(x - (meant[i] ?? 0)) < 0.01) : !Object.is(x, meant[i]),
    );
    if (wrong >= 0) expect.fail(`element ${wrong}: ${ours[wrong]}, expected ${meant[wrong]}`);
  });
  await fc.assert(check, { numRuns: process.env["VIGIL_TEST"] === "full" ? 1_000 : 60 });
});

test("the caller's own output, and the maximum and sum, are those of the call", async () => {
  const value = tensorOf("f32", [1, 1, 40, 2], new Map([[70, 1]]));
  const [query, key] = [tensorOf("f32", [1, 1, 40, 8]), tensorOf("f32", [1, 1, 40, 8])];
  const out = new Tensor(new Float32Array(160), [1, 1, 40, 2], { strides: [0, 0, 2, 81] });
  const result = await attention(query, key, value, {
    mask: causal,
    sinks: [0],
    out,
    returnLse: true,
    returnMax: true,
  });
  const clean = await attention(query, key, tensorOf("f32", [1, 1, 40, 2]), {
    mask: causal,
    sinks: [0],
    returnLse: true,
    returnMax: true,
  });
  expect(result.out).toBe(out);
  expect(result.lse?.data).toEqual(clean.lse?.data);
  expect(result.max?.data).toEqual(clean.max?.data);
  const [got, whole] = [elementsOf(out), elementsOf(clean.out)];
  // Key 35, column 0.
  for (let row = 0; row < 40; row++) {
    expect(got[row * 2]).toBe(row < 35 ? whole[row * 2] : Number.NaN);
    expect(got[row * 2 + 1]).toBe(whole[row * 2 + 1]);
  }
});

test.each([1, 16, 130])(
  "a row of %i that is NaN for its scores stays NaN where it attends to an infinity too",
  async (M) => {
    const key = tensorOf("f32", [1, 1, 64, 16], new Map([[3 * 16, 1]]));
    const value = tensorOf("f32", [1, 1, 64, 16], new Map([[5 * 16, 2]]));
    const tensors = { query: tensorOf("f32", [1, 1, M, 16]), key, value };
    for (const first of [0, 4]) {
      const mask = maskMod(
        { first },
        ({ first }) =>
          ({ kv }) =>
            kv >= first && kv < 40,
      );
      const [ours = [], meant = []] = await bothOf(tensors, { mask });
      expect(ours).toEqual(meant);
      expect(ours[0]).toBe(first === 0 ? Number.NaN : Infinity);
    }
  },
);
