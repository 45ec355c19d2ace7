import { expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { blockMask } from "./block-mask.ts";

const shape = [1, 1, 8, 8];
const zeros = (): Tensor => new Tensor(new Float32Array(64), shape);

test("a tensor whose buffer was transferred is refused by name", async () => {
  const key = zeros();
  structuredClone(key.data.buffer, { transfer: [key.data.buffer] });
  await expect(attention(zeros(), key, zeros())).rejects.toThrow(
    "key: expected at least 64 elements in memory, got 0; its buffer was transferred or resized",
  );
  await expect(attention(zeros(), zeros(), zeros(), { out: key })).rejects.toThrow(/^out: /);
});

test("a tensor whose buffer has shrunk is refused by name", async () => {
  const buffer = new ArrayBuffer(256, { maxByteLength: 512 });
  const value = new Tensor(new Float32Array(buffer), shape);
  await attention(zeros(), zeros(), value);
  buffer.resize(128);
  await expect(attention(zeros(), zeros(), value)).rejects.toThrow(
    "value: expected at least 64 elements in memory, got 32",
  );
});

test("a length that no kernel can count to is refused with the largest one", () => {
  expect(() => blockMask(({ q, kv }) => q >= kv, { M: 2 ** 31, N: 1 })).toThrow(
    "M: expected an integer from 1 to 2147483647, got 2147483648",
  );
});
