import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder } from "./builder.ts";
import { printNode } from "./print.ts";
import { showNode } from "./show.ts";
import { simplify } from "./simplify.ts";
import type { Node, ScalarType } from "./types.ts";

const runs = process.env["VIGIL_TEST"] === "full" ? 20_000 : 120;

const make = new Builder();
const q = make.index("q");
const kv = make.index("kv");
const score = make.score();
const width = make.uniform("width", "i32");
const slope = make.uniform("slope", "f32");
const yes = make.constant("bool", true);
const no = make.constant("bool", false);
const minusInfinity = make.constant("f32", -Infinity);
const int = (value: number): Node => make.constant("i32", value);
const float = (value: number): Node => make.constant("f32", value);
const not = (a: Node): Node => make.make("not", a);
const and = (a: Node, b: Node): Node => make.make("and", a, b);
const or = (a: Node, b: Node): Node => make.make("or", a, b);
const choose = (c: Node, a: Node, b: Node): Node => make.make("select", c, a, b);
const lt = (a: Node, b: Node): Node => make.make("lt", a, b);
const le = (a: Node, b: Node): Node => make.make("le", a, b);
const eq = (a: Node, b: Node): Node => make.make("eq", a, b);

const a = le(kv, q);
const b = le(make.make("sub", q, kv), width);
const c = lt(score, slope);
const d = make.load("keep", "bool", [kv]);
const atoms: readonly Node[] = [a, b, c, d];

const canonical = (node: Node): string => printNode(simplify(node));

interface Pair {
  readonly name: string;
  readonly one: Node;
  readonly other: Node;
}

/** Each line is two shapes that a minifier may make of one source. */
const shapes: readonly Pair[] = [
  {
    name: "two early returns of one value, merged by ||",
    one: choose(a, minusInfinity, choose(b, minusInfinity, score)),
    other: choose(or(b, a), minusInfinity, score),
  },
  {
    name: "nested ifs, merged by &&",
    one: choose(a, choose(b, score, minusInfinity), minusInfinity),
    other: choose(and(a, b), score, minusInfinity),
  },
  {
    name: "if (!a) swapped to if (a)",
    one: choose(not(a), score, minusInfinity),
    other: choose(a, minusInfinity, score),
  },
  {
    name: "an early return inside an if, with the rest of the function after both",
    one: choose(a, choose(b, score, choose(c, score, slope)), choose(c, score, slope)),
    other: choose(or(and(a, b), c), score, slope),
  },
  { name: "a ? b : false and a && b", one: choose(a, b, no), other: and(a, b) },
  { name: "a ? true : b and a || b", one: choose(a, yes, b), other: or(a, b) },
  { name: "a ? false : b and !a && b", one: choose(a, no, b), other: and(not(a), b) },
  { name: "a ? b : true and !a || b", one: choose(a, b, yes), other: or(not(a), b) },
  { name: "c ? true : false and c", one: choose(a, yes, no), other: a },
  { name: "!(a && b) and !a || !b", one: not(and(a, c)), other: or(not(a), not(c)) },
  { name: "!!a and a", one: not(not(c)), other: c },
  { name: "x ? y || z : z and x && y || z", one: choose(a, or(b, c), c), other: or(and(a, b), c) },
  {
    name: "x ? z : y && z and (x || y) && z",
    one: choose(a, c, and(b, c)),
    other: and(or(a, b), c),
  },
  { name: "!(q < kv) and kv <= q", one: not(lt(q, kv)), other: le(kv, q) },
  { name: "q < 5 and q <= 4", one: lt(q, int(5)), other: le(q, int(4)) },
  { name: "!(q < 5) and 5 <= q", one: not(lt(q, int(5))), other: le(int(5), q) },
  {
    name: "!(a !== b) and a === b",
    one: not(make.make("ne", score, slope)),
    other: eq(slope, score),
  },
  { name: "q - kv === 0 and q === kv", one: eq(make.make("sub", q, kv), int(0)), other: eq(q, kv) },
  {
    name: "q - 3 and q + -3",
    one: le(make.make("sub", q, int(3)), kv),
    other: le(make.make("add", int(-3), q), kv),
  },
  {
    name: "c ? exp(x) : exp(y) and exp(c ? x : y)",
    one: choose(a, make.make("exp", score), make.make("exp", slope)),
    other: make.make("exp", choose(a, score, slope)),
  },
  {
    name: "Number(c) and c ? 1 : 0",
    one: make.make("toF32", c),
    other: choose(c, float(1), float(0)),
  },
  {
    name: "-(x / 4 / y) and -x / 4 / y",
    one: make.make("neg", make.make("div", make.make("div", score, float(4)), slope)),
    other: make.make("div", make.make("div", make.make("neg", score), float(4)), slope),
  },
  {
    name: "x - -3 * y and x + 3 * y",
    one: make.make("sub", score, make.make("mul", float(-3), slope)),
    other: make.make("add", score, make.make("mul", float(3), slope)),
  },
  {
    name: "(q || width) !== 0 and !(!q && !width)",
    one: make.make("ne", choose(eq(q, int(0)), width, q), int(0)),
    other: not(and(eq(q, int(0)), eq(width, int(0)))),
  },
  {
    name: "c ? x < k : y < k and (c ? x : y) < k",
    one: choose(a, lt(q, width), lt(kv, width)),
    other: lt(choose(a, q, kv), width),
  },
  {
    name: "q ^ (kv ^ 5) and q ^ 4 ^ kv ^ 1",
    one: eq(make.make("bitXor", q, make.make("bitXor", kv, int(5))), width),
    other: eq(
      make.make("bitXor", make.make("bitXor", make.make("bitXor", q, int(4)), kv), int(1)),
      width,
    ),
  },
  {
    name: "q + 1 + 2 and q + 3",
    one: le(make.make("add", make.make("add", q, int(1)), int(2)), kv),
    other: le(make.make("add", q, int(3)), kv),
  },
  {
    name: "q * 6 and 2 * (q * 3)",
    one: le(make.make("mul", int(2), make.make("mul", q, int(3))), kv),
    other: le(make.make("mul", q, int(6)), kv),
  },
  { name: "a === !c and a !== c", one: eq(a, not(c)), other: make.make("ne", a, c) },
  { name: "a !== c and a ? !c : c", one: make.make("ne", a, c), other: choose(a, not(c), c) },
  {
    name: "(c ? 1 : q) === 1 and c || q === 1",
    one: eq(choose(c, int(1), q), int(1)),
    other: or(c, eq(q, int(1))),
  },
  {
    name: "1 < (c ? 2 : q) and c || 1 < q",
    one: lt(int(1), choose(c, int(2), q)),
    other: or(c, lt(int(1), q)),
  },
  {
    name: "Math.floor(q / 8) and q >> 3",
    one: le(make.make("floorDiv", q, int(8)), kv),
    other: le(make.make("shr", q, int(3)), kv),
  },
  {
    name: "score ** 2 and score * score",
    one: make.make("pow", score, float(2)),
    other: make.make("mul", score, score),
  },
  {
    name: "q % -5 and q % 5",
    one: le(make.make("rem", q, int(-5)), kv),
    other: le(make.make("rem", q, int(5)), kv),
  },
  {
    name: "-score % 3 and -(score % 3)",
    one: make.make("rem", make.make("neg", score), float(3)),
    other: make.make("neg", make.make("rem", score, float(3))),
  },
  {
    name: "an update under a condition, and the updated value chosen",
    one: make.make("mul", score, choose(a, float(2), float(1))),
    other: make.make("mul", choose(not(a), float(1), float(2)), score),
  },
];

