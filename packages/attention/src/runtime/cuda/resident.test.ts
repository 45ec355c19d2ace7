/** Tensors that stay in GPU memory, through the public API, on a fake GPU. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attention } from "../../api/attention.ts";
import { compile } from "../../api/compile.ts";
import { DeviceTensor } from "../../device-tensor.ts";
import { openReference } from "../../reference/device.ts";
import { elementsOf } from "../../reference/formats.ts";
import { contiguousStrides, type FloatType, Tensor } from "../../tensor.ts";
import { emptyLike, makeInputs } from "../../testing/inputs.ts";
import { causal } from "../../variants/causal.ts";
import type { CudaDevice } from "./device.ts";
import type { FakeGpu } from "./test-fake-driver.ts";
import { openFake } from "./test-fake-kernels.ts";

const shape = { B: 2, Hq: 4, Hkv: 2, M: 6, N: 6, D: 32, Dv: 32 };
const inputsOf = (dtype: FloatType, seed = 9) =>
  makeInputs(shape, { dtype, layout: "dense", numbers: "normal", seed });

let device: CudaDevice;
let gpu: FakeGpu;
beforeAll(async () => {
  ({ device, gpu } = await openFake());
});
afterAll(() => device.close());

const uploaded = async (dtype: FloatType) => {
  const { query, key, value } = inputsOf(dtype);
  return {
    query: await device.upload(query),
    key: await device.upload(key),
    value: await device.upload(value),
  };
};

describe("in and out", () => {
  test.each(["f32", "f16", "bf16"] as const)(
    "%s: what was uploaded is read back bit for bit, also in another order",
    async (dtype) => {
      const { query } = inputsOf(dtype);
      using there = await device.upload(query);
      expect(there.shape).toEqual(query.shape);
      expect(elementsOf(await there.read())).toEqual(elementsOf(query));
      const turned = there.view([2, 6, 4, 32], [768, 32, 192, 1]);
      expect(elementsOf(await turned.read())).toEqual(elementsOf(query.transpose(1, 2)));
    },
  );

  test.each(["f32", "bf16"] as const)(
    "%s: a call on tensors that stay gives the bits of one on arrays, as tensors that stay",
    async (dtype) => {
      const inputs = inputsOf(dtype);
      const mine = await uploaded(dtype);
      const options = { mask: causal, returnLse: true, returnMax: true } as const;
      const there = await attention(mine.query, mine.key, mine.value, options);
      const here = await attention(inputs.query, inputs.key, inputs.value, { ...options, device });
      for (const name of ["out", "lse", "max"] as const) {
        expect(there[name]).toBeInstanceOf(DeviceTensor);
        const [a, b] = [await there[name]?.read(), here[name]];
        expect(a && elementsOf(a)).toEqual(b && elementsOf(b));
      }
    },
  );

  test("what kernels cannot read where it lies is copied on the GPU; so is what they cannot write", async () => {
    const inputs = inputsOf("bf16");
    const { key, value } = await uploaded("bf16");
    const columns = { ...inputs, query: inputs.query.transpose(2, 3) };
    // [B, H, D, M] in memory, seen as [B, H, M, D].
    using stored = await device.upload(columns.query);
    const query = stored.view([2, 4, 6, 32], [768, 192, 1, 6]);
    using place = device.empty([2, 4, 32, 6], "bf16");
    const out = place.view([2, 4, 6, 32], [768, 192, 1, 6]);
    const result = await attention(query, key, value, { mask: causal, out });
    expect(result).toBe(out);
    const expected = await attention(inputs.query, inputs.key, inputs.value, {
      mask: causal,
      device,
    });
    expect(elementsOf(await out.read())).toEqual(elementsOf(expected));
  });

  test("one key and value batch serves every query batch", async () => {
    const { query } = inputsOf("bf16");
    const one = makeInputs(
      { ...shape, B: 1 },
      { dtype: "bf16", layout: "dense", numbers: "normal", seed: 3 },
    );
    const [q, k, v] = [
      await device.upload(query),
      await device.upload(one.key),
      await device.upload(one.value),
    ];
    using out = await attention(q, k, v);
    const expected = await attention(query, one.key, one.value, { device });
    expect(elementsOf(await out.read())).toEqual(elementsOf(expected));
  });

  test("memory of somebody else is used where it lies, and handed back when it is freed", async () => {
    const inputs = inputsOf("f32");
    const address = gpu.memory.add(new ArrayBuffer(inputs.query.size * 4 + 64));
    const bytes = new Uint8Array(inputs.query.data.buffer as ArrayBuffer);
    gpu.memory.view(address + 64n, bytes.length).set(bytes);
    let released = 0;
    const { shape: lengths } = inputs.query;
    const query = device.wrap({
      ...{ memory: address, byteOffset: 64, dtype: "f32", shape: lengths },
      release: () => released++,
    });
    const { key, value } = await uploaded("f32");
    using out = await attention(query, key, value);
    const expected = await attention(inputs.query, inputs.key, inputs.value, { device });
    expect(elementsOf(await out.read())).toEqual(elementsOf(expected));
    query.free();
    query.free();
    expect(released).toBe(1);
    gpu.memory.remove(address);
  });

  test("freed memory is used again, and disposing frees", async () => {
    const before = device.memory.usedBlocks;
    {
      using one = device.empty([1000], "f32");
      expect(one.isFreed).toBe(false);
      expect(device.memory.usedBlocks).toBe(before + 1);
    }
    expect(device.memory.usedBlocks).toBe(before);
    const { reuses } = device.memory;
    device.empty([1000], "f32").free();
    expect(device.memory.reuses).toBe(reuses + 1);
  });
});

describe("mistakes", () => {
  test("tensors in different places are named with their places", async () => {
    const { query, key, value } = await uploaded("f32");
    const host = inputsOf("f32");
    const mixed = attention(query as DeviceTensor | Tensor, host.key, value, { device });
    await expect(mixed).rejects.toThrow(
      /query, key, value: expected tensors in one place, got query on cuda .*, key in an array.*upload/,
    );
    const out = emptyLike([2, 4, 6, 32], "f32");
    const elsewhere = attention<DeviceTensor | Tensor>(query, key, value, { out });
    await expect(elsewhere).rejects.toThrow(/out in an array/);
  });

  test("tensors of another device, or a device that has none", async () => {
    const { query, key, value } = await uploaded("f32");
    const other = await openFake();
    const theirs = await other.device.upload(inputsOf("f32").key);
    await expect(attention(query, theirs, value)).rejects.toThrow(TypeError);
    await expect(attention(query, key, value, { device: other.device })).rejects.toThrow(
      /device: expected the one that holds the tensors/,
    );
    const reference = openReference();
    await expect(attention(query, key, value, { device: reference })).rejects.toThrow(
      /got reference/,
    );
    await other.device.close();
  });

  test("a freed tensor, and a tensor that is written to while it is read", async () => {
    const { query, key, value } = await uploaded("f32");
    const out = attention(query, key, value, { out: query });
    await expect(out).rejects.toThrow(
      /out: expected memory of its own, got memory shared with query/,
    );
    const view = key.view(key.shape, key.strides);
    key.free();
    await expect(attention(query, key, value)).rejects.toThrow(/key: .*got a freed one/);
    await expect(attention(query, view, value)).rejects.toThrow(/key: .*got a freed one/);
    await expect(key.read()).rejects.toThrow(/a freed one/);
  });

  test("shapes, dtypes and memory are checked as for arrays", async () => {
    const { query, key } = await uploaded("f32");
    const half = await device.upload(inputsOf("f16").value);
    await expect(attention(query, key, half)).rejects.toThrow(/value\.dtype: expected f32/);
    const short = device.empty([2, 2, 5, 32], "f32");
    await expect(attention(query, key, short)).rejects.toThrow(/value's length \(axis 2\)/);
    const wrap = (parts: object) => (): unknown =>
      device.wrap({ memory: query.address, dtype: "f32", shape: [1], ...parts });
    expect(wrap({ memory: {} })).toThrow(/an address of memory of Fake GPU.*got an Object/);
    expect(wrap({ memory: 8n })).toThrow(/got 0x8; copy arrays there/);
    expect(wrap({ byteOffset: 2 })).toThrow(/byteOffset: expected a multiple of 4 bytes/);
    expect(wrap({ shape: [1, 2], strides: [1] })).toThrow(/strides: expected 2 of them/);
    const integers = new Tensor(new Int32Array(4), [4]);
    await expect(device.upload(integers)).rejects.toThrow(/f32, f16 or bf16, got one of i32/);
  });
});

test("a result is there before its call is waited for by a read, and launches queue without a wait", async () => {
  const slow = await openFake({ questions: 1000 });
  const inputs = inputsOf("bf16");
  const [q, k, v] = [
    await slow.device.upload(inputs.query),
    await slow.device.upload(inputs.key),
    await slow.device.upload(inputs.value),
  ];
  const kernel = await compile({ D: 32, dtype: "bf16", device: slow.device });
  const asked = slow.gpu.count("cuEventQuery");
  const outs = [await kernel.run(q, k, v), await kernel.run(q, k, v), await kernel.run(q, k, v)];
  expect(slow.gpu.count("cuEventQuery")).toBe(asked);
  expect(outs.map(({ strides }) => strides)).toEqual(
    outs.map(({ shape: lengths }) => contiguousStrides(lengths)),
  );
  await slow.device.close();
});

test("the same launch again asks the driver for the launch alone", async () => {
  const { query, key, value } = await uploaded("bf16");
  using out = device.empty([2, 4, 6, 32], "bf16");
  const run = () => attention(query, key, value, { mask: causal, out });
  await run();
  const before = gpu.calls.length;
  await run();
  // Few rows: the splits, and what combines them.
  expect(gpu.calls.slice(before)).toEqual(["cuCtxSetCurrent", "cuLaunchKernel", "cuLaunchKernel"]);
});
