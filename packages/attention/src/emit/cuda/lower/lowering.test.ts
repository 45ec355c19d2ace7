/** Random expressions as CUDA C against the interpreter, bit for bit. The C runs on this machine's processor. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder } from "../../../ir/builder.ts";
import type { OperatorOp } from "../../../ir/builder.ts";
import { compileElement } from "../../../ir/evaluate.ts";
import { expressionOf, graphCases, positions, signatures } from "../../../ir/testing-graphs.ts";
import type { GraphCase } from "../../../ir/testing-graphs.ts";
import type { CaptureValues, Expression, Node, Position, TensorValue } from "../../../ir/types.ts";
import { lowerMod } from "./lower-mod.ts";
import type { CaptureAccess } from "./lowering.ts";
import { floatLiteral, intLiteral } from "./literals.ts";
import { hostProblem, runOnHost } from "./test-host.ts";

/** Whose last place may differ from JavaScript's: the accurate functions of another library. */
const rounded: readonly OperatorOp[] = [
  ...(["cbrt", "exp", "expm1", "log", "log1p", "log2", "log10", "pow", "hypot"] as const),
  ...(["sin", "cos", "tan", "asin", "acos", "atan", "atan2"] as const),
  ...(["sinh", "cosh", "tanh", "asinh", "acosh", "atanh"] as const),
];

type Place = Position & { readonly score: number };

interface Subject {
  readonly expression: Expression;
  readonly captures: CaptureValues;
  readonly places: readonly Place[];
  readonly exact: boolean;
}

const plain = (name: string): string => name.replaceAll(".", "_");

const access: CaptureAccess = {
  uniform: (name) => `params.${plain(name)}`,
  tensor: (name) => ({
    data: `params.${plain(name)}`,
    lengths: [0, 1, 2].map((axis) => `params.${plain(name)}_n${axis}`),
  }),
};

const elementTypes = { f32: "float", i32: "int", bool: "unsigned char" } as const;

const elementText = (type: TensorValue["type"], value: number): string =>
  type === "f32" ? floatLiteral(value) : intLiteral(value);

/** The captures as a parameter block with its values. */
function paramsText({ captures, expression }: Subject): string {
  const fields: string[] = [];
  const values: string[] = [];
  const arrays: string[] = [];
  for (const { name, type } of expression.uniforms) {
    fields.push(`${elementTypes[type]} ${plain(name)};`);
    values.push(elementText(type, captures.uniforms.get(name) ?? NaN));
  }
  for (const { name } of expression.tensors) {
    const tensor = captures.tensors.get(name);
    if (tensor === undefined) throw new Error(`no ${name}`);
    const { type, shape, data } = tensor;
    const of = elementTypes[type];
    const list = Array.from(data, (value) => elementText(type, value)).join(", ");
    arrays.push(`static ${of} ${plain(name)}_data[] = { ${list} };`);
    fields.push(`const ${of}* ${plain(name)};`);
    values.push(`${plain(name)}_data`);
    for (const [axis, length] of shape.entries()) {
      fields.push(`int ${plain(name)}_n${axis};`);
      values.push(String(length));
    }
  }
  const struct = `struct Params { ${fields.join(" ")} };`;
  return [struct, ...arrays, `static const Params params = { ${values.join(", ")} };`].join("\n");
}

/** A function that prints the bits of the expression at each place. The tile begins a little before the key. */
function subjectText(subject: Subject, at: number): string {
  const { expression, places, exact } = subject;
  const { kind } = expression;
  const upper = kind === "score" ? "Score" : "Mask";
  const score = kind === "score" ? ", p.score" : "";
  const rows = places.map(({ b, h, q, kv, score: s }, n) => {
    const offset = Math.min(kv, n * 8);
    return `{ ${[b, h, q, kv - offset, offset].join(", ")}, ${floatLiteral(Math.fround(s))} }`;
  });
  return `namespace subject${at} {
${paramsText(subject)}
${lowerMod(expression, { params: "Params", captures: access, exact })}
struct Place { int b, h, q, kvBase, kvOffset; float score; };
static const Place places[] = { ${rows.join(", ")} };
static void run() {
  for (const Place& p : places) {
    const ${upper}Head head = ${kind}Head(params, p.b, p.h);
    const ${upper}Row row = ${kind}Row(params, head, p.b, p.h, p.q);
    const ${upper}Column column = ${kind}Column(params, head, p.b, p.h, p.kvBase + p.kvOffset);
    const ${upper}Tile tile = ${kind}Tile(params, head, row, p.b, p.h, p.q, p.kvBase);
    const float x = ${kind}Element(params, head, row, column, tile, p.b, p.h, p.q, p.kvBase, p.kvOffset${score});
    printf("%u ", bitsOf(x));
  }
  printf("\\n");
}
}`;
}

