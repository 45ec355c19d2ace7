/** What the messages about wrong arguments say, word for word: name, expected, got, and what to write instead. */
import { expect, test } from "vitest";
import { openReference } from "../reference/device.ts";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { blockMask } from "./block-mask.ts";
import { compile } from "./compile.ts";
import { constant, maskMod, scoreMod } from "./mods.ts";
import { chooseDevice, openDevice } from "./open-device.ts";

const zeros = (...shape: number[]): Tensor =>
  new Tensor(new Float32Array(shape.reduce((product, length) => product * length, 1)), shape);
const data = new Float32Array(4);
const [query, key, value] = [zeros(2, 4, 5, 8), zeros(2, 2, 6, 8), zeros(2, 2, 6, 3)];
const causal = maskMod(({ q, kv }) => q >= kv);
const prepared = blockMask(causal, { M: 5, N: 6 });

/** A call with arguments that no type allows: what JavaScript callers can do. */
const call = (fn: unknown, ...args: unknown[]): unknown => Reflect.apply(fn as never, null, args);
const withOptions = (options: unknown): unknown => call(attention, query, key, value, options);
const tensor = (...args: unknown[]): unknown => Reflect.construct(Tensor, args);

const optionNames =
  "names among score, mask, device, blockSize, scale, queryOffset, kvLength, sinks, returnLse, returnMax, out, signal";
const perBatch = "write one number for all, or an array or Int32Array with one each";
const sinkRemedy = "pass an array or Float32Array of 4 logits, or an f32 tensor of shape [4]";
const flag = "write true or false, or leave it out for false";
const threads = 'write "auto" for as many as this machine runs at once';
const isPosition = "integers from 0 to 2147483642";