test.each(shapes)("reaches one form: $name", ({ one, other }) => {
  expect(canonical(one)).toBe(canonical(other));
});

interface Apart {
  readonly name: string;
  readonly one: Node;
  readonly other: Node;
}

/** What looks alike and is not: NaN, -0, and where floats are not real numbers. */
const apart: readonly Apart[] = [
  { name: "!(x < y) and y <= x of floats", one: not(lt(score, slope)), other: le(slope, score) },
  { name: "x === x and true of floats", one: eq(score, score), other: yes },
  { name: "x < 5 and x <= 4 of floats", one: lt(score, float(5)), other: le(score, float(4)) },
];

test.each(apart)("keeps apart: $name", ({ one, other }) => {
  expect(canonical(one)).not.toBe(canonical(other));
});

test("leaves sums of literals that leave 32 bits, for the range check to see", () => {
  const most = int(2 ** 31 - 1);
  const sum = make.make("add", make.make("add", q, most), int(1));
  expect(showNode(simplify(le(sum, kv)))).toBe("q + 2147483647 + 1 <= kv");
  expect(showNode(simplify(le(make.make("add", q, most), kv)))).toBe("q + 2147483647 <= kv");
  expect(showNode(simplify(le(make.make("rem", int(7), int(0)), kv)))).toBe("7 % 0 <= kv");
});

const zero = float(0);
const kept: readonly (readonly [string, Node])[] = [
  ["x * 0", make.make("mul", score, zero)],
  ["x + 0", make.make("add", score, zero)],
  ["0 - x", make.make("sub", zero, score)],
  ["x - x", make.make("sub", score, score)],
];

test.each(kept)("leaves %s of floats, for NaN, -0 and Infinity", (_, node) => {
  expect(simplify(node).op).not.toBe("const");
  expect(simplify(node).args).toHaveLength(2);
});

/** A function of truth values, as a table: bit k of it where atom i is bit i of k. */
const table = fc.nat(2 ** (2 ** atoms.length) - 1);
const order = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4, maxLength: 4 });

