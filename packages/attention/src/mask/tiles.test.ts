import fc from "fast-check";
import { expect, test } from "vitest";
import { ALWAYS, MAYBE, NEVER } from "../ir/intervals.ts";
import type { Line } from "./lines.ts";
import type { Atom, SeparableMask } from "./separate.ts";
import { createTileSettler } from "./tiles.ts";

const tableLine = (values: readonly number[], asked: () => void = () => undefined): Line => ({
  trend: null,
  size: 1,
  at: (x) => {
    asked();
    return values[x] ?? 0;
  },
  range: () => ({ lo: -8, hi: 8 }),
});

const line = (length: number): fc.Arbitrary<Line> =>
  fc
    .array(fc.integer({ min: -4, max: 3 }), { minLength: length, maxLength: length })
    .map((values) => tableLine(values));

const [QUERIES, KEYS] = [70, 9];

const atoms: fc.Arbitrary<Atom[]> = fc.array(fc.record({ q: line(QUERIES), kv: line(KEYS) }), {
  minLength: 2,
  maxLength: 2,
});

const logics: readonly ((words: Int32Array) => number)[] = [
  ([a = 0, b = 0]) => a & b,
  ([a = 0, b = 0]) => a | ~b,
  ([a = 0, b = 0]) => ~(a ^ b),
  () => -1,
  () => 0,
];

test("a block is a mixture exactly if both values occur in it, in words cut short too", () => {
  const property = fc.property(
    atoms,
    fc.constantFrom(...logics),
    fc.nat(QUERIES - 1),
    fc.nat(QUERIES - 1),
    fc.nat(KEYS - 1),
    (parts, combine, x, y, lastKey) => {
      const [q0, q1] = [Math.min(x, y), Math.max(x, y)];
      const seen = new Set<boolean>();
      for (let q = q0; q <= q1; q++) {
        for (let kv = 0; kv <= lastKey; kv++) {
          const words = parts.map((part) => (part.q.at(q) + part.kv.at(kv) <= 0 ? -1 : 0));
          seen.add(combine(Int32Array.from(words)) !== 0);
        }
      }
      const verdict = seen.size === 2 ? MAYBE : seen.has(true) ? ALWAYS : NEVER;
      expect(createTileSettler({ atoms: parts, combine })(q0, q1, 0, lastKey)).toBe(verdict);
    },
  );
  fc.assert(property, { numRuns: 1_000 });
});

test("blocks of 128 x 128 in a row cost one value per query, and one per key and block", () => {
  let asked = 0;
  const count = (): void => {
    asked++;
  };
  const table = Array.from({ length: 1024 }, (_, at) => (at * 7919) % 512);
  const never = Array.from({ length: 1024 }, (_, at) => 1 + ((at * 104_729) % 512));
  const mask: SeparableMask = {
    atoms: [{ q: tableLine(table, count), kv: tableLine(never, count) }],
    combine: (words) => words[0] ?? 0,
  };
  const settle = createTileSettler(mask);
  for (let kv = 0; kv < 1024; kv += 128) expect(settle(0, 127, kv, kv + 127)).toBe(NEVER);
  const corners = 8;
  expect(asked).toBe(128 + 8 * (128 + corners));
});
