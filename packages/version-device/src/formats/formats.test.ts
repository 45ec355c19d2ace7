import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as entry from "./entry.ts";
import { setVersion, versionOf } from "./full.ts";
import { ENTRY_BYTES, FULL_BYTES, STEALTH_MASK, UNEVEN_BYTES } from "./geometry.ts";
import {
  leastOffset,
  lowerOffsets,
  MAX_OFFSET,
  offsetOf,
  raiseOffset,
  setOffset,
} from "./uneven.ts";

/** A block between two canaries; `bits` reads it as one number, line 0 lowest. */
function block(bytes: number): { view: DataView; bits: () => bigint; canaries: () => number[] } {
  const all = new Uint8Array(bytes + 2).fill(0xa5);
  all.fill(0, 1, bytes + 1);
  const bits = (): bigint =>
    all.subarray(1, bytes + 1).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return {
    view: new DataView(all.buffer),
    bits,
    canaries: () => [all[0] ?? 0, all[bytes + 1] ?? 0],
  };
}

const line = fc.integer({ min: 0, max: 63 });

describe.each([
  { name: "uneven", bytes: UNEVEN_BYTES, width: 7, get: offsetOf, set: setOffset },
  { name: "full", bytes: FULL_BYTES, width: 27, get: versionOf, set: setVersion },
])("a block of $name", ({ bytes, width, get, set }) => {
  const value = fc.integer({ min: 0, max: 2 ** width - 1 });

  test("has 64 values, bit after bit, in exactly its bytes", () => {
    expect(64 * width).toBe(8 * bytes);
    fc.assert(
      fc.property(fc.array(fc.tuple(line, value), { maxLength: 200 }), (writes) => {
        const { view, bits, canaries } = block(bytes);
        const plain = Array.from({ length: 64 }, () => 0);
        for (const [at, written] of writes) {
          set(view, 1, at, written);
          plain[at] = written;
        }
        const packed = plain.reduceRight((sum, one) => (sum << BigInt(width)) | BigInt(one), 0n);
        expect(bits()).toBe(packed);
        expect(plain.map((_, at) => get(view, 1, at))).toEqual(plain);
        expect(canaries()).toEqual([0xa5, 0xa5]);
      }),
    );
  });

  test("keeps every other value when one is written, in ones and in zeros", () => {
    const most = 2 ** width - 1;
    for (let at = 0; at < 64; at++) {
      for (const [others, one] of [
        [0, most],
        [most, 0],
      ] as const) {
        const { view } = block(bytes);
        for (let other = 0; other < 64; other++) set(view, 1, other, others);
        set(view, 1, at, one);
        const values = Array.from({ length: 64 }, (_, other) => get(view, 1, other));
        expect(values).toEqual(values.map((_, other) => (other === at ? one : others)));
      }
    }
  });
});

test.each([
  [
    "uneven",
    UNEVEN_BYTES,
    (view: DataView, at: number) => setOffset(view, 0, at, offsetOf(view, 0, at) + 1),
  ],
  [
    "full",
    FULL_BYTES,
    (view: DataView, at: number) => setVersion(view, 0, at, versionOf(view, 0, at) + 1),
  ],
] as const)("an %s block reaches no byte behind its last", (_, bytes, raise) => {
  const view = new DataView(new ArrayBuffer(bytes));
  expect(() => {
    for (let at = 0; at < 64; at++) raise(view, at);
  }).not.toThrow();
});

