import fc from "fast-check";
import { expect, test } from "vitest";
import type { OperatorOp } from "./builder.ts";
import { Cell, I32_MAX, I32_MIN, ruleOf } from "./interval-rules.ts";
import { scalarOf } from "./scalar.ts";
import { signatures } from "./testing-graphs.ts";
import type { ScalarType } from "./types.ts";

const runs = process.env["VIGIL_TEST"] === "full" ? 20_000 : 1_000;

/** A range with a value inside it; NaN where the range allows it. */
interface Inside {
  readonly lo: number;
  readonly hi: number;
  readonly nan: boolean;
  readonly value: number;
}

const integers = fc.oneof(
  fc.integer({ min: -9, max: 40 }),
  fc.integer({ min: I32_MIN, max: I32_MAX }),
  fc.constantFrom(I32_MIN, I32_MAX, 0, -1, 1, 46340, 46341, 2 ** 24 + 1),
);
const floats = fc.oneof(
  fc.float({ min: -8, max: 8, noNaN: true }),
  fc.float({ min: 0, max: 2, noNaN: true }),
  fc.float({ noNaN: true }),
  fc.integer({ min: -4, max: 4 }),
  fc.constantFrom(0, -0, 1, -1, Infinity, -Infinity, 2 ** -149, -(2 ** -149)),
);

const values: { readonly [K in ScalarType]: fc.Arbitrary<number> } = {
  i32: integers,
  f32: floats,
  bool: fc.integer({ min: 0, max: 1 }),
};

const most: { readonly [K in ScalarType]: number } = { i32: I32_MAX, f32: Infinity, bool: 1 };

/** Three sorted values are a range and something inside; often the range is a point. */
const inside = (type: ScalarType): fc.Arbitrary<Inside> =>
  fc
    .tuple(values[type], values[type], values[type], fc.boolean(), fc.integer({ min: 0, max: 9 }))
    .map(([x, y, z, point, draw]) => {
      const drawn = point ? [x] : [x, y, z];
      // Ranges on one side of zero are what many rules are about.
      const sided = draw > 5 ? drawn.map((one) => Math.min(Math.abs(one), most[type])) : drawn;
      const [lo = x, value = lo, hi = lo] = sided.toSorted((p, q) => p - q);
      const nan = type === "f32" && draw < 2;
      return { lo, hi, nan, value: nan && draw === 0 ? NaN : value };
    });

function cellOf({ lo, hi, nan }: Inside): Cell {
  const cell = new Cell();
  cell.lo = lo;
  cell.hi = hi;
  cell.nan = nan;
  return cell;
}

function expectInside(
  op: OperatorOp,
  args: readonly ScalarType[],
  operands: readonly Inside[],
): void {
  const [type = "f32"] = args;
  const [x, y = x, z = y] = operands;
  if (x === undefined || y === undefined || z === undefined) throw new Error("no operand");
  const out = new Cell();
  ruleOf(op, type)(out, cellOf(x), cellOf(y), cellOf(z));
  const result = scalarOf(op, type)(x.value, y.value, z.value);
  if (Number.isNaN(result)) expect(out.nan).toBe(true);
  else {
    expect(result).toBeGreaterThanOrEqual(out.lo);
    expect(result).toBeLessThanOrEqual(out.hi);
  }
}

test.each(signatures.map(({ op, args }) => [op, args] as const))(
  "%s of %j: the result of any values lies in the interval of any ranges that hold them",
  (op, args) => {
    const check = fc.property(fc.tuple(...args.map(inside)), (operands) =>
      expectInside(op, args, operands),
    );
    fc.assert(check, { numRuns: runs });
  },
);