/** A decision tree that asks every atom, in this order, each as it is or negated. */
function tree(leaf: (row: number) => Node, asked: readonly number[], flips: number): Node {
  const grow = (depth: number, row: number): Node => {
    const at = asked[depth];
    const atom = at === undefined ? undefined : atoms[at];
    if (at === undefined || atom === undefined) return leaf(row);
    const whenTrue = grow(depth + 1, row | (1 << at));
    const whenFalse = grow(depth + 1, row);
    return (flips >> depth) & 1
      ? choose(not(atom), whenFalse, whenTrue)
      : choose(atom, whenTrue, whenFalse);
  };
  return grow(0, 0);
}

describe("a decision over four conditions", () => {
  const leavesOf: readonly (readonly [ScalarType, readonly Node[]])[] = [
    ["bool", [no, yes]],
    ["f32", [score, minusInfinity]],
    ["f32", [score, slope, minusInfinity]],
  ];

  test.each(leavesOf)("of type %s reaches one form in whatever order it is asked", (_, leaves) => {
    const rows = fc.array(fc.nat(leaves.length - 1), { minLength: 16, maxLength: 16 });
    const property = fc.property(rows, order, fc.nat(15), order, fc.nat(15), (pick, x, f, y, g) => {
      const leaf = (row: number): Node => leaves[pick[row] ?? 0] ?? score;
      expect(canonical(tree(leaf, x, f))).toBe(canonical(tree(leaf, y, g)));
    });
    fc.assert(property, { numRuns: runs });
  });

  test("reaches the form of its sum of products", () => {
    const property = fc.property(table, order, fc.nat(15), (bits, asked, flips) => {
      const rows = Array.from({ length: 16 }, (_, row) => row).filter((row) => (bits >> row) & 1);
      const product = (row: number): Node =>
        atoms.map((atom, at) => ((row >> at) & 1 ? atom : not(atom))).reduce(and);
      const sum = rows.map(product).reduce(or, no);
      const asTree = tree((row) => ((bits >> row) & 1 ? yes : no), asked, flips);
      expect(canonical(sum)).toBe(canonical(asTree));
    });
    fc.assert(property, { numRuns: runs });
  });
});

describe("a decision over sixteen conditions, too many for a table,", () => {
  const many = Array.from({ length: 16 }, (_, at) => le(make.make("mul", q, int(at + 2)), kv));
  const orders = fc.shuffledSubarray(many, { minLength: 16, maxLength: 16 });

  /** The conjunction, cut into two parts at random places; parts may be written as !(!x || !y). */
  const conjunction = (terms: readonly Node[], cuts: readonly number[], depth = 0): Node => {
    const [first, second] = terms;
    if (first === undefined) return yes;
    if (second === undefined) return first;
    const cut = 1 + ((cuts[depth % cuts.length] ?? 0) % (terms.length - 1));
    const left = conjunction(terms.slice(0, cut), cuts, depth + 1);
    const right = conjunction(terms.slice(cut), cuts, depth + 2);
    if (cut % 3 === 0) return not(or(not(left), not(right)));
    return cut % 3 === 1 ? and(left, right) : choose(left, right, no);
  };

  test("reaches one form however its && are nested, negated and ordered", () => {
    const cuts = fc.array(fc.nat(20), { minLength: 3, maxLength: 9 });
    const property = fc.property(orders, cuts, orders, cuts, (x, f, y, g) => {
      expect(canonical(conjunction(x, f))).toBe(canonical(conjunction(y, g)));
    });
    fc.assert(property, { numRuns: runs });
  });

  test("reaches one form as early returns of two values, as one ||, and as nested ?:", () => {
    const property = fc.property(orders, orders, (x, y) => {
      const returns = x.reduce((rest, term) => choose(term, minusInfinity, rest), score);
      const merged = choose(y.reduce(or), minusInfinity, score);
      const flipped = y.reduce((rest, term) => choose(not(term), rest, minusInfinity), score);
      expect(canonical(returns)).toBe(canonical(merged));
      expect(canonical(flipped)).toBe(canonical(merged));
    });
    fc.assert(property, { numRuns: runs });
  });

  test("is decided where a condition meets its negation", () => {
    const contradiction = many.reduce(and, not(many[3] ?? yes));
    expect(simplify(contradiction).attr).toBe(false);
    expect(simplify(not(contradiction)).attr).toBe(true);
  });
});

test("a mask in the form that a person would write stays in it", () => {
  const shown = (node: Node): string => showNode(simplify(node));
  const globalToken = lt(kv, int(4));
  expect(shown(and(a, or(globalToken, b)))).toMatchInlineSnapshot(
    `"(kv <= 3 || q - kv <= width) && kv <= q"`,
  );
  expect(shown(choose(a, score, minusInfinity))).toMatchInlineSnapshot(
    `"q < kv ? -Infinity : score"`,
  );
  expect(shown(and(and(a, b), or(d, c)))).toMatchInlineSnapshot(
    `"q - kv <= width && kv <= q && (score < slope || keep[kv])"`,
  );
});
