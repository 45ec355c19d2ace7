import { expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { blockMask } from "./block-mask.ts";
import { compile } from "./compile.ts";
import { maskMod } from "./mods.ts";
import { openDevice } from "./open-device.ts";

const [B, H, M, N, D] = [2, 2, 9, 40, 4];

function waves(shape: readonly number[], pace: number): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return new Tensor(
    Float32Array.from({ length: size }, (_, n) => Math.sin(n * pace)),
    shape,
  );
}

const tensors = [
  waves([B, H, M, D], 0.3),
  waves([B, H, N, D], 0.7),
  waves([B, H, N, D], 1.1),
] as const;
const causal = maskMod(({ q, kv }) => q >= kv);

/** What a caller may hand over and keep hold of; everything can be changed. */
const optionsOf = () => ({
  scale: 0.5,
  queryOffset: Int32Array.of(20, 11),
  kvLength: [30, 25],
  sinks: Float32Array.of(0.5, -1),
  returnLse: true,
  returnMax: true,
});

type Options = ReturnType<typeof optionsOf>;

const changes: readonly (readonly [name: string, change: (options: Options) => void])[] = [
  ["scale", (options) => (options.scale = 3)],
  ["queryOffset", ({ queryOffset }) => queryOffset.fill(2)],
  ["kvLength", ({ kvLength }) => kvLength.fill(3)],
  ["sinks", ({ sinks }) => sinks.fill(9)],
  ["returnLse", (options) => (options.returnLse = false)],
  ["returnMax", (options) => (options.returnMax = false)],
];

test.each(changes)(
  "%s belongs to the caller again once a call has been made",
  async (_, change) => {
    await using device = await openDevice("wasm");
    const wanted = await attention(...tensors, { ...optionsOf(), mask: causal, device });
    const compiled = await compile({ D, mask: causal, device });
    const runs = [
      (options: Options) => attention(...tensors, Object.assign(options, { mask: causal, device })),
      (options: Options) => compiled.run(...tensors, options),
    ];
    for (const run of runs) {
      const options = optionsOf();
      const call = run(options);
      change(options);
      expect(await call).toEqual(wanted);
    }
  },
);

test("a list of sinks and a tensor of them are read at the call", async () => {
  const wanted = await attention(...tensors, { sinks: [1, 2] });
  const list = [1, 2];
  const data = Float32Array.of(1, 2);
  const calls = [
    attention(...tensors, { sinks: list }),
    attention(...tensors, { sinks: new Tensor(data, [H]) }),
  ];
  list.fill(7);
  data.fill(7);
  for (const call of calls) expect(await call).toEqual(wanted);
});

test("block sizes, and the lengths and offsets of a block mask, are read when they are given", async () => {
  const options = {
    B,
    M,
    N,
    blockSize: [8, 16] as [number, number],
    queryOffset: [20, 11],
    kvLength: Int32Array.of(30, 25),
  };
  const at = { queryOffset: [20, 11], kvLength: [30, 25] };
  const wanted = await attention(...tensors, { mask: causal, blockSize: [8, 16], ...at });
  const prepared = blockMask(causal, options);
  const compiling = compile({ D, mask: causal, blockSize: options.blockSize });
  const call = attention(...tensors, { mask: causal, blockSize: options.blockSize, ...at });
  options.queryOffset.fill(0);
  options.kvLength.fill(1);
  options.blockSize.fill(7);
  expect(await attention(...tensors, { mask: prepared, ...at })).toEqual(wanted);
  expect(await call).toEqual(wanted);
  expect(await (await compiling).run(...tensors, at)).toEqual(wanted);
});
