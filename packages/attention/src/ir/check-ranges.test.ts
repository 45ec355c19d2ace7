import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder } from "./builder.ts";
import { checkRanges, clampedLoads } from "./check-ranges.ts";
import type { AxisRanges } from "./check-ranges.ts";
import { compileElement } from "./evaluate.ts";
import { showNode } from "./show.ts";
import { simplify } from "./simplify.ts";
import { asJavaScript, expressionOf, graphCases } from "./testing-graphs.ts";
import type { CaptureValues, Node } from "./types.ts";

const runs = process.env["VIGIL_TEST"] === "full" ? 50_000 : 2_000;

const make = new Builder();
const q = make.index("q");
const kv = make.index("kv");
const n = make.uniform("n", "i32");
const int = (value: number): Node => make.constant("i32", value);
const zero = int(0);

const captures = (value = 0): CaptureValues => ({
  uniforms: new Map([["n", value]]),
  tensors: new Map([
    ["bias", { type: "f32", shape: [2, 8], data: new Float32Array(16) }],
    ["doc", { type: "i32", shape: [100], data: new Int32Array(100) }],
  ]),
});

/** Positions q up to `most`, keys up to `mostKey`. */
const upTo = (most: number, mostKey = 0): AxisRanges => ({
  b: { lo: 0, hi: 0 },
  h: { lo: 0, hi: 1 },
  q: { lo: 0, hi: most },
  kv: { lo: 0, hi: mostKey },
});

const isOne = (node: Node): Node => make.make("eq", node, int(1));

const refusal = (root: Node, ranges: AxisRanges, values = captures()): string | null => {
  try {
    checkRanges(expressionOf("mask", root), values, ranges);
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return error instanceof Error ? error.message : "";
  }
};

const big = 2 ** 31 - 1;

/** Each: the greatest q that is legal; one more is refused. */
const edges: readonly { readonly name: string; readonly node: Node; readonly last: number }[] = [
  { name: "q * q", node: make.make("mul", q, q), last: 46_340 },
  { name: "q * 3", node: make.make("mul", q, int(3)), last: 715_827_882 },
  { name: "q + 2147483000", node: make.make("add", q, int(2_147_483_000)), last: 647 },
  { name: "-2147483000 - q", node: make.make("sub", int(-2_147_483_000), q), last: 648 },
  {
    name: "-(-2147483640 - q)",
    node: make.make("neg", make.make("sub", int(-2_147_483_640), q)),
    last: 7,
  },
  {
    name: "Math.abs(-2147483640 - q)",
    node: make.make("abs", make.make("sub", int(-2_147_483_640), q)),
    last: 7,
  },
  {
    name: "Math.floor((-2147483640 - q) / -1)",
    node: make.make("floorDiv", make.make("sub", int(-2_147_483_640), q), int(-1)),
    last: 7,
  },
  {
    name: "Math.trunc((-2147483640 - q) / -1)",
    node: make.make("truncDiv", make.make("sub", int(-2_147_483_640), q), int(-1)),
    last: 7,
  },
  {
    name: "3 - q >>> 0",
    node: make.make("ushr", make.make("sub", int(3), q), zero),
    last: 3,
  },
  { name: "5 % (9 - q)", node: make.make("rem", int(5), make.make("sub", int(9), q)), last: 8 },
  {
    name: "Math.floor(5 / (9 - q))",
    node: make.make("floorDiv", int(5), make.make("sub", int(9), q)),
    last: 8,
  },
  {
    name: "Math.trunc(5 / (9 - q))",
    node: make.make("truncDiv", int(5), make.make("sub", int(9), q)),
    last: 8,
  },
];

describe("at the edge", () => {
  test.each(edges)(
    "$name is fine up to q = $last and refused from there",
    ({ name, node, last }) => {
      expect(showNode(node)).toBe(name);
      expect(refusal(isOne(node), upTo(last))).toBeNull();
      expect(refusal(isOne(node), upTo(last + 1))).toContain(`${name}: expected`);
    },
  );
});

test("bit operations and Math.imul may wrap around: that is what they mean", () => {
  const wrapping = [
    make.make("shl", q, int(20)),
    make.make("imul", q, q),
    make.make("bitNot", q),
    make.make("bitXor", q, int(-1)),
  ];
  for (const node of wrapping) expect(refusal(isOne(node), upTo(big))).toBeNull();
});

test("an unsigned shift of a negative integer is answered with the comparison to write", () => {
  const unsigned = make.make("ushr", make.make("sub", q, kv), zero);
  expect(refusal(make.make("lt", unsigned, int(5)), upTo(9, 9))).toBe(
    "q - kv >>> 0: expected integers of 32 bits, got up to 4294967295 for q in 0..9, kv in 0..9; " +
      "compare with 0 instead: 0 <= x && x < n in place of x >>> 0 < n, with x = q - kv",
  );
  const scaled = make.make("ushr", make.make("sub", q, int(20)), n);
  expect(refusal(isOne(scaled), upTo(9))).toContain(
    "write >> to keep the sign, or Math.max(0, q - 20) >>> n",
  );
});

