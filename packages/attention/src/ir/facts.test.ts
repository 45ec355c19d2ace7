import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder, topological } from "./builder.ts";
import { checkRanges } from "./check-ranges.ts";
import type { AxisRanges } from "./check-ranges.ts";
import { showNode } from "./show.ts";
import { simplify } from "./simplify.ts";
import { expressionOf } from "./testing-graphs.ts";
import type { CaptureValues, Node, Op } from "./types.ts";

const runs = process.env["VIGIL_TEST"] === "full" ? 30_000 : 1_000;

const make = new Builder();
const q = make.index("q");
const kv = make.index("kv");
const n = make.uniform("n", "i32");
const int = (value: number): Node => make.constant("i32", value);
const zero = int(0);
const sub = (a: Node, b: Node): Node => make.make("sub", a, b);
const select = (c: Node, a: Node, b: Node): Node => make.make("select", c, a, b);
const distance = sub(q, kv);
const reach = make.make("abs", distance);

const at = (q_: readonly [number, number], kv_: readonly [number, number]): AxisRanges => ({
  b: { lo: 0, hi: 0 },
  h: { lo: 0, hi: 0 },
  q: { lo: q_[0], hi: q_[1] },
  kv: { lo: kv_[0], hi: kv_[1] },
});

const captured = (value: number): CaptureValues => ({
  uniforms: new Map([["n", value]]),
  tensors: new Map(),
});