/** What each subject is worth at each of its places, as C++ has it. */
function onHost(subjects: readonly Subject[]): number[][] {
  const text = subjects.map(subjectText).join("\n");
  const printed = runOnHost(text, subjects.map((_, at) => `subject${at}::run();`).join("\n"));
  const lines = printed.trimEnd().split("\n");
  return lines.map((line) => [
    ...new Float32Array(Uint32Array.from(line.trim().split(" "), Number).buffer),
  ]);
}

function interpreted({ expression, captures, places }: Subject): number[] {
  const element = compileElement(expression.root, captures);
  return places.map(({ b, h, q, kv, score }) => Number(element(b, h, q, kv, score)));
}

/** Subjects on which the two differ: the graph, both results, for the failure's message. */
function differences(subjects: readonly (Subject & Pick<GraphCase, typeof fc.toStringMethod>)[]) {
  const results = onHost(subjects);
  return subjects.flatMap((subject, at) => {
    const [got, expected] = [results[at] ?? [], interpreted(subject)];
    const same = expected.every((value, n) => Object.is(value, got[n]));
    return same ? [] : [{ graph: subject[fc.toStringMethod](), got, expected }];
  });
}

const graphs = process.env["VIGIL_TEST"] === "full" ? 400 : 60;

describe.skipIf(hostProblem !== null)(`random expressions${hostProblem ?? ""}`, () => {
  test.each([
    ["score", true],
    ["mask", true],
    // Whatever reaches a mask passes an edge, so that it is exact in fast kernels too.
    ["mask", false],
  ] as const)("of a %s, exact: %s, give what the interpreter gives, bit for bit", (kind, exact) => {
    const cases = graphCases({ kind, ops: (op) => !rounded.includes(op) });
    const places = fc.array(positions, { minLength: 6, maxLength: 6 });
    const sampled = fc.sample(fc.tuple(cases, places), { numRuns: graphs, seed: 4 });
    const subjects = sampled.map(([graph, at]) => ({ ...graph, places: at, exact }));
    expect(differences(subjects)).toEqual([]);
  });
});

const none: CaptureValues = { uniforms: new Map(), tensors: new Map() };
const builder = new Builder();
const somewhere: readonly Place[] = [0.5, -1.25, 2, 3.75, -0, 20, -20.5, 1e-3, -2.5, NaN].map(
  (score, n) => ({ b: n % 3, h: n % 5, q: 30 + n, kv: 40 - 3 * n, score }),
);

describe.skipIf(hostProblem !== null)("every op", () => {
  const leaves = {
    first: {
      f32: builder.score(),
      i32: builder.make("sub", builder.index("q"), builder.constant("i32", 33)),
      bool: builder.make("lt", builder.score(), builder.constant("f32", 1)),
    },
    second: {
      f32: builder.make(
        "mul",
        builder.make("toF32", builder.index("kv")),
        builder.constant("f32", 0.019),
      ),
      i32: builder.make("sub", builder.index("kv"), builder.constant("i32", 31)),
      bool: builder.make("lt", builder.index("kv"), builder.constant("i32", 35)),
    },
  } as const;
  const asScore = (node: Node): Node => (node.type === "f32" ? node : builder.make("toF32", node));
  const subjects = (exact: boolean): (Subject & { readonly op: OperatorOp })[] =>
    signatures.map(({ op, args }) => {
      const operands = args.map((type, n) => (n === 0 ? leaves.first : leaves.second)[type]);
      const expression = expressionOf("score", asScore(builder.make(op, ...operands)));
      return { op, expression, captures: none, places: somewhere, exact };
    });

  test.each([true, false])(
    "has a form, and it means what the interpreter means; exact: %s",
    (exact) => {
      const all = subjects(exact);
      const results = onHost(all);
      const wrong = all.filter((subject, at) => {
        const tolerance = rounded.includes(subject.op) || !exact ? 2 ** -19 : 0;
        return !interpreted(subject).every((value, n) => {
          const got = results[at]?.[n] ?? NaN;
          if (!Number.isFinite(value)) return Object.is(value, got);
          return Math.abs(got - value) <= tolerance * Math.max(1, Math.abs(value));
        });
      });
      expect(wrong.map(({ op }) => op)).toEqual([]);
    },
  );
});

