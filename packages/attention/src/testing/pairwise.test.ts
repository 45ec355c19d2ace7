import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { coverPairs } from "./pairwise.ts";

interface Row {
  readonly a: number;
  readonly b: string;
  readonly c: boolean;
  readonly d: number;
}

const axes = { a: [1, 2, 3, 4, 5], b: ["x", "y", "z"], c: [false, true], d: [0, 1, 2, 3] };

const pairsOf = (row: Row): string[] => {
  const entries = Object.entries(row);
  return entries.flatMap((x, i) =>
    entries.slice(i + 1).map((y) => `${x.join("=")} ${y.join("=")}`),
  );
};

/** Every allowed row, by brute force. */
const everyRow = (allows: (row: Partial<Row>) => boolean): Row[] =>
  axes.a
    .flatMap((a) =>
      axes.b.flatMap((b) => axes.c.flatMap((c) => axes.d.map((d) => ({ a, b, c, d })))),
    )
    .filter(allows);

describe("a covering array", () => {
  test("meets every pair that an allowed row has, and has allowed rows only", () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(1, 3, 5), (seed, forbidden) => {
        const allows = ({ a, b, c }: Partial<Row>): boolean =>
          !(a === forbidden && b === "y") && !(b === "z" && c === true);
        const rows = coverPairs<Row>(axes, { allows, seed });
        const wanted = new Set(everyRow(allows).flatMap(pairsOf));
        expect(rows.every(allows)).toBe(true);
        expect(new Set(rows.flatMap(pairsOf))).toEqual(wanted);
      }),
      { numRuns: 20 },
    );
  });

  test("is near the size of its two largest axes, far below the product", () => {
    const rows = coverPairs<Row>(axes, { allows: () => true, seed: 1 });
    expect(rows.length).toBeLessThanOrEqual(1.3 * 5 * 4);
  });

  test("uses each value of a loose axis without meeting all others", () => {
    const rows = coverPairs<Row>(axes, { allows: () => true, loose: ["a", "d"], seed: 1 });
    expect(new Set(rows.map(({ a }) => a)).size).toBe(5);
    expect(new Set(rows.map(({ d }) => d)).size).toBe(4);
    expect(rows.length).toBeLessThan(10);
  });

  test("is the same for the same seed", () => {
    const make = (): Row[] => coverPairs<Row>(axes, { allows: () => true, seed: 7 });
    expect(make()).toEqual(make());
  });
});
