/**
 * The two matrix products of decode: few query rows, so lanes run along D and along Dv, and K and V are read as vectors.
 *
 *     dots      s[row][key..key+3] = factor * Q[row] . K[key..key+3]
 *     weighted  O[row][v] = alpha[row] * O[row][v] + sum over k of p[row][k] * V[k][v]
 *
 * Two rows at a time share what is loaded. With one row, memory is the limit long before the sums are.
 */
import { extractLane, load, op, select, shuffle, store } from "../asm/expression.ts";
import type { I32, V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import type { KernelContext } from "../context.ts";
import { add, mul, plus, splat, times } from "../lanes.ts";

/** Bytes from one row of a decode score tile to the next. */
export const tileRowBytes = ({ tile }: KernelContext): number => tile * 4;

/** Lane n is the sum of the lanes of vector n. */
function sumsOfLanes(f: FunctionBuilder, vectors: readonly V128[]): V128 {
  const [a, b, c, d] = vectors.map((vector) => f.let("sum", vector));
  if (a === undefined || b === undefined || c === undefined || d === undefined) return f.lanes(0);
  const ab = f.let("ab", add(shuffle(a, b, [0, 4, 1, 5]), shuffle(a, b, [2, 6, 3, 7])));
  const cd = f.let("cd", add(shuffle(c, d, [0, 4, 1, 5]), shuffle(c, d, [2, 6, 3, 7])));
  return add(shuffle(ab, cd, [0, 1, 4, 5]), shuffle(ab, cd, [2, 3, 6, 7]));
}

const dotsParams = {
  key: "i32",
  last: "i32",
  query: "i32",
  tile: "i32",
  end: "i32",
  factor: "f32",
} as const;

type DotsParams = { readonly [K in keyof typeof dotsParams]: Local<(typeof dotsParams)[K]> };

/** Locals of the sums of four keys: `sums[row][key]`, four partial sums in the lanes of each. */
type Sums = readonly (readonly Local<"v128">[])[];

const sumsOf = (f: FunctionBuilder, rows: number, name: string): Sums =>
  Array.from({ length: rows }, (_, row) =>
    [0, 1, 2, 3].map((key) => f.local("v128", `${name}${row}${key}`)),
  );

/**
 * Elements of D that are summed in one go; the sums of larger heads are sums of those, which keeps their error at that
 * of so many terms.
 */
const PART = 128;

/**
 * `dots<rows>(key, last, query, tile, end, factor)`: keys from address `key`, the last at `last`, four at a time, until the tile's
 * first row is filled up to `end`; the scores of the next row lie `tileRowBytes` further on.
 */
export function dotsFunction(context: KernelContext, rows: 1 | 2): FunctionBuilder {
  const { D } = context.spec;
  const fill = (f: FunctionBuilder, params: DotsParams): undefined => {
    const { key, last, query, tile, end, factor } = params;
    const keys = [0, 1, 2, 3].map((n) => f.local("i32", `key${n}`));
    const at = f.local("i32", "at");
    const factors = f.let("factors", splat(factor));
    const sums = dotProducts(context, f, { rows, keys, at, query });
    f.note("s = q . k: four keys side by side, four elements of each in the lanes");
    f.countUp("fours", tile, end, 16, () => {
      keys.forEach((address, n) => {
        f.set(address, plus(key, n * D * 4));
        if (n > 0) f.set(address, select(op("i32.lt_u", address, last), address, last));
      });
      sums().forEach((row, n) => {
        const scores = mul(sumsOfLanes(f, row), factors);
        f.do(store("v128.store", tile, scores, n * tileRowBytes(context)));
      });
      f.set(key, plus(key, 4 * D * 4));
    });
  };
  return context.module.function(`dots${rows}`, dotsParams, fill);
}

interface Operands {
  readonly rows: number;
  /** Addresses of four keys: they move along. */
  readonly keys: readonly Local<"i32">[];
  /** Address within the first query row, and where that begins. */
  readonly at: Local<"i32">;
  readonly query: I32;
}

/** What emits the products of the four keys with each row; it returns their sums. */
function dotProducts(context: KernelContext, f: FunctionBuilder, operands: Operands): () => Sums {
  const { spec, fma } = context;
  const { rows, keys, at, query } = operands;
  const [acc, total] = [sumsOf(f, rows, "acc"), sumsOf(f, rows, "total")];
  const elements = keys.map((_, n) => f.local("v128", `k${n}`));
  const q = f.local("v128", "q");
  const step = (name: "v128.load" | "v128.load32_zero", offset: number): void => {
    elements.forEach((element, n) => f.set(element, load(name, keys[n] ?? at, offset)));
    acc.forEach((sums, row) => {
      f.set(q, load(name, at, row * spec.D * 4 + offset));
      sums.forEach((sum, n) => f.set(sum, fma(q, elements[n] ?? q, sum)));
    });
  };
  const vectorsTo = (stop: I32): void =>
    f.countUp("vectors", at, stop, 16, () => {
      step("v128.load", 0);
      for (const key of keys) f.set(key, plus(key, 16));
    });
  const clear = (sums: Sums): void => sums.flat().forEach((sum) => f.set(sum, f.lanes(0)));
  const addUp = (): void =>
    total.forEach((sums, row) =>
      sums.forEach((sum, n) => f.set(sum, add(sum, acc[row]?.[n] ?? sum))),
    );
  const whole = spec.D - (spec.D % 4);
  const [stop, part] = [f.let("stop", plus(query, whole * 4)), f.local("i32", "part")];
  const rest = (): void => {
    for (let d = 0; d < spec.D - whole; d++) step("v128.load32_zero", d * 4);
  };
  return () => {
    f.set(at, query);
    clear(acc);
    if (spec.D <= PART) {
      vectorsTo(stop);
      rest();
      return acc;
    }
    clear(total);
    f.while("parts", op("i32.lt_u", at, stop), () => {
      f.set(part, plus(at, PART * 4));
      f.set(part, select(op("i32.lt_u", part, stop), part, stop));
      vectorsTo(part);
      addUp();
      clear(acc);
    });
    rest();
    addUp();
    return total;
  };
}

/** Vectors of Dv side by side: with the rows, at least 8 sums, which hide the latency of the additions. */
const columnsOf = { 1: 8, 2: 4 } as const;

interface Weighted {
  readonly context: KernelContext;
  readonly f: FunctionBuilder;
  readonly rows: 1 | 2;
  readonly value: Local<"i32">;
  readonly weights: I32;
  readonly out: Local<"i32">;
  readonly outBytes: number;
  readonly alphas: readonly Local<"v128">[];
  readonly count: I32;
}

/** Sums over the keys of the next `columns` vectors (or single elements) of each row. */
function weightedColumns(w: Weighted, columns: number, element: boolean): void {
  const { context, f, rows } = w;
  const loadName = element ? "v128.load32_zero" : "v128.load";
  const width = element ? 4 : 16;
  const acc = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_unused, n) => {
      const before = load(loadName, w.out, row * w.outBytes + n * width);
      return f.let(`acc${row}${n}`, mul(w.alphas[row] ?? before, before));
    }),
  );
  const at = f.let("at", w.value);
  const p = f.let("p", w.weights);
  const end = f.let("end", plus(p, times(w.count, 4)));
  const v = f.local("v128", "v");
  const weights = acc.map((_, row) => f.local("v128", `p${row}`));
  f.countUp("keys", p, end, 4, () => {
    weights.forEach((weight, row) =>
      f.set(weight, load("v128.load32_splat", p, row * tileRowBytes(context))),
    );
    for (let n = 0; n < columns; n++) {
      f.set(v, load(loadName, at, n * width));
      acc.forEach((sums, row) => {
        const sum = sums[n] ?? v;
        f.set(sum, context.fma(weights[row] ?? v, v, sum));
      });
    }
    f.set(at, plus(at, context.spec.Dv * 4));
  });
  acc.forEach((sums, row) =>
    sums.forEach((sum, n) => storeColumn(f, w.out, sum, row * w.outBytes + n * width, element)),
  );
  f.set(w.value, plus(w.value, columns * width));
  f.set(w.out, plus(w.out, columns * width));
}

