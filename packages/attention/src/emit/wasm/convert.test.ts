import { beforeAll, describe, expect, test } from "vitest";
import type { ConvertExports } from "./abi.ts";
import { emitConvert } from "./convert.ts";

const memory = new WebAssembly.Memory({ initial: 16 });
const [from, to] = [64, 1 << 19];
let convert: ConvertExports;

beforeAll(async () => {
  const { instance } = await WebAssembly.instantiate(emitConvert({ shared: false }), {
    env: { memory },
  });
  convert = instance.exports as unknown as ConvertExports;
});

const f32 = (at: number, length: number): Float32Array =>
  new Float32Array(memory.buffer, at, length);
const u16 = (at: number, length: number): Uint16Array => new Uint16Array(memory.buffer, at, length);
const allPatterns = Uint16Array.from({ length: 65_536 }, (_, n) => n);

/** Meaning of an f16, from its definition. */
function f16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const bf16Value = (bits: number): number =>
  new Float32Array(Uint32Array.of(bits * 65_536).buffer)[0] ?? Number.NaN;

const formats = [
  { name: "f16", widen: "f16ToF32", narrow: "f32ToF16", value: f16Value, infinity: 0x7c00 },
  { name: "bf16", widen: "bf16ToF32", narrow: "f32ToBf16", value: bf16Value, infinity: 0x7f80 },
] as const;

/** The nearest pattern by search among the finite ones and infinity; ties to the even pattern. */
function nearest(x: number, value: (bits: number) => number, infinity: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.abs(x);
  let [low, high] = [0, infinity];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (value(middle) <= size) low = middle;
    else high = middle;
  }
  // What infinity would be worth if the exponent went on: the step above the largest finite value.
  const ceiling = high === infinity ? 2 * value(infinity - 1) - value(infinity - 2) : value(high);
  const [below, above] = [size - value(low), ceiling - size];
  if (size === Infinity) return sign | infinity;
  return sign | (below < above || (below === above && low % 2 === 0) ? low : high);
}

describe.each(formats)("$name", ({ widen, narrow, value, infinity }) => {
  test("widens every one of the 65,536 patterns to its exact value", () => {
    u16(from, 65_536).set(allPatterns);
    convert[widen](from, to, 65_536);
    const wrong = [...f32(to, 65_536)].filter((got, bits) => !Object.is(got, value(bits)));
    expect(wrong).toEqual([]);
  });

  test("narrowing what was widened gives the pattern back", () => {
    u16(from, 65_536).set(allPatterns);
    convert[widen](from, to, 65_536);
    convert[narrow](to, from, 65_536);
    const wrong = [...u16(from, 65_536)].filter((got, bits) =>
      Number.isNaN(value(bits)) ? !Number.isNaN(value(got)) : got !== bits,
    );
    expect(wrong).toEqual([]);
  });

  test("narrows to the nearest, ties to even, at every midpoint and beside it", () => {
    const inputs: number[] = [];
    for (let bits = 0; bits < infinity; bits += 7) {
      const next = bits + 1 === infinity ? 2 * value(bits) - value(bits - 1) : value(bits + 1);
      const middle = (value(bits) + next) / 2;
      for (const x of [middle, middle * (1 + 2 ** -23), middle * (1 - 2 ** -23)])
        inputs.push(x, -x);
    }
    f32(from, inputs.length).set(inputs);
    convert[narrow](from, to, inputs.length);
    const rounded = [...f32(from, inputs.length)];
    const expected = rounded.map((x) => nearest(x, value, infinity));
    expect([...u16(to, inputs.length)]).toEqual(expected);
  });

  test.each([0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17])(
    "touches %i elements and nothing beyond",
    (count) => {
      const filler = 12_345;
      f32(from, 32).set(Array.from({ length: 32 }, (_, n) => n + 1));
      u16(to, 32).fill(filler);
      convert[narrow](from, to, count);
      expect([...u16(to, 32)].map(value)).toEqual(
        Array.from({ length: 32 }, (_, n) => (n < count ? n + 1 : value(filler))),
      );
      f32(from, 32).fill(-1);
      convert[widen](to, from, count);
      expect([...f32(from, 32)]).toEqual(
        Array.from({ length: 32 }, (_, n) => (n < count ? n + 1 : -1)),
      );
    },
  );

  test("keeps infinities, signed zeros and NaN", () => {
    f32(from, 8).set([Infinity, -Infinity, 0, -0, Number.NaN, 3e38, -3e38, 1e-45]);
    convert[narrow](from, to, 8);
    const got = [...u16(to, 8)].map(value);
    const largest = infinity === 0x7c00 ? Infinity : Math.fround(value(0x7f62));
    expect(got).toEqual([Infinity, -Infinity, 0, -0, Number.NaN, largest, -largest, 0]);
  });
});
