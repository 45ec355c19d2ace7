import fc from "fast-check";
import { expect, test } from "vitest";
import { factor, negate, truthSpace } from "./truth.ts";
import type { Formula, Product } from "./truth.ts";

const SIZE = 4;
const space = truthSpace(SIZE);
const tables = fc.bigInt({ min: 0n, max: space.all });

const productTable = (product: Product): bigint =>
  product.reduce((table, { variable, positive }) => {
    const one = space.variable(variable);
    return table & (positive ? one : space.not(one));
  }, space.all);

const sumTable = (products: readonly Product[]): bigint =>
  products.reduce((table, product) => table | productTable(product), 0n);

function formulaTable(formula: Formula): bigint {
  if (formula.kind === "literal") return productTable([formula.literal]);
  const parts = formula.terms.map(formulaTable);
  return formula.kind === "and"
    ? parts.reduce((x, y) => x & y, space.all)
    : parts.reduce((x, y) => x | y, 0n);
}

test("variable i is true in the rows whose bit i is set", () => {
  for (let at = 0; at < SIZE; at++) {
    for (let row = 0; row < 2 ** SIZE; row++) {
      expect((space.variable(at) >> BigInt(row)) & 1n).toBe(BigInt((row >> at) & 1));
    }
  }
});

test("a cover is true where it must be, false where it must be, and no product of it can go", () => {
  const property = fc.property(tables, tables, (x, y) => {
    const [lower, upper] = [x & y, x | y];
    const products = space.cover(lower, upper) ?? [];
    const table = sumTable(products);
    expect(lower & ~table).toBe(0n);
    expect(table & ~upper).toBe(0n);
    for (const [at] of products.entries()) {
      expect(lower & ~sumTable(products.toSpliced(at, 1))).not.toBe(0n);
    }
  });
  fc.assert(property, { numRuns: 1_000 });
});

test("factoring and negating a sum of products keep its meaning", () => {
  const property = fc.property(tables, (table) => {
    const formula = factor(space.cover(table, table) ?? []);
    expect(formulaTable(formula)).toBe(table);
    expect(formulaTable(negate(formula))).toBe(space.not(table));
  });
  fc.assert(property, { numRuns: 1_000 });
});

test("a function without a short sum of products has none, rather than a long one", () => {
  const wide = truthSpace(6);
  const parity = Array.from({ length: 6 }, (_, at) => wide.variable(at)).reduce((x, y) => x ^ y);
  expect(wide.cover(parity, parity)).toBeNull();
  expect(space.cover(space.all, space.all)).toEqual([[]]);
  expect(space.cover(0n, 0n)).toEqual([]);
});