test("the message shows the expression, how far it goes, where, and what to do", () => {
  const node = make.make("le", make.make("mul", q, make.make("add", kv, n)), zero);
  expect(refusal(node, upTo(100_000, 100_000), captures(7))).toBe(
    "q * (kv + n): expected integers of 32 bits, got up to 10000700000 " +
      "for q in 0..100000, kv in 0..100000, n = 7; " +
      "shorten the lengths, or compute in floating point: x / 1 in place of an integer x",
  );
  expect(refusal(isOne(make.make("rem", q, n)), upTo(9), captures(0))).toBe(
    "q % n: expected a divisor other than 0, got 0 for q in 0..9, n = 0; " +
      "for example, divide by Math.max(1, n)",
  );
});

describe("what a condition guards", () => {
  const positive = make.make("lt", zero, n);
  const divisible = make.make("eq", make.make("rem", q, n), zero);
  const distance = make.make("sub", q, kv);
  const squared = make.make("mul", distance, distance);
  const near = make.make("and", make.make("le", distance, int(46_340)), make.make("le", kv, q));
  const long = upTo(10 ** 6, 10 ** 6);

  test("is not refused where the condition is false", () => {
    expect(refusal(divisible, upTo(9), captures(0))).not.toBeNull();
    expect(refusal(make.make("and", positive, divisible), upTo(9), captures(0))).toBeNull();
    const unless = make.make("or", make.make("le", n, zero), divisible);
    expect(refusal(unless, upTo(9), captures(0))).toBeNull();
    const chosen = make.make("select", positive, make.make("rem", q, n), zero);
    expect(refusal(isOne(chosen), upTo(9), captures(0))).toBeNull();
  });

  test("is not refused where the condition keeps the divisor from 0", () => {
    const divisible = isOne(make.make("rem", kv, q));
    const isZero = make.make("eq", q, zero);
    const isOther = make.make("ne", q, zero);
    expect(refusal(make.make("and", isOther, divisible), upTo(9, 9))).toBeNull();
    expect(refusal(make.make("or", isZero, divisible), upTo(9, 9))).toBeNull();
    expect(refusal(make.make("select", isZero, isOther, divisible), upTo(9, 9))).toBeNull();
    const isNotFive = make.make("ne", q, int(5));
    expect(refusal(make.make("and", isNotFive, divisible), upTo(9, 9))).toContain("other than 0");
    expect(refusal(make.make("and", isZero, divisible), upTo(9, 9))).toContain("other than 0");
  });

  test("is looked at in the range that the condition leaves", () => {
    const close = make.make("le", make.make("abs", distance), int(46_340));
    expect(refusal(isOne(squared), long)).not.toBeNull();
    // kv <= q bounds q - kv from below, though neither is bounded by it.
    expect(refusal(isOne(make.make("select", near, squared, zero)), long)).toBeNull();
    const bounded = make.make(
      "and",
      make.make("le", distance, int(46_340)),
      make.make("le", int(-46_340), distance),
    );
    expect(refusal(isOne(make.make("select", bounded, squared, zero)), long)).toBeNull();
    expect(refusal(isOne(make.make("select", close, squared, zero)), long)).toBeNull();
  });

  const square = make.make("mul", q, q);
  /** The square of q where `guard` holds, or where it does not. */
  const where = (guard: Node): Node => isOne(make.make("select", guard, square, zero));
  const unless = (guard: Node): Node => isOne(make.make("select", guard, zero, square));
  const below = (limit: number): Node => make.make("lt", q, int(limit));
  const upToLimit = (limit: number): Node => make.make("le", q, int(limit));

  const guards: readonly (readonly [string, (limit: number) => Node])[] = [
    ["q <= limit", (limit) => where(upToLimit(limit))],
    ["q < limit + 1", (limit) => where(below(limit + 1))],
    ["!(q <= limit) otherwise", (limit) => unless(make.make("not", upToLimit(limit)))],
    ["limit < q otherwise", (limit) => unless(make.make("lt", int(limit), q))],
    ["limit + 1 <= q otherwise", (limit) => unless(make.make("le", int(limit + 1), q))],
    ["q === limit", (limit) => where(make.make("eq", q, int(limit)))],
    ["q !== limit otherwise", (limit) => unless(make.make("ne", q, int(limit)))],
    [
      "kv <= limit && q <= kv",
      (limit) => where(make.make("and", make.make("le", kv, int(limit)), make.make("le", q, kv))),
    ],
    [
      "limit < q || kv < q, otherwise",
      (limit) => unless(make.make("or", make.make("lt", int(limit), q), make.make("lt", kv, q))),
    ],
  ];

  test.each(guards)("%s is tight: 46,340 is legal and 46,341 is not", (_, guarded) => {
    expect(refusal(guarded(46_340), long)).toBeNull();
    expect(refusal(guarded(46_341), long)).not.toBeNull();
  });

  test("is not looked at where the conditions cannot hold together", () => {
    const twice = make.make("mul", q, int(2));
    const never = make.make("and", upToLimit(3), make.make("le", int(8), twice));
    expect(refusal(where(never), long)).toBeNull();
    const sometimes = make.make("and", make.make("le", int(3), q), make.make("le", int(8), twice));
    expect(refusal(where(sometimes), long)).not.toBeNull();
  });
});

