/**
 * Every mathematical function on lanes against float64 over its whole range.
 *
 * The bounds are the largest errors seen (in units in the last place of the f32 result), rounded up a little; they
 * hold with fused multiply-adds and without.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { load, store } from "../asm/expression.ts";
import { ModuleBuilder } from "../asm/module.ts";
import { fmaOf } from "./emitter.ts";
import type { LaneFunction } from "./emitter.ts";
import { exp, exponentialInPlace, expm1, tanh } from "./exp.ts";
import { log, log10, log1p, log2 } from "./log.ts";
import { pow } from "./pow.ts";
import { onEachLane, scalarFunction } from "./scalar.ts";
import { cos, sin, tan } from "./trig.ts";

type Meaning = (x: number, y: number) => number;

interface Row {
  readonly name: string;
  readonly fn: LaneFunction;
  readonly meaning: Meaning;
  /** Arguments come from these ranges. */
  readonly ranges: readonly (readonly [number, number])[];
  readonly second?: readonly (readonly [number, number])[];
  /** Most units in the last place. */
  readonly ulps: number;
}

const everything = [
  [-3.4e38, 3.4e38],
  [-1e-38, 1e-38],
  [-100, 100],
  [-1, 1],
] as const;
const positive = [
  [1e-45, 1e-38],
  [0, 2],
  [0.9, 1.1],
  [0, 3.4e38],
  [0, 1e6],
] as const;

const rows: readonly Row[] = [
  {
    name: "exp",
    fn: exp,
    meaning: Math.exp,
    ranges: [
      [-110, 95],
      [-1, 1],
      [-90, -86],
    ],
    ulps: 1.3,
  },
  {
    name: "expm1",
    fn: expm1,
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
    name: "tanh",
    fn: tanh,
    meaning: Math.tanh,
    ranges: [
      [-12, 12],
      [-1, 1],
      [-1e-4, 1e-4],
      [-1e9, 1e9],
    ],
    ulps: 2.5,
  },
  { name: "log", fn: log, meaning: Math.log, ranges: positive, ulps: 1.2 },
  { name: "log2", fn: log2, meaning: Math.log2, ranges: positive, ulps: 2.2 },
  { name: "log10", fn: log10, meaning: Math.log10, ranges: positive, ulps: 2.2 },
  {
    name: "log1p",
    fn: log1p,
    meaning: Math.log1p,
    ranges: [
      [-1, 1],
      [-1e-4, 1e-4],
      [-1e-40, 1e-40],
      [0, 3.4e38],
    ],
    ulps: 2.2,
  },
  {
    name: "sin",
    fn: sin,
    meaning: Math.sin,
    ranges: [
      [-10, 10],
      [-1e4, 1e4],
      [-1.04e6, 1.04e6],
      [-3e38, 3e38],
    ],
    ulps: 1.6,
  },
  {
    name: "cos",
    fn: cos,
    meaning: Math.cos,
    ranges: [
      [-10, 10],
      [-1e4, 1e4],
      [-1.04e6, 1.04e6],
      [-3e38, 3e38],
    ],
    ulps: 1.6,
  },
  {
    name: "tan",
    fn: tan,
    meaning: Math.tan,
    ranges: [
      [-10, 10],
      [-1e4, 1e4],
      [-1.04e6, 1.04e6],
      [-3e38, 3e38],
    ],
    ulps: 3.5,
  },
  {
    name: "pow",
    fn: pow,
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
  { name: "cbrt", fn: onEachLane("cbrt", 1), meaning: Math.cbrt, ranges: everything, ulps: 0.51 },
  {
    name: "atan2",
    fn: onEachLane("atan2", 2),
    meaning: Math.atan2,
    ranges: everything,
    ulps: 0.51,
  },
  {
    name: "rem",
    fn: onEachLane("rem", 2),
    meaning: (x, y) => x % y,
    ranges: everything,
    second: [...everything, [-1e-30, 1e-30]],
    ulps: 0,
  },
];

const edges = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  2,
  3,
  -2,
  -3,
  88,
  89,
  127,
  128,
  -87.5,
  -88,
  -104,
  1e-45,
  -1e-45,
  2 ** -126,
  2 ** 24,
  2 ** 24 + 2,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  Infinity,
  -Infinity,
  NaN,
];

const SAMPLES = 40_000;
const memory = new WebAssembly.Memory({ initial: 32 });
const [xAt, yAt, outAt] = [0, 1 << 18, 1 << 19];

