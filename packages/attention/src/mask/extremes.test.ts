import fc from "fast-check";
import { expect, test } from "vitest";
import { Cell } from "../ir/interval-rules.ts";
import { Extremes } from "./extremes.ts";
import { ints } from "./test-masks.ts";

test("the extremes of a range are those of its elements, whether or not the rows rise", () => {
  const length = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 90 }));
  const property = fc.property(
    fc.infiniteStream(fc.integer()),
    length,
    fc.nat(),
    fc.nat(),
    fc.boolean(),
    (stream, n, from, to, sorted) => {
      const row = Int32Array.from({ length: n }, () => stream.next().value ?? 0);
      // Two rows that rise, but not from one to the next.
      const data = sorted ? [...row.toSorted(), ...row.toSorted()] : [...row, ...row];
      const [first, last] = [from % n, to % n].toSorted((a, b) => a - b) as [number, number];
      const cell = new Cell();
      new Extremes(ints(data, [2, n])).write(cell, n + first, n + last);
      const range = data.slice(n + first, n + last + 1);
      expect([cell.lo, cell.hi]).toEqual([Math.min(...range), Math.max(...range)]);
    },
  );
  fc.assert(property);
});
