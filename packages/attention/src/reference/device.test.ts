import { describe, expect, test } from "vitest";
import { Builder } from "../ir/builder.ts";
import type { Expression } from "../ir/types.ts";
import { type BlockMask, FULL, PARTIAL } from "../mask/block-mask.ts";
import type { KernelSpec, Launch } from "../runtime/device.ts";
import { Tensor } from "../tensor.ts";
import { openReference } from "./device.ts";

const tensor = (shape: readonly number[], values: readonly number[]): Tensor =>
  new Tensor(Float32Array.from(values), shape);

/** `kv < 2` */
function firstTwo(): Expression {
  const g = new Builder();
  const root = g.make("lt", g.index("kv"), g.constant("i32", 2));
  return { kind: "mask", root, uniforms: [], tensors: [] };
}

const spec: KernelSpec = {
  schedule: "forward",
  score: null,
  mask: null,
  maskBits: false,
  D: 1,
  Dv: 1,
  dtype: "f32",
};

const keys = 24;

/** Two equal queries, 24 equal keys; value kv is 1 for even and 0 for odd keys. */
const launch: Launch = {
  shape: { B: 1, Hq: 1, Hkv: 1, M: 2, N: keys, D: 1, Dv: 1 },
  query: tensor([1, 1, 2, 1], [0, 0]),
  key: tensor([1, 1, keys, 1], Array(keys).fill(0)),
  value: tensor(
    [1, 1, keys, 1],
    Array.from({ length: keys }, (_, kv) => (kv + 1) % 2),
  ),
  scale: 1,
  queryOffset: Int32Array.of(100),
  kvLength: Int32Array.of(keys),
  blockMask: null,
  captures: { uniforms: new Map(), tensors: new Map() },
  sinks: null,
  want: { lse: true, max: true },
  out: null,
  signal: null,
};

const attended = (lse: Tensor | null): number[] =>
  [...(lse?.data ?? [])].map((natural) => Math.round(Math.exp(natural)));

/** Blocks of 8: the first full, the second partial as bits, the third empty. */
const bits = new Uint32Array(2);
const blockMask: BlockMask = {
  B: 1,
  H: 1,
  M: 2,
  N: keys,
  blockQ: 8,
  blockKv: 8,
  rows: 1,
  queryOffset: Int32Array.of(100),
  kvLength: Int32Array.of(keys),
  rowStart: Int32Array.of(0, 2),
  runs: Int32Array.of(0, 8, FULL, -1, 8, 16, PARTIAL, 0),
  bits,
};
bits[0] = 0b0000_0111_1000_0000; // query 0 attends to key 15, query 1 to keys 8, 9 and 10

describe("the reference device", () => {
  test("decides by the expression where there is one, whatever the blocks say", async () => {
    const kernel = await openReference().kernel({ ...spec, mask: firstTwo() });
    const { lse, out, max } = await kernel.run({
      ...launch,
      blockMask: { ...blockMask, bits: null },
    });
    expect(attended(lse)).toEqual([2, 2]);
    expect([...out.data]).toEqual([0.5, 0.5]);
    expect([...(max?.data ?? [])]).toEqual([0, 0]);
  });

  test("decides by runs and bits where the mask comes as bits", async () => {
    const kernel = await openReference().kernel({ ...spec, maskBits: true });
    const { lse, out } = await kernel.run({ ...launch, blockMask });
    expect(attended(lse)).toEqual([9, 11]);
    expect(out.data[0]).toBeCloseTo(4 / 9, 6);
    expect(out.data[1]).toBeCloseTo(6 / 11, 6);
  });

  test("writes into the caller's tensor, strides and dtype kept", async () => {
    const target = new Uint16Array(8);
    const out = new Tensor(target, [1, 1, 2, 1], {
      dtype: "bf16",
      strides: [8, 8, 4, 1],
      offset: 2,
    });
    const kernel = await openReference().kernel({ ...spec, dtype: "bf16" });
    const result = await kernel.run({ ...launch, out });
    expect(result.out).toBe(out);
    expect([...target]).toEqual([0, 0, 0x3f00, 0, 0, 0, 0x3f00, 0]);
  });

  test("leaves out what was not asked for", async () => {
    const kernel = await openReference().kernel(spec);
    const { lse, max } = await kernel.run({ ...launch, want: { lse: false, max: false } });
    expect([lse, max]).toEqual([null, null]);
  });

  test("counts one compilation for equal specs, and ends with the signal's reason", async () => {
    const device = openReference();
    const kernel = await device.kernel({ ...spec, mask: firstTwo() });
    expect(await device.kernel({ ...spec, mask: firstTwo() })).toBe(kernel);
    expect(device.compilations).toBe(1);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(kernel.run({ ...launch, signal })).rejects.toThrow("enough");
    await device.close();
    await device.close();
    await expect(device.kernel(spec)).rejects.toThrow(TypeError);
  });
});
