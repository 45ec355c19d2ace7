import fc from "fast-check";
import { expect, test } from "vitest";
import { coverBands } from "./bands.ts";
import { identity, mapped, scaled, sumOf, type Line } from "./lines.ts";
import { RunList } from "./run-list.ts";
import type { SeparableMask } from "./separate.ts";
import { FULL, PARTIAL } from "./block-mask.ts";

const position: Line = identity({ lo: 0, hi: 2 ** 20 });

/** kv - q <= 0, counting the values asked for. */
function countedCausal(): { readonly mask: SeparableMask; readonly asked: () => number } {
  let asked = 0;
  const counted = (line: Line): Line => ({
    trend: line.trend,
    size: line.size,
    range: line.range,
    at: (x) => {
      asked++;
      return line.at(x);
    },
  });
  const atoms = [{ q: counted(scaled(position, -1)), kv: counted(position) }];
  return { mask: { atoms, combine: (words) => words[0] ?? 0 }, asked: () => asked };
}

test("a million causal tokens cost two values per row and two per column, and one at the end", () => {
  const { mask, asked } = countedCausal();
  const [length, block] = [2 ** 20, 128];
  const rows = length / block;
  const grid = { M: length, blockQ: block, blockKv: block, queryOffset: 0, kvLength: length };
  const list = new RunList(rows);
  coverBands(grid, mask, list);
  expect(asked()).toBe(4 * rows + 1);
  expect(list.finish().runs.length / 4).toBe(2 * rows - 1);
});

/** A step function that changes one way: rising, falling or flat. */
const stepped = fc
  .array(fc.nat(3), { minLength: 40, maxLength: 40 })
  .chain((rises) => fc.constantFrom(1, -1).map((sign) => ({ rises, sign })))
  .map(({ rises, sign }) => {
    const values = rises.map((_, at) => rises.slice(0, at).reduce((sum, rise) => sum + rise, 0));
    return scaled(
      mapped(position, (x) => values[x] ?? 0),
      sign,
    );
  });

const atom = fc.tuple(stepped, stepped, fc.integer({ min: -40, max: 40 })).map(([q, kv, gap]) => ({
  q: sumOf(
    q,
    mapped(q, () => gap),
  ),
  kv,
}));

const logics: readonly ((words: Int32Array) => number)[] = [
  ([a = 0, b = 0, c = 0]) => (a & b) | c,
  ([a = 0, b = 0, c = 0]) => ~(a ^ b) & c,
  ([a = 0, b = 0, c = 0]) => (a & ~b) | (~a & c),
];

test("blocks are what their scores are, whichever way the comparisons change", () => {
  const atoms = fc.array(atom, { minLength: 3, maxLength: 3 });
  const property = fc.property(
    atoms,
    fc.constantFrom(...logics),
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 40 }),
    fc.constantFrom(1, 3, 8, 33),
    fc.constantFrom(1, 5, 8),
    (parts, combine, M, kvLength, blockQ, blockKv) => {
      const rows = Math.ceil(M / blockQ);
      const list = new RunList(rows);
      coverBands({ M, blockQ, blockKv, queryOffset: 0, kvLength }, { atoms: parts, combine }, list);
      const { runs, rowStart } = list.finish();
      for (let row = 0; row < rows; row++) {
        const kinds: number[] = [];
        for (let run = rowStart[row] ?? 0; run < (rowStart[row + 1] ?? 0); run++) {
          const [start = 0, end = 0, kind = 0] = runs.subarray(run * 4, run * 4 + 3);
          for (let kv = start; kv < end; kv += blockKv) kinds[kv / blockKv] = kind;
        }
        for (let kv = 0; kv < kvLength; kv += blockKv) {
          const seen = new Set<boolean>();
          for (let q = row * blockQ; q < Math.min((row + 1) * blockQ, M); q++) {
            for (let k = kv; k < Math.min(kv + blockKv, kvLength); k++) {
              const words = parts.map((part) => (part.q.at(q) + part.kv.at(k) <= 0 ? -1 : 0));
              seen.add(combine(Int32Array.from(words)) !== 0);
            }
          }
          const kind = seen.size === 2 ? PARTIAL : seen.has(true) ? FULL : undefined;
          expect(kinds[kv / blockKv]).toBe(kind);
        }
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
});
