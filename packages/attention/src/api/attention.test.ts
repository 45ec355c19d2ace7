import { expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { blockMask, preparedFor } from "./block-mask.ts";
import { compile } from "./compile.ts";
import { constant, maskMod, scoreMod } from "./mods.ts";
import { chooseDevice, openDevice } from "./open-device.ts";

/** Seeded, in [-1, 1]. */
function noise(seed: number, ...shape: number[]): Tensor {
  const length = shape.reduce((product, n) => product * n, 1);
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return state / 2 ** 31;
  };
  return new Tensor(Float32Array.from({ length }, next), shape);
}

const qkv = (M: number, N: number): [Tensor, Tensor, Tensor] => [
  noise(1, 1, 2, M, 16),
  noise(2, 1, 2, N, 16),
  noise(3, 1, 2, N, 16),
];

const windowOf = (width: number) =>
  maskMod(
    { width },
    ({ width }) =>
      ({ q, kv }) =>
        q >= kv && q - kv <= width,
  );

const largestDifference = (a: Tensor, b: Tensor): number =>
  Math.max(...Array.from(a.data, (x, at) => Math.abs(x - Number(b.data[at]))));

test("a new length, scale, batch or captured number compiles nothing", async () => {
  await using device = await openDevice("wasm");
  const call = (M: number, N: number, width: number, options = {}) =>
    attention(...qkv(M, N), { mask: windowOf(width), device, ...options });
  await call(40, 40, 8);
  expect(device.compilations).toBe(1);
  await call(70, 133, 8);
  await call(40, 40, 9, { scale: 0.5, queryOffset: 3, kvLength: 20 });
  expect(device.compilations).toBe(1);
});

test("a captured number that stops being an integer is one more compilation", async () => {
  await using device = await openDevice("wasm");
  for (const width of [8, 8.5, 9, 9.5]) {
    await attention(...qkv(40, 40), { mask: windowOf(width), device });
  }
  expect(device.compilations).toBe(2);
});

test("a constant is part of the kernel", async () => {
  await using device = await openDevice("wasm");
  for (const width of [8, 9]) {
    const mask = maskMod(
      { width: constant(width) },
      ({ width }) =>
        ({ q, kv }) =>
          q - kv <= width,
    );
    await attention(...qkv(40, 40), { mask, device });
  }
  expect(device.compilations).toBe(2);
});

test("changed elements of a captured tensor are seen by the next call", async () => {
  await using device = await openDevice("wasm");
  const slopes = new Float32Array([0, 0]);
  const alibi = scoreMod(
    { slopes },
    ({ slopes }) =>
      (score, { h, q, kv }) =>
        score + slopes[h] * (kv - q),
  );
  const before = await attention(...qkv(20, 20), { score: alibi, device });
  slopes.fill(0.5);
  const after = await attention(...qkv(20, 20), { score: alibi, device });
  const expected = await attention(...qkv(20, 20), { score: alibi, device: "reference" });
  expect(largestDifference(before, expected)).toBeGreaterThan(0.01);
  expect(largestDifference(after, expected)).toBeLessThan(1e-5);
  expect(device.compilations).toBe(1);
});

test("a prepared mask gives the bits of the mask itself", async () => {
  const mask = windowOf(5);
  const prepared = blockMask(mask, { M: 100, N: 100, blockSize: 64 });
  const [a, b] = await Promise.all([
    attention(...qkv(100, 100), { mask: prepared }),
    attention(...qkv(100, 100), { mask, blockSize: 64 }),
  ]);
  expect(a.data).toEqual(b.data);
});

test("a cropped mask decodes like the mask itself", async () => {
  const mask = windowOf(20);
  const last = blockMask(mask, { M: 100, N: 100 }).crop({ first: 99, M: 1 });
  const [, key, value] = qkv(1, 100);
  const query = noise(4, 1, 2, 1, 16);
  const a = await attention(query, key, value, { mask: last, queryOffset: 99 });
  const b = await attention(query, key, value, { mask, queryOffset: 99 });
  expect(a.data).toEqual(b.data);
});

test("a background device computes in a worker", async () => {
  await using device = await openDevice("wasm", { background: true });
  const out = await attention(...qkv(60, 60), { device });
  expect(out.data).toEqual((await attention(...qkv(60, 60))).data);
});

test("a mask without captured tensors is built once for the same lengths", () => {
  const shape = { B: 1, Hq: 2, M: 64, N: 64, blockQ: 64, blockKv: 64 };
  const at = (offset: number) => ({
    ...shape,
    queryOffset: Int32Array.of(offset),
    kvLength: Int32Array.of(64),
  });
  const plain = windowOf(3);
  expect(preparedFor(plain, at(0))).toBe(preparedFor(plain, at(0)));
  expect(preparedFor(plain, at(0))).not.toBe(preparedFor(plain, at(1)));
  const ids = maskMod(
    { ids: new Int32Array(64) },
    ({ ids }) =>
      ({ q, kv }) =>
        ids[q] === ids[kv],
  );
  expect(preparedFor(ids, at(0))).not.toBe(preparedFor(ids, at(0)));
});

test("a captured number that is replaced in the captures is seen by the next call", async () => {
  const captures = { width: 4 };
  const mask = maskMod(
    captures,
    ({ width }) =>
      ({ q, kv }) =>
        q >= kv && q - kv <= width,
  );
  const narrow = await attention(...qkv(60, 60), { mask });
  captures.width = 40;
  const wide = await attention(...qkv(60, 60), { mask });
  const expected = await attention(...qkv(60, 60), { mask: windowOf(40), device: "reference" });
  expect(largestDifference(narrow, expected)).toBeGreaterThan(0.01);
  expect(largestDifference(wide, expected)).toBeLessThan(1e-5);
});

test("a compiled variant shows its graph, its source and its tile, and runs any length", async () => {
  await using device = await openDevice("wasm");
  const compiled = await compile({ D: 16, mask: windowOf(8), device });
  expect(compiled.ir).toMatch(/^mask\nuniform width: i32\n/);
  expect(compiled.source).toContain("(module");
  expect(Object.keys(compiled.tile).length).toBeGreaterThan(0);
  const { out, lse } = await compiled.run(...qkv(90, 90), { returnLse: true });
  const expected = await attention(...qkv(90, 90), {
    mask: windowOf(8),
    device: "reference",
    returnLse: true,
  });
  expect(largestDifference(out, expected.out)).toBeLessThan(1e-5);
  expect(lse?.shape).toEqual([1, 2, 90]);
  expect(device.compilations).toBe(1);
});

test("one batch of keys serves every batch of queries", async () => {
  const [query, key, value] = [
    noise(1, 3, 2, 9, 16),
    noise(2, 1, 2, 30, 16),
    noise(3, 1, 2, 30, 16),
  ];
  const out = await attention(query, key, value);
  const expected = await attention(query, key, value, { device: "reference" });
  expect(largestDifference(out, expected)).toBeLessThan(1e-5);
});

test("an aborted call rejects with the signal's reason", async () => {
  const reason = new Error("no longer wanted");
  const call = attention(...qkv(9, 9), { signal: AbortSignal.abort(reason) });
  await expect(call).rejects.toBe(reason);
});

test("auto says what it took", async () => {
  const { device, considered } = await chooseDevice();
  await using _ = device;
  const taken = considered.at(-1);
  expect(taken?.target).toBe(device.target);
  expect(taken?.verdict).toMatch(/^taken/);
  expect(taken?.verdict).toContain(device.name);
});