function storeColumn(
  f: FunctionBuilder,
  at: I32,
  value: V128,
  offset: number,
  element: boolean,
): void {
  if (element) f.do(store("f32.store", at, extractLane("f32x4", value, 0), offset));
  else f.do(store("v128.store", at, value, offset));
}

/**
 * `weighted<rows>(value, weights, out, alpha0, alpha1, count)`: rows of O `outBytes` apart; weights `tileRowBytes` apart.
 */
export function weightedFunction(
  context: KernelContext,
  rows: 1 | 2,
  outBytes: number,
): FunctionBuilder {
  const { module, spec } = context;
  const params = {
    value: "i32",
    weights: "i32",
    out: "i32",
    alpha0: "f32",
    alpha1: "f32",
    count: "i32",
  } as const;
  return module.function(
    `weighted${rows}`,
    params,
    (f, { value, weights, out, alpha0, alpha1, count }) => {
      const alphas = [alpha0, alpha1].slice(0, rows).map((alpha) => f.let("alphas", splat(alpha)));
      const w = { context, f, rows, value, weights, out, outBytes, alphas, count };
      const columns = columnsOf[rows];
      const wide = Math.floor(spec.Dv / (columns * 4));
      const narrow = Math.floor(spec.Dv / 4) - wide * columns;
      const repeat = (name: string, rounds: number, vectors: number): void => {
        if (rounds === 0) return;
        const end = f.let("stop", plus(out, rounds * vectors * 16));
        f.while(name, op("i32.lt_u", out, end), () => weightedColumns(w, vectors, false));
      };
      repeat("wide", wide, columns);
      repeat("narrow", narrow, 1);
      for (let n = 0; n < spec.Dv % 4; n++) weightedColumns(w, 1, true);
      return undefined;
    },
  );
}
