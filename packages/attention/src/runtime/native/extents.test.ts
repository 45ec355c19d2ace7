import { expect, test } from "vitest";
import { captureLayout } from "../../emit/native/abi.ts";
import type { CaptureValues, Expression, TensorValue } from "../../ir/types.ts";
import type { BlockMask } from "../../mask/block-mask.ts";
import { causal, floatCone } from "../../mask/test-masks.ts";
import { Tensor } from "../../tensor.ts";
import type { Launch } from "../device.ts";
import { newResult } from "../shared/new-result.ts";
import { type LaunchOptions, type TestLaunch, testLaunch } from "../wasm/test-launches.ts";
import { checkExtents } from "./extents.ts";

function check({ spec, launch }: TestLaunch): void {
  checkExtents(spec, captureLayout(spec), launch, newResult(launch, spec.dtype));
}

const sound: readonly (readonly [name: string, options: LaunchOptions])[] = [
  ["plain", {}],
  ["a mask", { mask: causal(), B: 2, M: 300, N: 300 }],
  ["bits", { mask: floatCone(7), M: 260, N: 200 }],
  ["lengths", { B: 2, kvLength: [0, 77], queryOffset: [3, 9] }],
  ["strides", { layout: "interleaved", dtype: "bf16" }],
  ["one key for all", { layout: "shared", B: 3 }],
];

test.for(sound)("what attention makes passes: %s", ([, options]) => {
  expect(() => check(testLaunch(options))).not.toThrow();
});

const tensor = (length: number, shape: readonly number[], strides?: readonly number[]): Tensor => {
  const whole = new Tensor(
    new Float32Array(2 ** 18),
    shape,
    strides === undefined ? {} : { strides },
  );
  // The array behind a tensor may be replaced after the tensor was checked.
  return Object.assign(Object.create(Tensor.prototype), whole, { data: new Float32Array(length) });
};

/** [B1, Hq2, M100, D16] and so on: the default of `testLaunch`. */
const wrong: readonly (readonly [what: string, changes: Partial<Launch>, message: RegExp])[] = [
  ["a query too short", { query: tensor(3199, [1, 2, 100, 16]) }, /^query: .*3200 elements.*3199/],
  ["a transferred key", { key: tensor(0, [1, 1, 77, 16]) }, /^key: .* got 0; its buffer was/],
  ["a stride too far", { value: tensor(616, [1, 1, 77, 8], [616, 616, 9, 1]) }, /^value: /],
  ["another shape", { key: tensor(9999, [1, 1, 76, 16]) }, /^key: expected f32 \[1, 1, 77, 16\]/],
  ["another type", { out: new Tensor(new Int32Array(1600), [1, 2, 100, 8]) }, /^out: .*got i32/],
  ["a backward stride", { query: tensor(9999, [1, 2, 100, 16]) }, /^query: .* at least 0/],
  [
    "keys beyond the last",
    { kvLength: Int32Array.of(78) },
    /^kvLength: expected numbers from 0 to 77, got 78/,
  ],
  ["negative keys", { kvLength: Int32Array.of(-1) }, /^kvLength: expected numbers from 0 to 77/],
  ["no lengths", { kvLength: new Int32Array(0) }, /^kvLength: expected 1 numbers, got 0/],
  ["positions that overflow", { queryOffset: Int32Array.of(2 ** 31 - 1) }, /^queryOffset: /],
  ["too few sinks", { sinks: new Float32Array(1) }, /^sinks: expected 2 numbers, got 1/],
  ["a head without keys", { shape: { ...testLaunch().launch.shape, Hkv: 0 } }, /^shape: /],
];

test.for(wrong)("%s does not cross", ([what, changes, message]) => {
  const made = testLaunch();
  const launch = { ...made.launch, ...changes };
  if (what === "a backward stride") {
    launch.query = Object.assign(Object.create(Tensor.prototype), launch.query, {
      strides: [3200, 1600, -16, 1],
    });
  }
  expect(() => check({ ...made, launch })).toThrow(RangeError);
  expect(() => check({ ...made, launch })).toThrow(message);
});

const changed = (numbers: Int32Array, at: number, to: number): Int32Array => {
  const copy = Int32Array.from(numbers);
  copy[at] = to;
  return copy;
};

const wrongMasks: readonly (readonly [
  what: string,
  change: (mask: BlockMask) => Partial<BlockMask>,
])[] = [
  ["a run that begins before the first key", ({ runs }) => ({ runs: changed(runs, 0, -128) })],
  ["a run that ends beyond the last key", ({ runs }) => ({ runs: changed(runs, 1, 201) })],
  ["a run of no kind", ({ runs }) => ({ runs: changed(runs, 2, 2) })],
  ["bits that are not there", ({ runs }) => ({ runs: changed(runs, 3, 1000) })],
  ["bits before the first", ({ runs }) => ({ runs: changed(runs, 3, -1) })],
  ["no bits at all", () => ({ bits: null })],
  ["a list that is cut off", ({ runs }) => ({ runs: runs.slice(0, -4) })],
  ["rows that fall", ({ rowStart }) => ({ rowStart: changed(rowStart, 1, 0).fill(9, 0, 1) })],
  ["rows beyond the list", ({ rowStart }) => ({ rowStart: changed(rowStart, 1, 10_000) })],
  ["too few rows", () => ({ rows: 1 })],
  ["heads that the launch lacks", () => ({ H: 3 })],
  ["blocks of nothing", () => ({ blockKv: 0 })],
];

test.for(wrongMasks)("a block mask with %s does not cross", ([, change]) => {
  const made = testLaunch({ mask: floatCone(7), M: 260, N: 200 });
  const { blockMask } = made.launch;
  if (blockMask === null) throw new Error("a mask was expected");
  expect(blockMask.runs[2]).toBe(1); // The first run has bits.
  const launch = { ...made.launch, blockMask: { ...blockMask, ...change(blockMask) } };
  expect(() => check({ ...made, launch })).toThrow(/^blockMask/);
});

const noMask = { uniforms: new Map(), tensors: new Map() };

/** A score function that reads a captured [4] of i32, which the runtime sees by its declaration only. */
const reading = (captures: CaptureValues): TestLaunch => {
  const made = testLaunch();
  const score = {
    ...({ kind: "score", uniforms: [] } as const),
    tensors: [{ name: "t", rank: 1, type: "i32" }],
  } as unknown as Expression;
  return { spec: { ...made.spec, score }, launch: { ...made.launch, captures } };
};

const captured = (value: TensorValue): CaptureValues => ({
  uniforms: new Map(),
  tensors: new Map([["t", value]]),
});

const wrongCaptures: readonly (readonly [what: string, captures: CaptureValues])[] = [
  ["nothing", noMask],
  ["too few elements", captured({ type: "i32", shape: [4], data: new Int32Array(3) })],
  ["another kind of array", captured({ type: "i32", shape: [4], data: new Float32Array(4) })],
  ["smaller elements", captured({ type: "i32", shape: [4], data: new Uint8Array(4) })],
  ["no elements", captured({ type: "i32", shape: [0], data: new Int32Array(4) })],
  ["another rank", captured({ type: "i32", shape: [2, 2], data: new Int32Array(4) })],
];

test.for(wrongCaptures)("a captured tensor of %s does not cross", ([, captures]) => {
  expect(() => check(reading(captures))).toThrow(/^t: expected /);
});

test("a captured tensor with all its elements crosses", () => {
  const value = { type: "i32", shape: [4], data: new Int32Array(4) } as const;
  expect(() => check(reading(captured(value)))).not.toThrow();
});
