import { expect, test } from "vitest";
import { contiguousStrides, Tensor } from "../../tensor.ts";
import { denseInput, denseOutput } from "./dense.ts";

const shape = [2, 3, 4, 5];
const counted = (): Float32Array => Float32Array.from({ length: 120 }, (_, at) => at);

/** The elements in order of their indices. */
const elements = ({ data, strides, offset }: Tensor): number[] => {
  const [sb = 0, sh = 0, sl = 0, sd = 0] = strides;
  return Array.from({ length: 120 }, (_, at) => {
    const [b, h, l, d] = [
      Math.floor(at / 60),
      Math.floor(at / 20) % 3,
      Math.floor(at / 5) % 4,
      at % 5,
    ];
    return Number(data[offset + b * sb + h * sh + l * sl + d * sd]);
  });
};

const columns = new Tensor(counted(), shape, { strides: [60, 20, 1, 4] });

test("a tensor whose rows lie together is read where it is", () => {
  for (const strides of [contiguousStrides(shape), [60, 5, 15, 1], [0, 20, 5, 1]]) {
    const tensor = new Tensor(counted(), shape, { strides });
    expect(denseInput(tensor)).toBe(tensor);
    expect(denseOutput(tensor).tensor).toBe(tensor);
  }
});

test("rows of one element have no stride", () => {
  const tensor = new Tensor(counted(), [2, 3, 4, 1], { strides: [12, 4, 1, 7] });
  expect(denseInput(tensor)).toBe(tensor);
});

test("elements that lie apart are gathered, and an output is delivered there", () => {
  const copy = denseInput(columns);
  expect(copy.strides).toEqual(contiguousStrides(shape));
  expect(elements(copy)).toEqual(elements(columns));
  const target = new Tensor(new Float32Array(120), shape, { strides: columns.strides });
  const { tensor, deliver } = denseOutput(target);
  counted().forEach((value, at) => (tensor.data[at] = value));
  deliver();
  expect(elements(target)).toEqual([...counted()]);
});

test("16-bit numbers are gathered as they are stored", () => {
  const data = Float16Array.from({ length: 120 }, (_, at) => at / 8);
  const copy = denseInput(new Tensor(data, shape, { strides: columns.strides }));
  expect(copy.dtype).toBe("f16");
  expect(new Float16Array(copy.data.buffer as ArrayBuffer)[1]).toBe(4 / 8);
});

test("memory that could shrink meanwhile is not read in place", () => {
  const buffer = new ArrayBuffer(480, { maxByteLength: 4800 });
  const tensor = new Tensor(new Float32Array(buffer), shape);
  tensor.data.set(counted());
  const copy = denseInput(tensor);
  expect(copy.data.buffer).not.toBe(buffer);
  expect(elements(copy)).toEqual([...counted()]);
});
