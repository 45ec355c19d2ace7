/**
 * Every mathematical function on lanes against float64 over its whole range.
 *
 * The bounds are those of the WebAssembly target's functions: the largest errors seen there (in units in the last place of the f32
 * result), rounded up a little.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { LAUNCH } from "../abi.ts";
import type { NativeTarget } from "../abi.ts";
import { missing, Program } from "../test-harness.ts";
import type { Word } from "../test-harness.ts";

type Range = readonly [number, number];

interface Row {
  /** In C, of x and y. */
  readonly value: string;
  readonly meaning: (x: number, y: number) => number;
  readonly ranges: readonly Range[];
  /** For y; default -100 to 100. */
  readonly second?: readonly Range[];
  /** Most units in the last place. */
  readonly ulps: number;
}

const everything: readonly Range[] = [
  [-3.4e38, 3.4e38],
  [-1e-38, 1e-38],
  [-100, 100],
  [-1, 1],
];
const positive: readonly Range[] = [
  [1e-45, 1e-38],
  [0, 2],
  [0.9, 1.1],
  [0, 3.4e38],
  [0, 1e6],
];
const angles: readonly Range[] = [
  [-10, 10],
  [-1e4, 1e4],
  [-1.04e6, 1.04e6],
  [-3e38, 3e38],
];

const rows: readonly Row[] = [
  {
    value: "v_exp(x)",
    meaning: Math.exp,
    ranges: [
      [-110, 95],
      [-1, 1],
      [-90, -86],
    ],
    ulps: 1.3,
  },
  {
    value: "v_expm1(x)",
    meaning: Math.expm1,
    ranges: [
      [-110, 95],
      [-1, 1],
      [-1e-5, 1e-5],
      [-1e-40, 1e-40],
    ],
    ulps: 2,
  },
  {
    value: "v_tanh(x)",
    meaning: Math.tanh,
    ranges: [
      [-12, 12],
      [-1, 1],
      [-1e-4, 1e-4],
      [-1e9, 1e9],
    ],
    ulps: 2.6,
  },
  { value: "v_log(x)", meaning: Math.log, ranges: positive, ulps: 1.2 },
  { value: "v_log2(x)", meaning: Math.log2, ranges: positive, ulps: 2.2 },
  { value: "v_log10(x)", meaning: Math.log10, ranges: positive, ulps: 2.2 },
  {
    value: "v_log1p(x)",
    meaning: Math.log1p,
    ranges: [
      [-1, 1],
      [-1e-4, 1e-4],
      [-1e-40, 1e-40],
      [0, 3.4e38],
    ],
    ulps: 2.2,
  },
  { value: "v_sin(x)", meaning: Math.sin, ranges: angles, ulps: 1.6 },
  { value: "v_cos(x)", meaning: Math.cos, ranges: angles, ulps: 1.6 },
  { value: "v_tan(x)", meaning: Math.tan, ranges: angles, ulps: 3.5 },
  {
    value: "v_pow(x, y)",
    meaning: (x, y) => x ** y,
    ranges: [
      [0, 3],
      [-5, 5],
      [0, 3.4e38],
      [0, 1e-38],
    ],
    second: [
      [-30, 30],
      [-2, 2],
      [-200, 200],
      [-4, 4],
    ],
    ulps: 2.5,
  },
  { value: "lanes_cbrt(x)", meaning: Math.cbrt, ranges: everything, ulps: 0.51 },
  { value: "lanes_atan2(x, y)", meaning: Math.atan2, ranges: everything, ulps: 0.51 },
  {
    value: "lanes_fmod(x, y)",
    meaning: (x, y) => x % y,
    ranges: everything,
    second: [...everything, [-1e-30, 1e-30]],
    ulps: 0,
  },
  { value: "v_min(x, y)", meaning: Math.min, ranges: everything, ulps: 0 },
  { value: "v_max(x, y)", meaning: Math.max, ranges: everything, ulps: 0 },
  { value: "v_round(x)", meaning: Math.round, ranges: everything, ulps: 0 },
  { value: "v_sign(x)", meaning: Math.sign, ranges: everything, ulps: 0 },
  {
    value: "v_divide(x, 41.0f, s_reciprocal(41.0f))",
    meaning: (x) => x / 41,
    ranges: [
      [-1e38, 1e38],
      [-1000, 1000],
    ],
    ulps: 0.5,
  },
];

const edges = [
  ...[0, -0, 1, -1, 0.5, -0.5, 2, 3, -2, -3, 88, 89, 127, 128, -87.5, -88, -104],
  ...[1e-45, -1e-45, 2 ** -126, 2 ** 24, 2 ** 24 + 2, 3.4028234663852886e38],
  ...[-3.4028234663852886e38, Infinity, -Infinity, NaN],
];

const SAMPLES = 20_000;

/** Size of the last place of an f32 near x, subnormals included. */
function ulp(x: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -126) - 23);
}

