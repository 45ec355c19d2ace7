import { describe, expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { blockMask } from "./block-mask.ts";
import { compile } from "./compile.ts";
import { maskMod, scoreMod } from "./mods.ts";
import { openDevice } from "./open-device.ts";

const zeros = (...shape: number[]): Tensor =>
  new Tensor(new Float32Array(shape.reduce((product, length) => product * length, 1)), shape);
const half = (...shape: number[]): Tensor =>
  new Tensor(new Uint16Array(shape.reduce((product, length) => product * length, 1)), shape, {
    dtype: "f16",
  });

const query = zeros(2, 4, 5, 8);
const key = zeros(2, 2, 6, 8);
const value = zeros(2, 2, 6, 3);
/** Of the shape of an output, to be passed as both. */
const square = zeros(2, 2, 6, 3);
const causal = maskMod(({ q, kv }) => q >= kv);

/** Calls with an argument that no type allows: what JavaScript callers can do. */
const call = (args: unknown[], options: unknown = {}): Promise<unknown> =>
  Reflect.apply(attention, undefined, [...args, options]) as Promise<unknown>;
const withOptions = (options: unknown): Promise<unknown> => call([query, key, value], options);

type Mistake = readonly [what: string, run: () => unknown, error: typeof Error, message: RegExp];

const tensors: readonly Mistake[] = [
  [
    "query is a typed array",
    () => call([new Float32Array(4), key, value]),
    TypeError,
    /query: expected a Tensor, got Float32Array of 16 bytes; wrap the array/,
  ],
  [
    "key is missing",
    () => call([query, undefined, value]),
    TypeError,
    /key: expected a Tensor, got undefined; wrap/,
  ],
  [
    "query has three axes",
    () => call([zeros(4, 5, 8), key, value]),
    RangeError,
    /query: expected shape \[B, Hq, M, D\], got \[4, 5, 8\]/,
  ],
  [
    "query is of length zero",
    () => call([zeros(2, 4, 0, 8), key, value]),
    RangeError,
    /query: .*lengths from 1, got \[2, 4, 0, 8\]/,
  ],
  [
    "key and value are of length zero",
    () => call([query, zeros(2, 2, 0, 8), zeros(2, 2, 0, 3)]),
    RangeError,
    /key: .*lengths from 1/,
  ],
  [
    "the head size of key differs",
    () => call([query, zeros(2, 2, 6, 9), value]),
    RangeError,
    /key's head size \(axis 3\): expected 8, got 9/,
  ],
  [
    "value is shorter than key",
    () => call([query, key, zeros(2, 2, 5, 3)]),
    RangeError,
    /value's length \(axis 2\): expected 6, got 5/,
  ],
  [
    "value has other heads than key",
    () => call([query, key, zeros(2, 4, 6, 3)]),
    RangeError,
    /value's heads \(axis 1\): expected 2, got 4/,
  ],
  [
    "key has another batch",
    () => call([query, zeros(3, 2, 6, 8), zeros(3, 2, 6, 3)]),
    RangeError,
    /key's batch \(axis 0\): expected 2, got 3/,
  ],
  [
    "query heads are no multiple of key heads",
    () => call([zeros(2, 3, 5, 8), key, value]),
    RangeError,
    /query's heads \(axis 1\): expected a multiple of key's 2 heads, got 3/,
  ],
  [
    "the head size is over 512",
    () => call([zeros(1, 1, 1, 513), zeros(1, 1, 1, 513), zeros(1, 1, 1, 1)]),
    RangeError,
    /query's head size \(axis 3\): expected an integer from 1 to 512, got 513/,
  ],
  [
    "query holds integers",
    () => call([new Tensor(new Int32Array(64), [1, 1, 8, 8]), key, value]),
    TypeError,
    /query.dtype: expected f32, f16 or bf16, got i32/,
  ],
  [
    "dtypes are mixed",
    () => call([query, half(2, 2, 6, 8), value]),
    TypeError,
    /key.dtype: expected f32, as query, got f16/,
  ],
  [
    "a Uint16Array has no dtype",
    () => new Tensor(new Uint16Array(4), [4]),
    TypeError,
    /data: expected .*dtype.*got Uint16Array/,
  ],
  [
    "an array does not hold the dtype",
    () => new Tensor(new Float32Array(4), [4], { dtype: "bf16" }),
    TypeError,
    /data of dtype "bf16": expected Uint16Array, got Float32Array/,
  ],
  [
    "a shape is longer than the array",
    () => new Tensor(new Float32Array(4), [5]),
    RangeError,
    /data: expected at least 5 elements for shape \[5\], got 4/,
  ],
  [
    "a length is negative",
    () => new Tensor(new Float32Array(4), [-1]),
    RangeError,
    /shape: expected integers of at least 0/,
  ],
  [
    "a stride is negative",
    () => new Tensor(new Float32Array(4), [2], { strides: [-1] }),
    RangeError,
    /strides: expected integers of at least 0/,
  ],
  [
    "an offset leaves the array",
    () => new Tensor(new Float32Array(4), [4], { offset: 1 }),
    RangeError,
    /data: expected at least 5/,
  ],
  [
    "an axis to transpose does not exist",
    () => query.transpose(1, 4),
    RangeError,
    /second: expected an axis below 4, got 4/,
  ],
];

const options: readonly Mistake[] = [
  [
    "scale is NaN",
    () => withOptions({ scale: Number.NaN }),
    RangeError,
    /scale: expected a finite number, got NaN; leave it out/,
  ],
  [
    "scale is infinite",
    () => withOptions({ scale: Infinity }),
    RangeError,
    /scale: expected a finite number/,
  ],
  [
    "scale is a string",
    () => withOptions({ scale: "1" }),
    TypeError,
    /scale: expected a number, got "1"/,
  ],
  [
    "queryOffset is negative",
    () => withOptions({ queryOffset: -1 }),
    RangeError,
    /queryOffset: expected integers from 0 to \d+, got -1/,
  ],
  [
    "queryOffset leaves 32 bits",
    () => withOptions({ queryOffset: 2 ** 31 - 1 }),
    RangeError,
    /queryOffset: expected integers from 0/,
  ],
  [
    "queryOffset is fractional for one batch element",
    () => withOptions({ queryOffset: [0, 0.5] }),
    RangeError,
    /queryOffset: .*got 0.5/,
  ],
  [
    "queryOffset has too few elements",
    () => withOptions({ queryOffset: [1] }),
    RangeError,
    /queryOffset: expected one integer, or 2 of them, got 1/,
  ],
  [
    "queryOffset is a string",
    () => withOptions({ queryOffset: "0" }),
    TypeError,
    /queryOffset: expected an integer, or one per batch element/,
  ],
  [
    "kvLength is longer than the keys",
    () => withOptions({ kvLength: 7 }),
    RangeError,
    /kvLength: expected integers from 0 to 6, got 7/,
  ],
  [
    "kvLength is NaN",
    () => withOptions({ kvLength: Number.NaN }),
    RangeError,
    /kvLength: .*got NaN/,
  ],
  [
    "sinks are too few",
    () => withOptions({ sinks: [0, 0] }),
    RangeError,
    /sinks: expected 4 numbers, got 2/,
  ],
  [
    "a sink is NaN",
    () => withOptions({ sinks: [0, Number.NaN, 0, 0] }),
    RangeError,
    /sinks\[1\]: expected a number below Infinity, got NaN/,
  ],
  [
    "sinks are a number",
    () => withOptions({ sinks: 1 }),
    TypeError,
    /sinks: expected numbers, one per query head/,
  ],
  [
    "out is of another shape",
    () => withOptions({ out: zeros(2, 4, 5, 8) }),
    RangeError,
    /out: expected shape \[2, 4, 5, 3\], got \[2, 4, 5, 8\]/,
  ],
  [
    "out is of another dtype",
    () => withOptions({ out: half(2, 4, 5, 3) }),
    TypeError,
    /out.dtype: expected f32, as query, got f16/,
  ],
  [
    "out repeats an element",
    () =>
      withOptions({
        out: new Tensor(new Float32Array(60), [2, 4, 5, 3], { strides: [0, 15, 3, 1] }),
      }),
    RangeError,
    /out.strides: expected strides without overlap/,
  ],
  [
    "out is the query's own memory",
    () => call([square, square, value], { out: new Tensor(square.data, [2, 2, 6, 3]) }),
    RangeError,
    /out: expected memory of its own, got memory shared with query/,
  ],
  [
    "blockSize is no multiple of 8",
    () => withOptions({ mask: causal, blockSize: 100 }),
    RangeError,
    /blockSize: expected a multiple of 8/,
  ],
  [
    "blockSize is zero",
    () => withOptions({ mask: causal, blockSize: 0 }),
    RangeError,
    /blockSize: expected a multiple of 8/,
  ],
  ["mask is a string", () => withOptions({ mask: "causal" }), TypeError, /mask/],
  ["score is a mask", () => withOptions({ score: causal }), TypeError, /score/],
  ["mask is a score", () => withOptions({ mask: scoreMod((score) => score) }), TypeError, /mask/],
  ["an option does not exist", () => withOptions({ maks: causal }), TypeError, /options: .*"maks"/],
  ["options are a function", () => withOptions(causal), TypeError, /options: expected an object/],
  [
    "the signal is not a signal",
    () => withOptions({ signal: {} }),
    TypeError,
    /signal: expected an AbortSignal/,
  ],
  [
    "returnLse is a number",
    () => withOptions({ returnLse: 1 }),
    TypeError,
    /returnLse: expected a boolean, got 1/,
  ],
];

const masks: readonly Mistake[] = [
  [
    "the mask was built for other lengths",
    () => withOptions({ mask: blockMask(causal, { M: 6, N: 6 }) }),
    RangeError,
    /mask: expected a block mask built for M = 5 and N = 6, got M = 6 and N = 6; build it again/,
  ],
  [
    "the mask was built for another offset",
    () => withOptions({ mask: blockMask(causal, { M: 5, N: 6 }), queryOffset: 1 }),
    RangeError,
    /mask: .*queryOffset/,
  ],
  [
    "the mask was built for another kvLength",
    () => withOptions({ mask: blockMask(causal, { M: 5, N: 6 }), kvLength: 3 }),
    RangeError,
    /mask: .*kvLength/,
  ],
  [
    "the mask was built for other heads",
    () => withOptions({ mask: blockMask(({ h }) => h > 0, { M: 5, N: 6, Hq: 3 }) }),
    RangeError,
    /mask: .*Hq = 4/,
  ],
  [
    "the mask was built for another batch",
    () => withOptions({ mask: blockMask(({ b }) => b > 0, { M: 5, N: 6, B: 3 }) }),
    RangeError,
    /mask: .*B = 2/,
  ],
  [
    "M is zero",
    () => blockMask(causal, { M: 0, N: 6 }),
    RangeError,
    /M: expected an integer from 1 to 2147483647, got 0/,
  ],
  [
    "N is fractional",
    () => blockMask(causal, { M: 1, N: 1.5 }),
    RangeError,
    /N: expected an integer from 1 to 2147483647, got 1.5/,
  ],
  [
    "an integer leaves 32 bits at these lengths",
    () => blockMask(({ q, kv }) => q * q > kv, { M: 46_342, N: 8 }),
    RangeError,
    /q \* q/,
  ],
  [
    "a divisor can be zero at these lengths",
    () => blockMask(({ q, kv }) => q % kv === 0, { M: 8, N: 8 }),
    RangeError,
    /kv/,
  ],
];

const devices: readonly Mistake[] = [
  [
    "the device is unknown",
    () => withOptions({ device: "gpu" }),
    RangeError,
    /device: expected one of "auto", .*"wasm".*, got "gpu"/,
  ],
  [
    "the device is a number",
    () => withOptions({ device: 3 }),
    TypeError,
    /device: expected a device from openDevice/,
  ],
  [
    "threads is zero",
    () => openDevice("wasm", { threads: 0 }),
    RangeError,
    /threads: expected "auto" or an integer from 1 to 256, got 0/,
  ],
  [
    "threads is NaN",
    () => openDevice("wasm", { threads: Number.NaN }),
    RangeError,
    /threads: .*got NaN/,
  ],
  [
    "revectorize is a string",
    () => Reflect.apply(openDevice, undefined, ["wasm", { revectorize: "yes" }]) as unknown,
    TypeError,
    /revectorize: expected a boolean/,
  ],
  ["D is zero", () => compile({ D: 0 }), RangeError, /D: expected an integer from 1 to 512, got 0/],
  [
    "Dv is over 512",
    () => compile({ D: 8, Dv: 513 }),
    RangeError,
    /Dv: expected an integer from 1 to 512, got 513/,
  ],
  [
    "dtype is unknown",
    () => Reflect.apply(compile, undefined, [{ D: 8, dtype: "f64" }]) as unknown,
    TypeError,
    /dtype: expected "f32", "f16" or "bf16", got "f64"/,
  ],
  [
    "schedule is unknown",
    () => Reflect.apply(compile, undefined, [{ D: 8, schedule: "fast" }]) as unknown,
    RangeError,
    /schedule: expected "forward" or "decode"/,
  ],
  [
    "a compiled kernel gets another head size",
    async () => (await compile({ D: 8, Dv: 4 })).run(query, key, value),
    RangeError,
    /expected f32 with D = 8, Dv = 4, as compiled, got f32 with D = 8, Dv = 3/,
  ],
];

/** Name, what was expected, what came, and what to write instead. */
const fourParts = /^[^:]+: expected [^]+, got [^]+; [^]+[^.]$/;

/** A synchronous throw and a rejection alike. */
const attempt = async (run: () => unknown): Promise<unknown> => run();

describe.each([
  ["tensors", tensors],
  ["options", options],
  ["masks", masks],
  ["devices and compile", devices],
] as const)("a mistake in %s is refused by name", (_, mistakes) => {
  test.each(mistakes)("%s", async (_what, run, error, message) => {
    const failure = attempt(run);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toThrow(fourParts);
    await expect(failure).rejects.toBeInstanceOf(error);
  });
});

test("the same calls without a mistake succeed", async () => {
  const out = await attention(query, key, value, {
    mask: blockMask(causal, { B: 2, M: 5, N: 6, queryOffset: 1, kvLength: [3, 6] }),
    queryOffset: 1,
    kvLength: [3, 6],
    sinks: [0, 0, 0, -Infinity],
    scale: 2,
    out: zeros(2, 4, 5, 3),
  });
  expect(out.shape).toEqual([2, 4, 5, 3]);
});