test("a fault behind many shared choices is found in time, guarded or not", () => {
  const squared = make.make("mul", q, q);
  const guard = make.make("le", q, int(46_340));
  const chain = (start: Node): Node => {
    let value = start;
    for (let step = 2; step < 40; step++) {
      const cond = make.make("eq", make.make("rem", kv, int(step)), zero);
      value = make.make("select", cond, make.make("bitXor", value, int(step)), value);
    }
    return isOne(value);
  };
  expect(refusal(chain(squared), upTo(10 ** 5, 9))).toContain("q * q: expected");
  expect(refusal(chain(q), upTo(10 ** 5, 9))).toBeNull();
  // Legal, but guarded on 2^38 paths: refused, and soon.
  const guarded = chain(make.make("select", guard, squared, zero));
  expect(refusal(guarded, upTo(10 ** 5, 9))).toContain("q * q: expected");
  expect(refusal(guarded, upTo(46_340, 9))).toBeNull();
});

test("an integer mask that passes means what JavaScript says, beyond 2^24 too", () => {
  const range = fc
    .tuple(fc.oneof(fc.nat(50), fc.nat(2 ** 26)), fc.nat(60))
    .map(([lo, length]) => ({ lo, hi: lo + length }));
  const ranges: fc.Arbitrary<AxisRanges> = fc.record({ b: range, h: range, q: range, kv: range });
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
    minLength: 4,
    maxLength: 4,
  });
  let accepted = 0;
  const check = fc.property(
    graphCases({ kind: "mask", types: ["i32"] }),
    ranges,
    fc.array(shares, { minLength: 6, maxLength: 6 }),
    ({ expression, captures: values }, box, points) => {
      if (refusal(expression.root, box, values) !== null) return;
      accepted++;
      const element = compileElement(expression.root, values);
      const simplified = compileElement(simplify(expression.root), values);
      const javaScript = asJavaScript(expression.root, values);
      for (const [b = 0, h = 0, q_ = 0, kv_ = 0] of points) {
        const at = (axis: keyof AxisRanges, share: number): number =>
          Math.round(box[axis].lo + share * (box[axis].hi - box[axis].lo));
        const place = [at("b", b), at("h", h), at("q", q_), at("kv", kv_)] as const;
        const meant = javaScript(...place, 0);
        expect(element(...place, 0)).toBe(meant);
        expect(simplified(...place, 0)).toBe(meant);
      }
    },
  );
  fc.assert(check, { numRuns: runs });
  // The rest is refused, mostly for products of large literals.
  expect(accepted).toBeGreaterThan(runs / 3);
});

test("lists the loads whose index can leave the tensor", () => {
  const doc = make.load("doc", "i32", [q]);
  const root = make.make("and", isOne(doc), make.make("eq", make.load("doc", "i32", [kv]), zero));
  const expression = expressionOf("mask", root);
  expect(clampedLoads(expression, captures(), upTo(99, 99))).toEqual([]);
  expect(clampedLoads(expression, captures(), upTo(100, 99))).toEqual(["doc[q]"]);
  const bias = make.load("bias", "f32", [make.index("h"), make.make("sub", q, kv)]);
  const score = expressionOf("score", make.make("add", make.score(), bias));
  expect(clampedLoads(score, captures(), upTo(7, 0))).toEqual([]);
  expect(clampedLoads(score, captures(), upTo(7, 1))).toEqual(["bias[h][q - kv]"]);
});

test("elements that no integer is computed from are not read", () => {
  const builder = new Builder();
  const [q, kv] = [builder.index("q"), builder.index("kv")];
  const unread = new Proxy(Float32Array.of(1, 2, 3, 4), {
    get: () => {
      throw new Error("read");
    },
  });
  const bias = builder.load("bias", "f32", [builder.make("sub", q, kv)]);
  const root = builder.make("add", builder.score(), bias);
  const captures = {
    uniforms: new Map<string, number>(),
    tensors: new Map([["bias", { type: "f32" as const, shape: [4], data: unread }]]),
  };
  const expression = expressionOf("score", root);
  const range = { lo: 0, hi: 9 };
  const ranges = { b: range, h: range, q: range, kv: range };
  expect(() => checkRanges(expression, captures, ranges)).not.toThrow();
});