const alibi = (): Node => {
  const slope = builder.load("slopes", "f32", [builder.index("h")]);
  const distance = builder.make(
    "toF32",
    builder.make("sub", builder.index("kv"), builder.index("q")),
  );
  return builder.make("add", builder.score(), builder.make("mul", slope, distance));
};

test("what is the same for a head, a row or a tile is computed there", () => {
  const text = lowerMod(expressionOf("score", alibi()), {
    params: "Params",
    captures: access,
    exact: false,
  });
  expect(text).toMatchInlineSnapshot(`
    "struct ScoreHead { float load0; };
    struct ScoreRow {};
    struct ScoreColumn {};
    struct ScoreTile { float start0; };
    __device__ __forceinline__ ScoreHead scoreHead(const Params& params, int b, int h) {
      const int index0 = clampIndex(h, params.slopes_n0);
      const float load0 = __ldg(params.slopes + index0);
      return {load0};
    }
    __device__ __forceinline__ ScoreRow scoreRow(const Params& params, const ScoreHead& head, int b, int h, int q) {
      return {};
    }
    __device__ __forceinline__ ScoreColumn scoreColumn(const Params& params, const ScoreHead& head, int b, int h, int kv) {
      return {};
    }
    __device__ __forceinline__ ScoreTile scoreTile(const Params& params, const ScoreHead& head, const ScoreRow& row, int b, int h, int q, int kvBase) {
      const int sub1 = wrapSub(kvBase, q);
      const float start0 = __int2float_rn(sub1);
      return {start0};
    }
    __device__ __forceinline__ float scoreElement(const Params& params, const ScoreHead& head, const ScoreRow& row, const ScoreColumn& column, const ScoreTile& tile, int b, int h, int q, int kvBase, int kvOffset, float score) {
      const float grown0 = tile.start0 + __int2float_rn(kvOffset);
      const float mul0 = grown0 * head.load0;
      const float add0 = score + mul0;
      return add0;
    }"
  `);
});

const softCap = (): Node => {
  const cap = builder.uniform("cap", "f32");
  return builder.make("mul", cap, builder.make("tanh", builder.make("div", builder.score(), cap)));
};

test("factors that a head shares are multiplied once, and those of the whole score are left out on request", () => {
  const text = lowerMod(expressionOf("score", softCap()), {
    params: "Params",
    captures: access,
    exact: false,
    scale: "params.scale",
    factored: true,
  });
  const [, head, element, factor] =
    /(struct ScoreHead[^]*?\n)[^]*(float scoreElement[^]*?\n}\n)[^]*?(float scoreFactor[^]*)/.exec(
      text,
    ) ?? [];
  expect([head, element, factor].join("")).toMatchInlineSnapshot(`
    "struct ScoreHead { float mul1; };
    float scoreElement(const Params& params, const ScoreHead& head, const ScoreRow& row, const ScoreColumn& column, const ScoreTile& tile, int b, int h, int q, int kvBase, int kvOffset, float score) {
      const float mul2 = score * head.mul1;
      const float tanh0 = fastTanh(mul2);
      return tanh0;
    }
    float scoreFactor(const Params& params, const ScoreHead& head) { return params.cap; }
    "
  `);
});

test("a distance grows in float along a tile as it does in integers", () => {
  const expression = expressionOf("score", alibi());
  const slopes: TensorValue = { type: "f32", shape: [5], data: Float32Array.of(1, 2, 3, 4, 5) };
  const captures = { uniforms: new Map(), tensors: new Map([["slopes", slopes]]) };
  const subject = { expression, captures, places: somewhere, exact: false };
  if (hostProblem === null) expect(onHost([subject])).toEqual([interpreted(subject)]);
});

test("a slope times a distance loses nothing near the diagonal, however far before it the tile begins", () => {
  const expression = expressionOf("score", alibi());
  // Not powers of two: their products with far distances round.
  const slopes: TensorValue = { type: "f32", shape: [2], data: Float32Array.of(Math.SQRT1_2, 0.3) };
  const captures = { uniforms: new Map(), tensors: new Map([["slopes", slopes]]) };
  const places = Array.from({ length: 32 }, (_, n) => ({
    b: 0,
    h: n % 2,
    q: 1000,
    kv: 1000 - (n % 8),
    score: 0,
  }));
  const subject = { expression, captures, places, exact: false };
  if (hostProblem === null) expect(onHost([subject])).toEqual([interpreted(subject)]);
});
