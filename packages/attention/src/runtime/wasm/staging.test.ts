/** Tensors in and out: what storage and layout may change, and what they may not. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { causal } from "../../mask/test-masks.ts";
import { elementsOf, roundTo } from "../../reference/formats.ts";
import { type FloatType, Tensor, type TensorData } from "../../tensor.ts";
import type { Layout } from "../../testing/inputs.ts";
import type { Device } from "../device.ts";
import { openWasm } from "./open.ts";
import { bitsOf, type LaunchOptions, runOn, type TestLaunch, testLaunch } from "./test-launches.ts";

let devices: readonly Device[];
beforeAll(async () => {
  devices = [await openWasm(), await openWasm({ threads: 2, stagingBytes: 2 ** 14 })];
});
afterAll(async () => {
  for (const device of devices) await device.close();
});

const dtypes: readonly FloatType[] = ["f32", "f16", "bf16"];
const layouts: readonly Layout[] = ["interleaved", "padded", "columns", "shared"];
const options: LaunchOptions = {
  mask: causal(),
  B: 2,
  Hkv: 2,
  Hq: 4,
  M: 70,
  N: 131,
  D: 20,
  Dv: 67,
};

/** The same elements, row-major, as f32. */
const dense = (tensor: Tensor): Tensor =>
  new Tensor(Float32Array.from(elementsOf(tensor)), tensor.shape);

function densely({ spec, launch }: TestLaunch): TestLaunch {
  const { query, key, value } = launch;
  const inputs = { query: dense(query), key: dense(key), value: dense(value) };
  return { spec: { ...spec, dtype: "f32" }, launch: { ...launch, ...inputs } };
}

for (const dtype of dtypes) {
  test.for(layouts)(
    `${dtype}, %s: the bits of the same numbers in dense f32, rounded once`,
    async (layout) => {
      for (const M of [70, 2]) {
        const launch = testLaunch({ ...options, dtype, layout, M });
        for (const device of devices) {
          const [mine, theirs] = [
            await runOn(device, launch),
            await runOn(device, densely(launch)),
          ];
          const rounded = elementsOf(theirs.out).map((value) => roundTo(dtype, value));
          expect(elementsOf(mine.out)).toEqual(rounded);
          expect(bitsOf(mine).slice(1)).toEqual(bitsOf(theirs).slice(1));
        }
      }
    },
  );
}

/** Where a caller may want [B, Hq, M, Dv] written: axes in another order, an offset, gaps. */
const places = {
  dense: { strides: [4 * 70 * 67, 70 * 67, 67, 1], offset: 0 },
  interleaved: { strides: [70 * 4 * 67, 67, 4 * 67, 1], offset: 3 },
  padded: { strides: [4 * 70 * 80, 70 * 80, 80, 1], offset: 7 },
  columns: { strides: [4 * 70 * 67, 70 * 67, 1, 70], offset: 0 },
} as const;

const arrays: { readonly [K in FloatType]: (length: number) => TensorData } = {
  f32: (length) => new Float32Array(length),
  f16: (length) => new Uint16Array(length),
  bf16: (length) => new Uint16Array(length),
};

for (const dtype of dtypes) {
  test.for(Object.entries(places))(
    `${dtype}: the caller's own output, %s, gets every element and nothing beside them`,
    async ([, place]) => {
      for (const device of devices) {
        const fresh = await runOn(device, testLaunch({ ...options, dtype }));
        const data = arrays[dtype](2 * 4 * 70 * 80 + 7).fill(77);
        const out = new Tensor(data, [2, 4, 70, 67], { dtype, ...place });
        const result = await runOn(device, testLaunch({ ...options, dtype, out }));
        expect(result.out).toBe(out);
        expect(elementsOf(out)).toEqual(elementsOf(fresh.out));
        const written = new Set<number>();
        const numbered = new Tensor(Int32Array.from(data.keys()), out.shape, place);
        for (const at of elementsOf(numbered)) written.add(at);
        const left = [...data].filter((value, at) => !written.has(at) && value !== 77);
        expect(left).toEqual([]);
      }
    },
  );
}

test("inputs are never written to", async () => {
  for (const dtype of dtypes) {
    for (const layout of layouts) {
      const launch = testLaunch({ ...options, dtype, layout });
      const { query, key, value } = launch.launch;
      const before = [query, key, value].map(({ data }) => new Uint8Array(data.buffer.slice(0)));
      for (const device of devices) await runOn(device, launch);
      expect([query, key, value].map(({ data }) => new Uint8Array(data.buffer))).toEqual(before);
    }
  }
});

test("f16 comes back as it came: a Float16Array, or raw bits", async () => {
  const [device] = devices;
  if (device === undefined) throw new Error("no device");
  const { spec, launch } = testLaunch({ ...options, dtype: "f16" });
  const raw = (tensor: Tensor): Tensor => {
    const { data, shape, strides, offset } = tensor;
    const bits = new Uint16Array(data.buffer);
    return new Tensor(bits, shape, { dtype: "f16", strides, offset });
  };
  const { query, key, value } = launch;
  const inputs = { query: raw(query), key: raw(key), value: raw(value) };
  const bits = await runOn(device, { spec, launch: { ...launch, ...inputs } });
  expect(bits.out.data).toBeInstanceOf(Uint16Array);
  const same = await runOn(device, { spec, launch });
  if (typeof Float16Array === "function") expect(same.out.data).toBeInstanceOf(Float16Array);
  expect(elementsOf(same.out)).toEqual(elementsOf(bits.out));
});

test("tensors may lie in shared memory", async () => {
  const { spec, launch } = testLaunch(options);
  const shared = ({ data, shape }: Tensor): Tensor => {
    const copy = new Float32Array(new SharedArrayBuffer(data.byteLength));
    copy.set(data);
    return new Tensor(copy, shape);
  };
  const { query, key, value } = launch;
  const inputs = { query: shared(query), key: shared(key), value: shared(value) };
  for (const device of devices) {
    const expected = bitsOf(await runOn(device, { spec, launch }));
    expect(bitsOf(await runOn(device, { spec, launch: { ...launch, ...inputs } }))).toEqual(
      expected,
    );
  }
});

test("lse and max are computed where they are wanted, and change nothing else", async () => {
  const [device] = devices;
  if (device === undefined) throw new Error("no device");
  const all = await runOn(device, testLaunch(options));
  for (const lse of [false, true]) {
    for (const max of [false, true]) {
      const some = await runOn(device, testLaunch({ ...options, want: { lse, max } }));
      const [out, lseBits, maxBits] = bitsOf(all);
      expect(bitsOf(some)).toEqual([out, lse ? lseBits : null, max ? maxBits : null]);
    }
  }
});