describe("offsets", () => {
  const offsets = fc.array(fc.integer({ min: 0, max: MAX_OFFSET }), {
    minLength: 64,
    maxLength: 64,
  });
  const packed = (values: readonly number[]): DataView => {
    const { view } = block(UNEVEN_BYTES);
    for (const [at, value] of values.entries()) setOffset(view, 1, at, value);
    return view;
  };
  const all = (view: DataView): number[] =>
    Array.from({ length: 64 }, (_, at) => offsetOf(view, 1, at));

  test("the least is found from any line, with any bound that holds", () => {
    fc.assert(
      fc.property(offsets, line, fc.integer({ min: 0, max: MAX_OFFSET }), (values, at, slack) => {
        const least = Math.min(...values);
        expect(leastOffset(packed(values), 1, at, Math.max(0, least - slack))).toBe(least);
      }),
    );
  });

  test("lowering takes the same from each", () => {
    fc.assert(
      fc.property(offsets, (values) => {
        const [view, least] = [packed(values), Math.min(...values)];
        lowerOffsets(view, 1, least);
        expect(all(view)).toEqual(values.map((value) => value - least));
      }),
    );
  });

  test("raising adds one to one", () => {
    fc.assert(
      fc.property(offsets, line, (values, at) => {
        const lower = values.map((value) => Math.min(value, MAX_OFFSET - 1));
        const view = packed(lower);
        raiseOffset(view, 1, at);
        expect(all(view)).toEqual(lower.map((value, other) => value + (other === at ? 1 : 0)));
      }),
    );
  });
});

describe("an entry", () => {
  const base = fc.integer({ min: 0, max: STEALTH_MASK });

  test("is 93 bits of the paper in 12 bytes: type, base, 64 bits of lines", () => {
    fc.assert(
      fc.property(base, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (version, vector) => {
        const { view, bits, canaries } = block(ENTRY_BYTES);
        entry.setFlat(view, 1, version);
        for (let at = 0; at < 64; at++) {
          if (((vector >> BigInt(at)) & 1n) === 0n) continue;
          const here = entry.halfAt(1, at);
          entry.setHalf(view, here, entry.half(view, here) | (1 << (at & 31)));
        }
        expect(bits()).toBe(BigInt(entry.TYPE.flat) | (BigInt(version) << 2n) | (vector << 32n));
        expect(canaries()).toEqual([0xa5, 0xa5]);
        expect(entry.baseOf(entry.head(view, 1))).toBe(version);
      }),
    );
  });

  test("has in its upper 14 bits MAX and MIN, in its lower 48 the pointer, of pages that have a block", () => {
    const seven = fc.integer({ min: 0, max: 127 });
    const pointer = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(pointer, seven, seven, (to, minimum, maximum) => {
        const { view, bits, canaries } = block(ENTRY_BYTES);
        entry.setPointer(view, 1, to);
        entry.setExtremes(view, 1, minimum, maximum);
        const field = BigInt(to) | (BigInt(minimum) << 50n) | (BigInt(maximum) << 57n);
        expect(bits() >> 32n).toBe(field);
        expect(canaries()).toEqual([0xa5, 0xa5]);
        const span = entry.extremes(view, 1);
        expect([entry.pointerOf(view, 1), entry.minimumOf(span), entry.maximumOf(span)]).toEqual([
          to,
          minimum,
          maximum,
        ]);
      }),
    );
  });

  test("of an empty page holds 37 bits of upper version; fresh memory is empty at 0", () => {
    const { view } = block(ENTRY_BYTES);
    expect([entry.head(view, 1), entry.upperOf(view, 1)]).toEqual([entry.TYPE.empty, 0]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 37 - 1 }), (upper) => {
        entry.setEmpty(view, 1, upper);
        expect([entry.head(view, 1), entry.upperOf(view, 1)]).toEqual([entry.TYPE.empty, upper]);
      }),
    );
  });

  test("a base is added to modulo 2^27 and leaves type and pending mark alone", () => {
    fc.assert(
      fc.property(base, fc.integer({ min: 0, max: 127 }), (version, more) => {
        const word = entry.headOf(entry.TYPE.uneven, version) | entry.PENDING;
        const raised = entry.withBase(word, version + more);
        expect(entry.baseOf(raised)).toBe((version + more) % 2 ** 27);
        expect(raised & (entry.TYPE_MASK | entry.PENDING)).toBe(entry.TYPE.uneven | entry.PENDING);
      }),
    );
  });
});
