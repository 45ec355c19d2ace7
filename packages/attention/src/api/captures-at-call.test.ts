import { expect, expectTypeOf, test } from "vitest";
import { describe as describeValue } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { attention } from "./attention.ts";
import { blockMask } from "./block-mask.ts";
import { compile } from "./compile.ts";
import { constant, maskMod } from "./mods.ts";
import { openDevice } from "./open-device.ts";
import type { AttentionOptions, AttentionResult } from "./options.ts";

const N = 40;
/** All scores equal and values that count up: a row is the mean position of the keys that it sees. */
const zeros = new Tensor(new Float32Array(N * 4), [1, 1, N, 4]);
const positions = new Tensor(
  Float32Array.from({ length: N }, (_, n) => n),
  [1, 1, N, 1],
);

const lastKeys = (captures: { width: number }) =>
  maskMod(
    captures,
    ({ width }) =>
      ({ q, kv }) =>
        q >= kv && q - kv < width,
  );

/** The mean of the last `width` positions at the last query. */
const lastOf = (out: Tensor): number => Number(out.data[N - 1]);
const meanOfLast = (width: number): number => N - 1 - (Math.ceil(width) - 1) / 2;

test("each call takes the captured numbers that it was made with, however many are under way", async () => {
  const widths = [1, 5, 9.5, 20];
  const captures = { width: 0 };
  const mask = lastKeys(captures);
  const calls = widths.map((width) => {
    captures.width = width;
    return attention(zeros, zeros, positions, { mask });
  });
  const means = (await Promise.all(calls)).map(lastOf);
  widths.forEach((width, n) => expect(means[n]).toBeCloseTo(meanOfLast(width), 4));
});

test("a number that is replaced while its kernel compiles belongs to the next call", async () => {
  await using device = await openDevice("wasm");
  const captures = { width: 1 };
  const mask = lastKeys(captures);
  const compiled = await compile({ D: 4, Dv: 1, mask, device });
  for (const run of [
    () => attention(zeros, zeros, positions, { mask, device }),
    () => compiled.run(zeros, zeros, positions),
  ]) {
    captures.width = 3;
    const call = run();
    captures.width = 8.5;
    expect(lastOf(await call)).toBeCloseTo(meanOfLast(3), 4);
    expect(lastOf(await run())).toBeCloseTo(meanOfLast(8.5), 4);
  }
});

test("a prepared mask is refused once a number or constant of its mask has been replaced", async () => {
  const captures = { width: 3 };
  const prepared = blockMask(lastKeys(captures), { M: N, N, blockSize: 8 });
  const run = () => attention(zeros, zeros, positions, { mask: prepared });
  expect(lastOf(await run())).toBeCloseTo(meanOfLast(3), 4);
  captures.width = 30;
  await expect(run()).rejects.toThrow(
    "mask: expected a block mask built for width = 30, got width = 3; build it again with blockMask",
  );
  captures.width = 3;
  expect(lastOf(await run())).toBeCloseTo(meanOfLast(3), 4);

  const fixed = { width: constant<number>(3) };
  const mask = maskMod(
    fixed,
    ({ width }) =>
      ({ q, kv }) =>
        q >= kv && q - kv < width,
  );
  const ahead = blockMask(mask, { M: N, N, blockSize: 8 });
  fixed.width = constant<number>(30);
  await expect(attention(zeros, zeros, positions, { mask: ahead })).rejects.toThrow(RangeError);
});

test("options that may ask for more than the output are typed as what may come back", () => {
  const call = (options: AttentionOptions) => attention(zeros, zeros, positions, options);
  expectTypeOf(call).returns.resolves.toEqualTypeOf<Tensor | AttentionResult>();
  const plain = () => attention(zeros, zeros, positions, { scale: 1 });
  expectTypeOf(plain).returns.resolves.toEqualTypeOf<Tensor>();
});

test("what was left out is called undefined, once", () => {
  expect(describeValue(undefined)).toBe("undefined");
});