/** `run(count)`: the function of each x and y, four at a time. */
async function compile(fn: LaneFunction, relaxed: boolean): Promise<(count: number) => void> {
  const module = new ModuleBuilder();
  module.useMemory({ shared: false });
  module.function(
    "run",
    { end: "i32" },
    (f, { end }) => {
      const e = {
        f,
        fma: fmaOf(relaxed),
        scalar: (name: string, arity: number) => scalarFunction(module, name, arity),
      };
      const [at, x, y] = [f.local("i32", "at"), f.local("v128", "x"), f.local("v128", "y")];
      f.countUp("each", at, end, 16, () => {
        f.set(x, load("v128.load", at, xAt));
        f.set(y, load("v128.load", at, yAt));
        f.do(store("v128.store", at, fn(e, x, y), outAt));
      });
      return undefined;
    },
    { exported: true },
  );
  const { instance } = await WebAssembly.instantiate(module.encode(), {
    env: { memory },
    math: { ...mathImports },
  });
  const run = instance.exports["run"] as (end: number) => void;
  return (count) => run(count * 4);
}

const mathImports = Object.fromEntries(
  Object.getOwnPropertyNames(Math).map((name) => [name, Math[name as "sin"]]),
);

const at = (address: number, count: number): Float32Array =>
  new Float32Array(memory.buffer, address, count);

/** Size of the last place of an f32 near x, subnormals included. */
function ulp(x: number): number {
  const size = Math.abs(x);
  return 2 ** (Math.max(Math.floor(Math.log2(size)), -126) - 23);
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

interface Worst {
  readonly error: number;
  readonly x: number;
  readonly y: number;
  readonly got: number;
}

function worst(count: number, meaning: Meaning): Worst {
  let found: Worst = { error: 0, x: NaN, y: NaN, got: NaN };
  const [xs, ys, outs] = [at(xAt, count), at(yAt, count), at(outAt, count)];
  for (let n = 0; n < count; n++) {
    const [x = NaN, y = NaN, got = NaN] = [xs[n], ys[n], outs[n]];
    const error = errorOf(got, meaning(x, y));
    if (error > found.error) found = { error, x, y, got };
  }
  return found;
}

/** Evenly in value, and evenly in exponent. */
function sample(range: readonly [number, number], n: number): number {
  const [low, high] = range;
  const t = ((n * 0x9e3779b1) >>> 0) / 2 ** 32;
  if (n % 2 === 0) return low + t * (high - low);
  const end = n % 4 === 1 ? low : high;
  return end * 2 ** (-30 * t);
}

describe.each([true, false])("fused %s", (relaxed) => {
  describe.each(rows)("$name", ({ fn, meaning, ranges, second, ulps }) => {
    let run: (count: number) => void;
    beforeAll(async () => {
      run = await compile(fn, relaxed);
    });

    test.each(ranges)(`is within ${ulps} units — %d to %d`, (...range) => {
      (second ?? [[-100, 100] as const]).forEach((others) => {
        at(xAt, SAMPLES).forEach((_, n, xs) => (xs[n] = sample(range, n)));
        at(yAt, SAMPLES).forEach((_, n, ys) => (ys[n] = sample(others, n * 7 + 3)));
        run(SAMPLES);
        const found = worst(SAMPLES, meaning);
        expect(found.error, JSON.stringify(found)).toBeLessThanOrEqual(ulps);
      });
    });

    test("is right at the edges", () => {
      const pairs = edges.flatMap((x) => edges.map((y) => [x, y] as const));
      const count = Math.ceil(pairs.length / 4) * 4;
      at(xAt, count).set(pairs.map(([x]) => x));
      at(yAt, count).set(pairs.map(([, y]) => y));
      run(count);
      const found = worst(pairs.length, meaning);
      expect(found.error, JSON.stringify(found)).toBeLessThanOrEqual(Math.max(ulps, 1));
    });
  });
});

describe.each([true, false])("the softmax's power of two, fused %s", (relaxed) => {
  let run: (count: number) => void;
  beforeAll(async () => {
    run = await compile(
      (e, x) => exponentialInPlace(e, x, { factor: e.f.lanes(1), floor: e.f.lanes(-127) }),
      relaxed,
    );
  });

  test("is within 2.2 units from -126 to 127", () => {
    at(xAt, SAMPLES).forEach(
      (_, n, xs) => (xs[n] = n % 2 === 0 ? sample([-126, 127], n) : sample([-1, 1], n)),
    );
    run(SAMPLES);
    const found = worst(SAMPLES, (x) => 2 ** x);
    expect(found.error, JSON.stringify(found)).toBeLessThanOrEqual(2.2);
  });

  test("gives exactly 1 for 0, 0 for what vanishes, NaN for NaN", () => {
    at(xAt, 8).set([0, -0, -Infinity, -127, -1000, -3e38, NaN, -1]);
    run(8);
    expect([...at(outAt, 8)]).toEqual([1, 1, 0, 0, 0, 0, NaN, 0.5]);
  });
});
