/**
 * Queries in, results out: 8 rows of a row-major tensor to and from a panel, which holds them side by side.
 *
 * The last panel of an item may have fewer than 8 rows of its own. Its spare lanes repeat the item's last row, in the query,
 * in what score and mask see, and so in the result, which is written several times over, each time the same.
 */
import { QUERY_LANES } from "../abi.ts";
import { extractLane, i32x4, load, op, select, shuffle, store } from "../asm/expression.ts";
import type { F32, I32, V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { PANEL_ROW } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { div, mul, plus, splat, splatWord, times } from "../lanes.ts";

type Four<T> = readonly [T, T, T, T];

/** Addresses of the panel's rows: row `row + lane`, the item's last row where that is beyond it. */
function rowAddresses(
  f: FunctionBuilder,
  { registers }: KernelContext,
  base: I32,
  row: I32,
  width: number,
): readonly Local<"i32">[] {
  return Array.from({ length: QUERY_LANES }, (_, lane) => {
    const own = f.let(`row${lane}`, plus(row, lane));
    const inside = op("i32.lt_u", own, registers.last);
    f.set(own, plus(base, times(select(inside, own, registers.last), width * 4)));
    return own;
  });
}

/** A 4 x 4 transpose, in locals. */
function transpose(f: FunctionBuilder, rows: Four<V128>, name: string): Four<Local<"v128">> {
  const [a, b, c, d] = rows.map((row, at) => f.let(`${name}${at}`, row)) as unknown as Four<
    Local<"v128">
  >;
  const ab = f.let(`${name}ab`, shuffle(a, b, [0, 4, 1, 5]));
  const cd = f.let(`${name}cd`, shuffle(c, d, [0, 4, 1, 5]));
  const abHigh = f.let(`${name}AB`, shuffle(a, b, [2, 6, 3, 7]));
  const cdHigh = f.let(`${name}CD`, shuffle(c, d, [2, 6, 3, 7]));
  f.set(a, shuffle(ab, cd, [0, 1, 4, 5]));
  f.set(b, shuffle(ab, cd, [2, 3, 6, 7]));
  f.set(c, shuffle(abHigh, cdHigh, [0, 1, 4, 5]));
  f.set(d, shuffle(abHigh, cdHigh, [2, 3, 6, 7]));
  return [a, b, c, d];
}

const halves = [0, 4] as const;

/** The four of `items` that begin at `from`. */
const four = <T>(items: readonly T[], from: number): Four<T> =>
  items.slice(from, from + 4) as unknown as Four<T>;

/** `pack(base, row, panel, factor)`: rows `row`.. of the [rows][D] tensor at `base`, times `factor`, into [D][8]. */
export function packFunction(context: KernelContext): FunctionBuilder {
  const { D } = context.spec;
  const params = { base: "i32", row: "i32", panel: "i32", factor: "f32" } as const;
  return context.module.function("pack", params, (f, { base, row, panel, factor }) => {
    const rows = rowAddresses(f, context, base, row, D);
    const factors = f.let("factors", splat(factor));
    const at = f.let("at", panel);
    const whole = D - (D % 4);
    const end = f.let("end", plus(panel, whole * PANEL_ROW));
    f.note("Q^T: four elements of four rows at a time");
    f.countUp("columns", at, end, 4 * PANEL_ROW, () => {
      for (const half of halves) {
        const loaded = four(rows, half).map((address) => load("v128.load", address));
        const turned = transpose(f, four(loaded, 0), "t");
        turned.forEach((column, n) => {
          f.do(store("v128.store", at, mul(column, factors), n * PANEL_ROW + half * 4));
        });
      }
      for (const address of rows) f.set(address, plus(address, 16));
    });
    for (let d = 0; d < D - whole; d++) {
      rows.forEach((address, lane) => {
        const scaled = op("f32.mul", load("f32.load", address, d * 4), factor);
        f.do(store("f32.store", at, scaled, d * PANEL_ROW + lane * 4));
      });
    }
    return undefined;
  });
}

/** `unpack(base, row, panel, divisors)`: [Dv][8] divided by the eight `divisors`, into rows of the tensor at `base`. */
export function unpackFunction(context: KernelContext): FunctionBuilder {
  const { Dv } = context.spec;
  const params = { base: "i32", row: "i32", panel: "i32", divisors: "i32" } as const;
  return context.module.function("unpack", params, (f, { base, row, panel, divisors }) => {
    const rows = rowAddresses(f, context, base, row, Dv);
    const by = halves.map((half) => f.let(`by${half}`, load("v128.load", divisors, half * 4)));
    const at = f.let("at", panel);
    const whole = Dv - (Dv % 4);
    const end = f.let("end", plus(panel, whole * PANEL_ROW));
    const divided = (d: number, half: number): V128 =>
      div(load("v128.load", at, d * PANEL_ROW + half * 4), by[half / 4] ?? f.lanes(1));
    f.note("O / sum: four rows of four elements at a time");
    f.countUp("columns", at, end, 4 * PANEL_ROW, () => {
      for (const half of halves) {
        const turned = transpose(
          f,
          [divided(0, half), divided(1, half), divided(2, half), divided(3, half)],
          "t",
        );
        turned.forEach((elements, lane) => {
          f.do(store("v128.store", rows[half + lane] ?? at, elements));
        });
      }
      for (const address of rows) f.set(address, plus(address, 16));
    });
    for (let d = 0; d < Dv - whole; d++) {
      for (const half of halves) storeLanes(f, rows, half, divided(d, half), d * 4);
    }
    return undefined;
  });
}

/** Lane n of `value` to address n of the four from `half`, plus `offset`. */
function storeLanes(
  f: FunctionBuilder,
  addresses: readonly I32[],
  half: number,
  value: V128,
  offset: number,
): void {
  const kept = f.let("kept", value);
  four(addresses, half).forEach((address, lane) => {
    const element: F32 = extractLane("f32x4", kept, lane);
    f.do(store("f32.store", address, element, offset));
  });
}

/** `scatter(base, row, from)`: the eight floats at `from` to elements `row`.. of the vector at `base`. */
export function scatterFunction(context: KernelContext): FunctionBuilder {
  const params = { base: "i32", row: "i32", from: "i32" } as const;
  return context.module.function("scatter", params, (f, { base, row, from }) => {
    const addresses = rowAddresses(f, context, base, row, 1);
    for (const half of halves) storeLanes(f, addresses, half, load("v128.load", from, half * 4), 0);
    return undefined;
  });
}

/** Positions of the panel's queries, row `row` + lane plus the offset; spare lanes have the last row's. */
export function queryPositions(
  f: FunctionBuilder,
  context: KernelContext,
  row: I32,
): readonly Local<"v128">[] {
  const { first, last, offset } = context.registers;
  return halves.map((half) => {
    const numbers = f.constant(`lane${half}`, () => i32x4(half, half + 1, half + 2, half + 3));
    const own = op("i32x4.add", splatWord(row), numbers);
    const clamped = op("i32x4.min_s", own, splatWord(last));
    return f.let(`q${half}`, op("i32x4.add", clamped, splatWord(plus(first, offset))));
  });
}
