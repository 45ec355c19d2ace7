import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteWriter, floatBytes, leb, signedLeb } from "./bytes.ts";

/** The value of LEB128 bytes, from the format's definition. */
function decoded(bytes: readonly number[], signed: boolean): number {
  const whole = bytes.reduce((sum, byte, at) => sum + BigInt(byte & 0x7f) * 128n ** BigInt(at), 0n);
  const negative = signed && ((bytes.at(-1) ?? 0) & 0x40) !== 0;
  return Number(negative ? whole - 128n ** BigInt(bytes.length) : whole);
}

const isMinimal = (bytes: readonly number[]): boolean =>
  bytes.every((byte, at) => ((byte & 0x80) !== 0) === at < bytes.length - 1) && bytes.length <= 5;

test("unsigned LEB128 decodes to the number", () => {
  fc.assert(
    fc.property(fc.oneof(fc.nat(300), fc.nat(0xffff_ffff)), (value) => {
      expect(decoded(leb(value), false)).toBe(value);
      expect(isMinimal(leb(value))).toBe(true);
    }),
  );
});

test("signed LEB128 decodes to the number", () => {
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: -200, max: 200 }), fc.integer()), (value) => {
      expect(decoded(signedLeb(value), true)).toBe(value);
      expect(isMinimal(signedLeb(value))).toBe(true);
    }),
  );
});

test.each([
  [63, [0x3f]],
  [64, [0xc0, 0x00]],
  [-64, [0x40]],
  [-65, [0xbf, 0x7f]],
  [-(2 ** 31), [0x80, 0x80, 0x80, 0x80, 0x78]],
])("signed LEB128 turns to the next byte where the sign bit is needed — %i", (value, bytes) => {
  expect(signedLeb(value)).toEqual(bytes);
});

test("floats are little endian", () => {
  expect(floatBytes(1, 4)).toEqual([0, 0, 0x80, 0x3f]);
  expect(floatBytes(-2, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0xc0]);
});

test("a writer keeps everything as it grows", () => {
  const out = new ByteWriter();
  for (let n = 0; n < 3000; n++) out.u8(n & 255);
  out.sized(Uint8Array.of(7, 8));
  out.name("é");
  const bytes = out.take();
  expect([...bytes.subarray(0, 3000)]).toEqual(Array.from({ length: 3000 }, (_, n) => n & 255));
  expect([...bytes.subarray(3000)]).toEqual([2, 7, 8, 2, 0xc3, 0xa9]);
  expect(out.length).toBe(bytes.length);
});