function accepts(root: Node, ranges: AxisRanges, values = captured(0)): boolean {
  try {
    checkRanges(expressionOf("mask", root), values, ranges);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const wide = at([0, 99], [0, 99]);
const odd = (node: Node): Node => make.make("eq", make.make("rem", node, int(2)), int(1));
const into = (divisor: Node): Node => odd(make.make("floorDiv", int(100), divisor));

describe("a guard keeps a divisor from 0", () => {
  const differs = make.make("ne", q, kv);
  const isFar = make.make("lt", zero, reach);
  const middle = make.make("rem", q, int(5));
  const guarded: readonly (readonly [string, Node, Node])[] = [
    ["q !== kv, of q - kv", differs, distance],
    ["q !== kv, of kv - q", differs, sub(kv, q)],
    ["q - kv !== 0, of q - kv", make.make("ne", distance, zero), distance],
    ["q !== kv, of Math.abs(q - kv)", differs, reach],
    ["q !== kv, of a product", differs, make.make("mul", distance, int(-3))],
    [
      "q !== kv + 3, of q - kv - 3",
      make.make("ne", q, make.make("add", kv, int(3))),
      sub(distance, int(3)),
    ],
    ["0 < Math.abs(q - kv), of Math.abs(q - kv)", isFar, reach],
    ["0 < Math.abs(q - kv), of kv - q", isFar, sub(kv, q)],
    ["3 <= Math.abs(q - kv), of q - kv", make.make("le", int(3), reach), distance],
    ["q !== 0, of Math.min(q, 3)", make.make("ne", q, zero), make.make("min", q, int(3))],
    [
      "q !== 99, of Math.max(q, 3) - 99",
      make.make("ne", q, int(99)),
      sub(make.make("max", q, int(3)), int(99)),
    ],
    ["kv <= q, of q - kv + 1", make.make("le", kv, q), make.make("add", distance, int(1))],
    ["kv < q, of q - kv", make.make("lt", kv, q), distance],
    ["q % 5 !== 2, of q % 5 - 2", make.make("ne", middle, int(2)), sub(middle, int(2))],
    ["0 < Math.min(q, kv), of kv", make.make("lt", zero, make.make("min", q, kv)), kv],
    [
      "Math.max(q, kv) < 9, of q - 9",
      make.make("lt", make.make("max", q, kv), int(9)),
      sub(q, int(9)),
    ],
  ];

  test.each(guarded)("%s", (_, guard, divisor) => {
    expect(accepts(into(divisor), wide)).toBe(false);
    for (const root of [
      select(guard, into(divisor), guard),
      make.make("and", guard, into(divisor)),
      make.make("or", make.make("not", guard), into(divisor)),
    ]) {
      expect(accepts(root, wide)).toBe(true);
      expect(accepts(simplify(root), wide)).toBe(true);
    }
    expect(accepts(select(guard, guard, into(divisor)), wide)).toBe(false);
  });

  test("inside the divisor: d === 0 ? 1 : d", () => {
    const isZero = make.make("eq", q, kv);
    expect(accepts(into(select(isZero, int(1), distance)), wide)).toBe(true);
    expect(accepts(into(select(isZero, distance, int(1))), wide)).toBe(false);
    expect(accepts(into(select(make.make("lt", q, kv), int(1), distance)), wide)).toBe(false);
  });

  test("and not where it speaks of another value", () => {
    expect(accepts(make.make("and", differs, into(make.make("add", distance, int(1)))), wide)).toBe(
      false,
    );
    expect(accepts(make.make("and", differs, into(sub(q, n))), wide)).toBe(false);
    expect(accepts(make.make("and", isFar, into(make.make("add", q, kv))), wide)).toBe(false);
    const isThird = make.make("ne", reach, int(3));
    expect(accepts(make.make("and", isThird, into(distance)), wide)).toBe(false);
  });
});

test("a guard on Math.abs bounds both sides, to the last integer", () => {
  const long = at([0, 10 ** 6], [0, 10 ** 6]);
  const squared = odd(make.make("mul", distance, distance));
  const within = (limit: number): Node =>
    make.make("and", make.make("le", reach, int(limit)), squared);
  expect(accepts(within(46_340), long)).toBe(true);
  expect(accepts(within(46_341), long)).toBe(false);
});

/** A fault is an integer that leaves 32 bits, or a division by 0. */
const fault = Symbol("fault");
type Result = number | typeof fault;

type Leaf = (node: Node) => number;

const arithmetic: { readonly [K in Op]?: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  neg: (a) => -a,
  abs: (a) => Math.abs(a),
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  rem: (a, b) => a % b,
  floorDiv: (a, b) => Math.floor(a / b),
  truncDiv: (a, b) => Math.trunc(a / b),
  shr: (a, b) => a >> b,
  bitAnd: (a, b) => a & b,
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  not: (a) => 1 - a,
};

/** Exact values, and faults only where they count: not in a branch that is not taken, nor beside a term that decides. */
function exactly(root: Node, leaf: Leaf): Result {
  const visit = (node: Node): Result => {
    const [cond, yes = cond, no = yes] = node.args;
    if (cond === undefined || yes === undefined || no === undefined) return leaf(node);
    const first = visit(cond);
    if (node.op === "select") return first === fault ? fault : visit(first === 1 ? yes : no);
    const second = visit(yes);
    if (node.op === "and" || node.op === "or") {
      const decides = node.op === "or" ? 1 : 0;
      if (first === decides || second === decides) return decides;
      return first === fault || second === fault ? fault : 1 - decides;
    }
    if (first === fault || second === fault) return fault;
    const apply = arithmetic[node.op];
    if (apply === undefined) throw new Error(`no meaning of ${node.op} in this test`);
    const value = apply(first, second);
    return Number.isInteger(value) && Math.abs(value + 0.5) < 2 ** 31 ? value : fault;
  };
  return visit(root);
}

const leaves = fc.oneof(fc.constantFrom(q, kv, q, kv, n), fc.integer({ min: -4, max: 4 }).map(int));

const pairOps = ["sub", "sub", "sub", "add", "min", "max"] as const;

/** Few values, so that guards speak of what is divided by. */
const small: fc.Arbitrary<Node> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(distance) },
  { weight: 1, arbitrary: fc.constant(sub(kv, q)) },
  { weight: 1, arbitrary: leaves },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...pairOps), fc.oneof(fc.constant(distance), leaves), leaves)
      .map(([op, a, b]) => make.make(op, a, b)),
  },
);

