import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Tensor } from "../tensor.ts";
import { decode, elementsOf, encode, roundTo, ulp } from "./formats.ts";

const patterns = Array.from({ length: 65_536 }, (_, bits) => bits);

/** The engine's own bf16: the upper half of a Float32Array's bits. */
const bf16OfBits = (bits: number): number =>
  new Float32Array(Uint32Array.of(bits << 16).buffer)[0] ?? NaN;

const f16OfBits = (bits: number): number => new Float16Array(Uint16Array.of(bits).buffer)[0] ?? NaN;

describe("formats", () => {
  test("every f16 pattern decodes as the engine's Float16Array does", () => {
    expect(patterns.filter((bits) => !Object.is(decode("f16", bits), f16OfBits(bits)))).toEqual([]);
  });

  test("every bf16 pattern decodes as the upper half of an f32", () => {
    expect(patterns.filter((bits) => !Object.is(decode("bf16", bits), bf16OfBits(bits)))).toEqual(
      [],
    );
  });

  test.each(["f16", "bf16"] as const)("encode undoes decode, for every number of %s", (dtype) => {
    const isNumber = (bits: number): boolean => !Number.isNaN(decode(dtype, bits));
    const lost = patterns.filter(
      (bits) => isNumber(bits) && encode(dtype, decode(dtype, bits)) !== bits,
    );
    expect(lost).toEqual([]);
    expect(decode(dtype, encode(dtype, NaN))).toBeNaN();
  });

  test("rounding to f16 is the engine's, ties and subnormals and overflow included", () => {
    const near = fc.tuple(fc.integer({ min: 0, max: 0x7c00 }), fc.constantFrom(0, 0.25, 0.5, 0.75));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.double(),
          near.map(([bits, part]) => {
            const low = decode("f16", bits);
            return low + part * ulp("f16", low);
          }),
        ),
        (value) => Object.is(roundTo("f16", value), Math.f16round(value)),
      ),
      { numRuns: 5_000 },
    );
  });

  test("rounding to bf16 picks the nearest of the two neighbours, the even one at a tie", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0x7f7e }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (bits, part) => {
          const low = decode("bf16", bits);
          const high = decode("bf16", bits + 1);
          const value = low + part * (high - low);
          const [below, above] = [value - low, high - value];
          const even = bits % 2 === 0 ? low : high;
          const nearest = below < above ? low : above < below ? high : even;
          return roundTo("bf16", value) === nearest && roundTo("bf16", -value) === -nearest;
        },
      ),
    );
  });

  test("an ulp is the distance to the next number of the format", () => {
    expect(ulp("f32", 1)).toBe(2 ** -23);
    expect(ulp("f16", 1.5)).toBe(2 ** -10);
    expect(ulp("bf16", 255)).toBe(1);
    expect(ulp("f16", 0)).toBe(2 ** -24);
    expect(ulp("f32", 0.999_999)).toBe(2 ** -24);
  });

  test("elements come out row-major whatever the strides and the offset", () => {
    const data = Float32Array.from({ length: 24 }, (_, i) => i);
    const tensor = new Tensor(data, [3, 2], { strides: [1, 12], offset: 5 });
    expect([...elementsOf(tensor)]).toEqual([5, 17, 6, 18, 7, 19]);
    const repeated = new Tensor(data, [2, 3], { strides: [0, 2] });
    expect([...elementsOf(repeated)]).toEqual([0, 2, 4, 0, 2, 4]);
  });
});