/** Error in units in the last place; infinite where one is NaN or infinite and the other is not. */
function errorOf(got: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (Object.is(got, rounded) || got === rounded) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(rounded)) {
    // Beside the largest number, one unit decides between it and infinity.
    const overflow = Math.abs(exact) > 3.40282e38 && Math.abs(got) > 3.40282e38;
    return overflow && Math.sign(got) === Math.sign(exact) ? 1 : Infinity;
  }
  return Math.abs(got - exact) / ulp(exact === 0 ? 2 ** -126 : exact);
}

/** Evenly in value, and evenly in exponent. */
function sample([low, high]: Range, n: number): number {
  const t = ((n * 0x9e3779b1) >>> 0) / 2 ** 32;
  if (n % 2 === 0) return low + t * (high - low);
  const end = n % 4 === 1 ? low : high;
  return end * 2 ** (-30 * t);
}

const bodyOf = (symbol: string, value: string): string => `
EXPORT int32_t ${symbol}(struct vigil_launch *L) {
  for (int64_t n = 0; n < L->N; n += LANES) {
    f32x x = v_load((const float *)L->query + n), y = v_load((const float *)L->key + n);
    (void)y;
    v_store((float *)L->out + n, ${value});
  }
  return 0;
}`;

/** The softmax's exponential goes with the rest. */
const weight = "v_weight(x, v_set(1.0f), v_set(-127.0f))";
const values = [...rows.map(({ value }) => value), weight];

const targets: readonly (readonly [string, NativeTarget])[] = [
  ["8 lanes", { isa: "avx2" }],
  ["16 lanes, in pairs", { isa: "avx512", emulate: true }],
];

describe.each(targets)("%s", (_, target) => {
  let program: Program | null = null;

  beforeAll(() => {
    if (missing !== null) return undefined;
    const kernels = values.map((value, n) => ({ symbol: `f${n}`, body: bodyOf(`f${n}`, value) }));
    const made = new Program(target, kernels, ["-O1"]);
    program = made;
    return () => made[Symbol.dispose]();
  });

  function compute(value: string, xs: Float32Array, ys: Float32Array): Float32Array {
    const words = new Map<number, Word>([
      [LAUNCH.query, { buffer: 0 }],
      [LAUNCH.key, { buffer: 1 }],
      [LAUNCH.out, { buffer: 2 }],
      [LAUNCH.N, xs.length],
    ]);
    const buffers = [xs, ys, new Float32Array(xs.length)].map(
      (data) => new Uint8Array(data.buffer),
    );
    const symbol = `f${values.indexOf(value)}`;
    const [results = []] = program?.run([{ symbol, words, buffers, threads: 1 }]) ?? [];
    return new Float32Array(Uint8Array.from(results[2] ?? []).buffer);
  }

  function worst(
    value: string,
    meaning: Row["meaning"],
    xs: Float32Array,
    ys: Float32Array,
  ): object & { error: number } {
    const got = compute(value, xs, ys);
    let found = { error: 0, x: NaN, y: NaN, got: NaN };
    xs.forEach((x, n) => {
      const [y = NaN, own = NaN] = [ys[n], got[n]];
      const error = errorOf(own, meaning(x, y));
      if (error > found.error) found = { error, x, y, got: own };
    });
    return found;
  }

  test.for(rows)("$value is within $ulps units, and right at the edges", (row, context) => {
    if (missing !== null) context.skip(missing);
    const { value, meaning, ranges, second = [[-100, 100]], ulps } = row;
    for (const range of ranges) {
      for (const others of second) {
        const xs = Float32Array.from({ length: SAMPLES }, (_, n) => sample(range, n));
        const ys = Float32Array.from({ length: SAMPLES }, (_, n) => sample(others, n * 7 + 3));
        const found = worst(value, meaning, xs, ys);
        expect(found.error, JSON.stringify(found)).toBeLessThanOrEqual(ulps);
      }
    }
    const pairs = edges.flatMap((x) => edges.map((y) => [x, y] as const));
    const padded = Array.from(
      { length: Math.ceil(pairs.length / 16) * 16 },
      (_, n) => pairs[n] ?? [1, 1],
    );
    const found = worst(
      value,
      meaning,
      Float32Array.from(padded, ([x]) => x ?? 1),
      Float32Array.from(padded, ([, y]) => y ?? 1),
    );
    expect(found.error, JSON.stringify(found)).toBeLessThanOrEqual(Math.max(ulps, 1));
  });

  test("the softmax's power of two is within 2.2 units, 1 at 0, 0 where it vanishes", (context) => {
    if (missing !== null) context.skip(missing);
    const xs = Float32Array.from({ length: SAMPLES }, (_, n) =>
      n % 2 === 0 ? sample([-126, 126], n) : sample([-1, 1], n),
    );
    const found = worst(weight, (x) => 2 ** x, xs, xs);
    expect(found.error, JSON.stringify(found)).toBeLessThanOrEqual(2.2);
    const special = Float32Array.of(
      0,
      -0,
      -Infinity,
      -127,
      -1000,
      -3e38,
      NaN,
      -1,
      ...Array(8).fill(0),
    );
    expect([...compute(weight, special, special)].slice(0, 8)).toEqual([
      1,
      1,
      0,
      0,
      0,
      0,
      NaN,
      0.5,
    ]);
  });
});
