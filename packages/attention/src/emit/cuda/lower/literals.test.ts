import fc from "fast-check";
import { expect, test } from "vitest";
import { floatLiteral, intLiteral } from "./literals.ts";

test("a float literal denotes the number, in few digits", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = floatLiteral(value);
      expect(text).toMatch(/^-?\d[\d.]*(?:e[+-]\d+)?f$/);
      expect(Object.is(Math.fround(Number(text.slice(0, -1))), value)).toBe(true);
    }),
  );
  expect([0.1, 2, -0, 1e-30].map((value) => floatLiteral(Math.fround(value)))).toEqual([
    ...["0.1f", "2.0f", "-0.0f", "1e-30f"],
  ]);
});

test("what no literal denotes is given by its bits", () => {
  expect([Number.NaN, Infinity, -Infinity].map(floatLiteral)).toEqual([
    "__int_as_float(0x7fffffff)",
    "__int_as_float(0x7f800000)",
    "__int_as_float(0xff800000)",
  ]);
});

test("the smallest integer has no literal, so it is computed", () => {
  expect(intLiteral(-(2 ** 31))).toBe("(-0x7fffffff - 1)");
  expect(intLiteral(-(2 ** 31) + 1)).toBe("-2147483647");
});
