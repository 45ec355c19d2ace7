import { expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { compile } from "./compile.ts";
import { maskMod } from "./mods.ts";
import { openDevice } from "./open-device.ts";

const closed = "device: expected an open device, got a closed one; open another one";

const ones = (...shape: number[]): Tensor =>
  new Tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), shape);

const causal = maskMod(({ q, kv }) => q >= kv);
const [query, key, value] = [ones(1, 1, 24, 8), ones(1, 1, 24, 8), ones(1, 1, 24, 8)];

/** NaN at a key that most rows do not attend to: such a call asks for a second kernel after its first run. */
function spoilt(): Tensor {
  const tensor = ones(1, 1, 24, 8);
  tensor.data[20 * 8] = Number.NaN;
  return tensor;
}

test.each(["wasm", "reference"] as const)(
  "a call that has begun ends, whenever its %s device is closed; one that comes after is refused",
  async (name) => {
    // From the very first step of a call, while its kernel compiles, to the last kernel it asks for.
    for (let turns = 0; turns < 12; turns++) {
      const device = await openDevice(name);
      const call = attention(query, key, spoilt(), { mask: causal, device });
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      if (turns > 8) await new Promise((resolve) => setTimeout(resolve, turns - 9));
      const closing = device.close();
      await expect(attention(query, key, value, { device })).rejects.toThrow(closed);
      const { data } = await call;
      expect(Array.from(data.subarray(0, 20 * 8)).every((x) => Math.abs(x - 1) < 1e-6)).toBe(true);
      expect(data[20 * 8]).toBeNaN();
      await closing;
    }
  },
);

test("what is being compiled is compiled, and then refuses to run", async () => {
  const device = await openDevice("wasm");
  const compiling = compile({ D: 8, mask: causal, device });
  const closing = device.close();
  const compiled = await compiling;
  await closing;
  await expect(compiled.run(query, key, value)).rejects.toThrow(closed);
});

test("runs of a compiled variant that have begun end too", async () => {
  const device = await openDevice("wasm", { threads: 2 });
  const compiled = await compile({ D: 8, mask: causal, device });
  const runs = [1, 2, 3].map(() => compiled.run(query, key, spoilt()));
  await device.close();
  for (const { data } of await Promise.all(runs)) expect(data[0]).toBeCloseTo(1, 6);
});