/** By message. */
const mistakes: Readonly<Record<string, () => unknown>> = {
  "options: expected an object, got null; write { score: ... }, or leave them out": () =>
    withOptions(null),
  [`options: expected ${optionNames}, got "maks"; write mask`]: () => withOptions({ maks: causal }),
  [`options: expected ${optionNames}, got "kvlength"; write kvLength`]: () =>
    withOptions({ kvlength: 1 }),
  [`options: expected ${optionNames}, got "dropout_p"; leave it out`]: () =>
    withOptions({ dropout_p: 0 }),
  'scale: expected a number, got "1"; leave it out for 1 / sqrt(D)': () =>
    withOptions({ scale: "1" }),
  [`queryOffset: expected ${isPosition}, got -1; pass the position of the first query in its sequence`]:
    () => withOptions({ queryOffset: -1 }),
  [`queryOffset: expected an integer, or one per batch element, got "0"; ${perBatch}`]: () =>
    withOptions({ queryOffset: "0" }),
  "queryOffset: expected one integer, or 2 of them, got 1; give one per batch element, or one number for all":
    () => withOptions({ queryOffset: [1] }),
  "kvLength: expected integers from 0 to 6, got 7; count the keys that exist, at most the length of key":
    () => withOptions({ kvLength: 7 }),
  "kvLength: expected integers from 0 to 6, got NaN; count the keys that exist, at most the length of key":
    () => withOptions({ kvLength: [1, Number.NaN] }),
  [`kvLength: expected an integer, or one per batch element, got null; ${perBatch}`]: () =>
    withOptions({ kvLength: null }),
  [`sinks: expected numbers, one per query head, got 1; ${sinkRemedy}`]: () =>
    withOptions({ sinks: 1 }),
  [`sinks: expected 4 numbers, got 2; ${sinkRemedy}`]: () => withOptions({ sinks: [0, 0] }),
  [`sinks[0]: expected a number, got "1"; ${sinkRemedy}`]: () =>
    withOptions({ sinks: ["1", "2", "3", "4"] }),
  [`sinks[2]: expected a number, got undefined; ${sinkRemedy}`]: () =>
    withOptions({ sinks: [0, 0, undefined, 0] }),
  "sinks[1]: expected a number below Infinity, got NaN; write -Infinity for a head without a sink":
    () => withOptions({ sinks: [0, Number.NaN, 0, 0] }),
  "sinks: expected an f32 tensor of shape [Hq], got f32 of shape [4, 1]; pass new Tensor(Float32Array.from(logits), [Hq])":
    () => withOptions({ sinks: zeros(4, 1) }),
  [`returnLse: expected a boolean, got 1; ${flag}`]: () => withOptions({ returnLse: 1 }),
  [`returnMax: expected a boolean, got null; ${flag}`]: () => withOptions({ returnMax: null }),
  "signal: expected an AbortSignal, got an AbortController; pass the signal of an AbortController, or AbortSignal.timeout(ms)":
    () => withOptions({ signal: new AbortController() }),
  "out: expected shape [2, 4, 5, 3], got [2, 4, 5, 8]; leave it out for a new tensor, or pass one of [B, Hq, M, Dv]":
    () => withOptions({ out: zeros(2, 4, 5, 8) }),
  "out.dtype: expected f32, as query, got i32; leave it out for a new tensor, or pass one of f32":
    () => withOptions({ out: new Tensor(new Int32Array(120), [2, 4, 5, 3]) }),
  'device: expected a device from openDevice, or a name such as "wasm", got an Object; write await openDevice("wasm"), or leave it out for the fastest one here':
    () => withOptions({ device: {} }),
  [`threads: expected "auto" or an integer from 1 to 256, got "2"; ${threads}`]: () =>
    call(openDevice, "wasm", { threads: "2" }),
  'options: expected names among threads, background, revectorize, compiler, isa, cacheFolder, warm, gpu, exact, memoryLimitBytes, nvrtcPath, driverPath, got "thread"; write threads':
    () => call(chooseDevice, { thread: 2 }),
  [`background: expected a boolean, got 1; ${flag}`]: () =>
    call(openDevice, "wasm", { background: 1 }),
  "device: expected an open device, got a closed one; open another one": async () => {
    const device = openReference();
    await device.close();
    await attention(query, key, value, { device });
  },
  'dtype: expected "f32", "f16" or "bf16", got "f64"; write the dtype of query, key and value, or leave it out for "f32"':
    () => call(compile, { D: 8, dtype: "f64" }),
  'schedule: expected "forward" or "decode", got "fast"; write "forward" for many query rows, "decode" for few':
    () => call(compile, { D: 8, schedule: "fast" }),
  "M: expected an integer from 1 to 2147483647, got undefined; pass the length of the tensor's axis":
    () => call(blockMask, causal, {}),
  'options: expected names among first, M, N, kvLength, got "frist"; write first': () =>
    call(prepared.crop.bind(prepared), { frist: 1 }),
  "first: expected an integer from 0 to 4, got 5; build the mask for the lengths that are needed":
    () => prepared.crop({ first: 5 }),
  "mask: expected a mask function, got a score function; pass it as score, or make it with maskMod":
    () => withOptions({ mask: scoreMod((score) => score) }),
  "maskMod: expected a function, or captures and a function, got null; write maskMod({ a }, ({ a }) => ...)":
    () => withOptions({ mask: null }),
  "options: expected an object, got null; write { dtype: ... }, or leave them out": () =>
    tensor(data, [4], null),
  'options: expected names among dtype, strides, offset, got "stride"; write strides': () =>
    tensor(data, [4], { stride: [1] }),
  "shape: expected an array of integers, got 4; write one length per axis, for example [2, 8, 512, 64]":
    () => tensor(data, 4),
  "shape: expected integers of at least 0, got [1.5]; write one length per axis, for example [2, 8, 512, 64]":
    () => tensor(data, [1.5]),
  "strides: expected an array of integers, got 1; write one per axis, or leave them out; copy the elements if they run backwards":
    () => tensor(data, [4], { strides: 1 }),
  "strides: expected one per axis of [2, 2], got [1]; leave them out for a row-major array without gaps":
    () => tensor(data, [2, 2], { strides: [1] }),
  "offset: expected an integer of at least 0, got 0.5; count elements, not bytes, from the start of data":
    () => tensor(data, [2], { offset: 0.5 }),
  'dtype: expected one of f32, f16, bf16, i32, bool, got "fp16"; write "f16"': () =>
    tensor(data, [4], { dtype: "fp16" }),
  'dtype: expected one of f32, f16, bf16, i32, bool, got "constructor"; write "f32"': () =>
    tensor(data, [4], { dtype: "constructor" }),
  'data of dtype "f16": expected Float16Array or Uint16Array, got Float32Array of 16 bytes; convert the elements, or correct the dtype':
    () => tensor(data, [4], { dtype: "f16" }),
  "second: expected an axis below 4, got 4; count axes from 0": () => query.transpose(1, 4),
  'constant: expected a number, a boolean, or arrays of them, got "a"; capture typed arrays, tensors and functions as they are':
    () => call(constant, "a"),
  'maskMod captures: expected names that are identifiers, got "a-b"; rename it, so that the function can take it as ({ name }) => ...':
    () => call(maskMod, { "a-b": 1 }, () => () => true),
};

const messageOf = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    return error instanceof TypeError || error instanceof RangeError
      ? error.message
      : String(error);
  }
  return "no error";
};

test.each(Object.entries(mistakes))("%s", async (message, run) => {
  expect(await messageOf(run)).toBe(message);
});

test("an unknown device is answered with the name that is most like it, else with auto", async () => {
  const known = 'device: expected one of "auto", ';
  const misspelt = await messageOf(() => withOptions({ device: "wsam" }));
  expect(misspelt.startsWith(known) && misspelt.endsWith('got "wsam"; write "wasm"')).toBe(true);
  const foreign = await messageOf(() => openDevice("tpu" as never));
  expect(foreign.startsWith(known)).toBe(true);
  expect(foreign.endsWith('got "tpu"; write "auto" for the fastest one here')).toBe(true);
});