const value = fc
  .tuple(small, fc.constantFrom("as it is", "abs", "neg"))
  .map(([node, op]) => (op === "as it is" ? node : make.make(op, node)));

const comparison = fc
  .tuple(fc.constantFrom("lt", "le", "eq", "ne", "ne"), value, fc.oneof(value, leaves))
  .map(([op, a, b]) => make.make(op as "lt", a, b));

const guard: fc.Arbitrary<Node> = fc.oneof(
  { weight: 4, arbitrary: comparison },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("and", "or"), comparison, comparison)
      .map(([op, a, b]) => make.make(op as "and", a, b)),
  },
  { weight: 1, arbitrary: comparison.map((cond) => make.make("not", cond)) },
);

const divisor = fc.oneof(
  { weight: 4, arbitrary: value },
  { weight: 1, arbitrary: fc.tuple(guard, value, value).map(([c, a, b]) => select(c, a, b)) },
  { weight: 1, arbitrary: fc.tuple(value, value).map(([a, b]) => make.make("mul", a, b)) },
);

/** What goes wrong at some positions: divisions, and products with large literals. */
const risky = fc.oneof(
  fc
    .tuple(fc.constantFrom("rem", "floorDiv", "truncDiv"), value, divisor)
    .map(([op, a, b]) => make.make(op as "rem", a, b)),
  fc
    .tuple(value, fc.integer({ min: 2 ** 27, max: 2 ** 30 }))
    .map(([a, factor]) => make.make("mul", a, int(factor))),
  fc
    .tuple(value, fc.integer({ min: 2 ** 31 - 9, max: 2 ** 31 - 1 }))
    .map(([a, term]) => make.make("sub", a, int(term))),
);

const program = fc
  .tuple(fc.array(fc.tuple(guard, risky), { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 1, 2))
  .map(([parts, shape]) => {
    const isOdd = parts.map(([cond, node]) => [cond, odd(node)] as const);
    if (shape === 0) return isOdd.reduce((rest, [cond, node]) => select(cond, node, rest), differ);
    const join = shape === 1 ? "and" : "or";
    return isOdd.reduce(
      (rest, [cond, node]) => make.make(join, make.make(join, cond, node), rest),
      differ,
    );
  });

const differ = make.make("le", q, kv);

const box = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.nat(5), fc.integer({ min: 0, max: 4 }), fc.nat(5))
  .map(([q0, m, kv0, k]) => at([q0, q0 + m], [kv0, kv0 + k]));

/** What the leaves are worth at each position of a box. */
function* leavesIn({ q: rows, kv: keys }: AxisRanges, width: number): Generator<Leaf> {
  for (let row = rows.lo; row <= rows.hi; row++) {
    for (let key = keys.lo; key <= keys.hi; key++) {
      const index: Readonly<Record<string, number>> = { q: row, kv: key, n: width };
      yield (node) => (node.op === "const" ? Number(node.attr) : (index[String(node.attr)] ?? 0));
    }
  }
}

test("no accepted program divides by 0 or leaves 32 bits anywhere, simplified or not", () => {
  let guardedOnes = 0;
  const check = fc.property(
    program,
    box,
    fc.integer({ min: -3, max: 3 }),
    (root, ranges, width) => {
      for (const form of [root, simplify(root)]) {
        if (!accepts(form, ranges, captured(width))) continue;
        const positions = [...leavesIn(ranges, width)];
        for (const leaf of positions) {
          if (exactly(form, leaf) !== fault) continue;
          const place = [q, kv, n].map((node) => `${showNode(node)} = ${leaf(node)}`);
          expect.fail(`${showNode(form)} for ${place.join(", ")}`);
        }
        const isGuarded = topological([form]).some((node) =>
          positions.some((leaf) => exactly(node, leaf) === fault),
        );
        if (isGuarded) guardedOnes++;
      }
    },
  );
  fc.assert(check, { numRuns: runs });
  // Programs that only their guards keep from a fault.
  expect(guardedOnes, "guarded programs").toBeGreaterThan(runs / 20);
});
