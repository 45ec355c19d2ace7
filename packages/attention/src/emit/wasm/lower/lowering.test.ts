/** Random expressions on lanes against the interpreter, bit for bit. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Builder } from "../../../ir/builder.ts";
import type { OperatorOp } from "../../../ir/builder.ts";
import { compileElement } from "../../../ir/evaluate.ts";
import { expressionOf, graphCases, signatures } from "../../../ir/testing-graphs.ts";
import type { Axis, CaptureValues, Expression, Node, TensorValue } from "../../../ir/types.ts";
import type { KernelSpec } from "../../../runtime/device.ts";
import { captureLayout } from "../abi.ts";
import { load, store } from "../asm/expression.ts";
import type { Local } from "../asm/function.ts";
import { kernelContext } from "../context.ts";
import { plus } from "../lanes.ts";
import { Lowering } from "./lowering.ts";

/** Whose last place may differ from JavaScript's; `functions.test.ts` measures by how much. */
const rounded: readonly OperatorOp[] = [
  "exp",
  "expm1",
  "log",
  "log1p",
  "log2",
  "log10",
  "pow",
  "sin",
  "cos",
  "tan",
  "tanh",
];

const laneAxes = ["q", "kv"] as const;
type LaneAxis = (typeof laneAxes)[number];

const specOf = (expression: Expression): KernelSpec => ({
  schedule: "forward",
  score: expression.kind === "score" ? expression : null,
  mask: expression.kind === "mask" ? expression : null,
  maskBits: false,
  D: 1,
  Dv: 1,
  dtype: "f32",
});

/** Byte addresses in the test's memory: parameters, lane positions, scores, results; captures from `heap` on. */
const at = { params: 1024, lanes: 4096, scores: 4160, out: 4224, heap: 8192 };

/** `probe(b, h, q, kv)`: the expression on two vectors of lanes along `laneAxis`, the other axes as given. */
function probeModule(expression: Expression, laneAxis: LaneAxis): Uint8Array<ArrayBuffer> {
  const context = kernelContext(specOf(expression), { relaxed: true, shared: false });
  const params = { base: "i32", b: "i32", h: "i32", q: "i32", kv: "i32" } as const;
  const two = [0, 16] as const;
  context.module.function("lanes", params, (f, { base, b, h, q, kv }) => {
    const vectors = (from: number): readonly Local<"v128">[] =>
      two.map((half) => f.let("given", load("v128.load", base, from + half)));
    const lowering = new Lowering(context, f, expression.root, {
      laneAxis,
      lanes: vectors(at.lanes),
      scalars: { b, h, q, kv },
      score: vectors(at.scores),
    });
    lowering.hoist([laneAxis === "q" ? "kv" : "q", "score"]);
    lowering.root().forEach((value, n) => f.do(store("v128.store", base, value, at.out + n * 16)));
    return undefined;
  });
  const [lanes] = context.module.functions.slice(-1);
  const all = { params: "i32", b: "i32", h: "i32", q: "i32", kv: "i32" } as const;
  context.module.function(
    "probe",
    all,
    (f, { params: address, b, h, q, kv }) => {
      f.do(context.registers.params.set(address));
      const args = [plus(address, -at.params), b, h, q, kv];
      if (lanes !== undefined) f.do({ type: "none", head: "call $lanes", code: lanes, args });
      return undefined;
    },
    { exported: true },
  );
  return context.module.encode();
}

function placeCaptures(
  memory: WebAssembly.Memory,
  expression: Expression,
  captures: CaptureValues,
): void {
  const [f32, i32] = [new Float32Array(memory.buffer), new Int32Array(memory.buffer)];
  const { uniforms, tensors } = captureLayout(specOf(expression));
  for (const { name, type, word } of uniforms) {
    (type === "f32" ? f32 : i32)[at.params / 4 + word] = captures.uniforms.get(name) ?? NaN;
  }
  let heap = at.heap;
  for (const { name, word } of tensors) {
    const tensor = captures.tensors.get(name);
    if (tensor === undefined) throw new Error(`no ${name}`);
    i32.set([heap, ...tensor.shape], at.params / 4 + word);
    const { buffer, byteOffset, byteLength } = tensor.data;
    new Uint8Array(memory.buffer, heap).set(new Uint8Array(buffer, byteOffset, byteLength));
    // What lies behind a tensor must never be read: it looks like nothing a tensor holds.
    new Uint8Array(memory.buffer, heap + byteLength, 64).fill(0xfb);
    heap += Math.ceil((byteLength + 64) / 16) * 16;
  }
}

type Coordinates = Record<Axis, number>;

interface Place {
  readonly at: Coordinates;
  readonly laneAxis: LaneAxis;
  readonly lanes: readonly number[];
  readonly scores: readonly number[];
}

/** The eight results of the kernel, as numbers. */
function onLanes(
  expression: Expression,
  captures: CaptureValues,
  { at: here, laneAxis, lanes, scores }: Place,
): number[] {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const module = new WebAssembly.Module(probeModule(expression, laneAxis));
  const math = Math as unknown as WebAssembly.ModuleImports;
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, math });
  placeCaptures(memory, expression, captures);
  new Int32Array(memory.buffer, at.lanes, 8).set(lanes);
  new Float32Array(memory.buffer, at.scores, 8).set(scores);
  const probe = exports["probe"] as (...args: number[]) => void;
  probe(at.params, here.b, here.h, here.q, here.kv);
  const isBool = expression.root.type === "bool";
  const words = isBool
    ? new Int32Array(memory.buffer, at.out, 8)
    : new Float32Array(memory.buffer, at.out, 8);
  return [...words].map((word) => (isBool && word === -1 ? 1 : word));
}

function interpreted({ root }: Expression, captures: CaptureValues, place: Place): number[] {
  const element = compileElement(root, captures);
  return place.lanes.map((position, n) => {
    const here: Coordinates = { ...place.at };
    here[place.laneAxis] = position;
    const { b, h, q, kv } = here;
    return Number(element(b, h, q, kv, place.scores[n] ?? NaN));
  });
}

const score = fc.oneof(
  fc.float({ min: -100, max: 100 }),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 0.5, 2.5),
);
const coordinate = fc.oneof(fc.nat(100), fc.nat(2 ** 25));
const places: fc.Arbitrary<Place> = fc
  .record({
    at: fc.record({ b: fc.nat(3), h: fc.nat(5), q: coordinate, kv: coordinate }),
    laneAxis: fc.constantFrom(...laneAxes),
    // As kernels have them: neighbours, of which the last few may repeat.
    first: coordinate,
    last: fc.nat(7),
    scores: fc.array(score, { minLength: 8, maxLength: 8 }),
  })
  .map(({ first, last, ...rest }) => ({
    ...rest,
    lanes: Array.from({ length: 8 }, (_, lane) => first + Math.min(lane, last)),
  }));

describe.each(["score", "mask"] as const)("%s", (kind) => {
  test("random expressions give on lanes what the interpreter gives, bit for bit", () => {
    const cases = graphCases({ kind, ops: (op) => !rounded.includes(op) });
    fc.assert(
      fc.property(cases, places, ({ expression, captures }, place) => {
        expect(onLanes(expression, captures, place)).toEqual(
          interpreted(expression, captures, place),
        );
      }),
      { numRuns: 300 },
    );
  });
});

const none: CaptureValues = { uniforms: new Map(), tensors: new Map() };
const plain: Place = {
  at: { b: 1, h: 2, q: 30, kv: 40 },
  laneAxis: "q",
  lanes: [30, 31, 32, 33, 34, 35, 36, 37],
  scores: [0.5, -1.25, 2, 3.75, -0, 88, -87.5, 1e-3],
};

describe("every op has a form for lanes and one for scalars, and they agree", () => {
  const builder = new Builder();
  /** Operands that differ from lane to lane, or are the same in all. */
  const leaves = {
    lanes: {
      f32: builder.score(),
      i32: builder.index("q"),
      bool: builder.make("lt", builder.score(), builder.constant("f32", 1)),
    },
    scalar: {
      f32: builder.make(
        "mul",
        builder.make("toF32", builder.index("kv")),
        builder.constant("f32", 0.019),
      ),
      i32: builder.index("kv"),
      bool: builder.make("lt", builder.index("kv"), builder.constant("i32", 100)),
    },
  };

  /** The root of a score: f32 of whatever the op yields. */
  const asScore = (node: Node): Node => (node.type === "f32" ? node : builder.make("toF32", node));

  test.each(signatures)("$op $args", ({ op, args }) => {
    for (const first of ["lanes", "scalar"] as const) {
      for (const second of ["lanes", "scalar"] as const) {
        const operands = args.map((type, n) => (n === 0 ? leaves[first] : leaves[second])[type]);
        const root = asScore(builder.make(op, ...operands));
        const expression = expressionOf("score", root);
        const [got, expected] = [
          onLanes(expression, none, plain),
          interpreted(expression, none, plain),
        ];
        if (!rounded.includes(op)) expect(got).toEqual(expected);
        got.forEach((value, n) => {
          const exact = expected[n] ?? NaN;
          if (Number.isFinite(exact))
            expect(Math.abs(value - exact)).toBeLessThanOrEqual(Math.abs(exact) * 2 ** -21);
          else expect(value).toEqual(exact);
        });
      }
    }
  });
});

describe("captured tensors", () => {
  const builder = new Builder();
  const q = builder.index("q");
  const kv = builder.index("kv");
  const int = (value: number): Node => builder.constant("i32", value);
  const data = Float32Array.from({ length: 60 }, (_, n) => n + 0.5);
  const captures: CaptureValues = {
    uniforms: new Map(),
    tensors: new Map<string, TensorValue>([
      ["bias", { type: "f32", shape: [60], data }],
      ["table", { type: "f32", shape: [4, 15], data }],
      [
        "keep",
        { type: "bool", shape: [60], data: Uint8Array.from(data, (_, n) => (n % 3 === 0 ? 1 : 0)) },
      ],
      ["doc", { type: "i32", shape: [60], data: Int32Array.from(data, (_, n) => (n * 7) % 5) }],
    ]),
  };
  const f32Load = (name: string, ...indices: readonly Node[]): Node =>
    builder.load(name, "f32", indices);
  const sub = (a: Node, b: Node): Node => builder.make("sub", a, b);
  const hostile = builder.make("mul", builder.make("sub", q, int(33)), int(2 ** 28));
  const roots: readonly (readonly [string, Node])[] = [
    ["rising with the lanes", f32Load("bias", sub(q, kv))],
    ["falling with the lanes", f32Load("bias", sub(kv, q))],
    ["past the end for some lanes", f32Load("bias", builder.make("add", q, int(24)))],
    ["before the start for some lanes", f32Load("bias", sub(q, int(33)))],
    ["of two indices", f32Load("table", builder.make("rem", kv, int(4)), q)],
    [
      "of two indices, the first along the lanes",
      f32Load("table", builder.make("rem", q, int(4)), kv),
    ],
    [
      "by an index that is no position",
      f32Load("bias", builder.make("bitAnd", builder.make("mul", q, int(13)), int(31))),
    ],
    ["by an index read from a tensor", f32Load("bias", builder.load("doc", "i32", [q]))],
    ["by hostile indices", f32Load("bias", hostile)],
    ["of booleans", builder.make("toF32", builder.load("keep", "bool", [q]))],
    [
      "of booleans, the same for all lanes",
      builder.make("toF32", builder.load("keep", "bool", [kv])),
    ],
    ["the same for all lanes, out of range", f32Load("bias", builder.make("mul", kv, int(1000)))],
  ];

  describe.each(laneAxes)("lanes along %s", (laneAxis) => {
    test.each(roots)("loads %s", (_, root) => {
      const expression = expressionOf("score", root);
      for (const first of [0, 1, 28, 50, 57, 2 ** 20]) {
        const lanes = plain.lanes.map((__, n) => first + Math.min(n, 5));
        for (const kvAt of [0, 3, 25, 70]) {
          const place = { ...plain, at: { ...plain.at, q: kvAt, kv: kvAt }, lanes, laneAxis };
          expect(onLanes(expression, captures, place)).toEqual(
            interpreted(expression, captures, place),
          );
        }
      }
    });
  });
});

test("what does not change in the loop is computed before it, once", () => {
  const builder = new Builder();
  const slope = builder.load("slopes", "f32", [builder.index("h")]);
  const distance = builder.make(
    "toF32",
    builder.make("sub", builder.index("kv"), builder.index("q")),
  );
  const root = builder.make("add", builder.score(), builder.make("mul", slope, distance));
  const context = kernelContext(specOf(expressionOf("score", root)), {
    relaxed: true,
    shared: false,
  });
  let hoisted = 0;
  let inside = 0;
  context.module.function("probe", { b: "i32", h: "i32", kv: "i32" }, (f, { b, h, kv }) => {
    const lanes = [f.local("v128", "q")];
    const lowering = new Lowering(context, f, root, {
      laneAxis: "q",
      lanes,
      scalars: { b, h, kv },
      score: lanes,
    });
    lowering.hoist(["kv", "score"]);
    hoisted = JSON.stringify(f.body).split("f32.load").length - 1;
    lowering.root();
    inside = JSON.stringify(f.body).split("f32.load").length - 1 - hoisted;
    return undefined;
  });
  expect([hoisted, inside]).toEqual([1, 0]);
});

test("what lanes add to an address is computed before the loop, once for all loads that share it", () => {
  const builder = new Builder();
  const [q, kv, h] = [builder.index("q"), builder.index("kv"), builder.index("h")];
  const step = (at: number): Node =>
    builder.load("path", "i32", [q, kv, builder.constant("i32", at)]);
  const bias = builder.load("edge", "f32", [h, builder.make("add", step(0), step(1))]);
  const root = builder.make("add", builder.score(), bias);
  const context = kernelContext(specOf(expressionOf("score", root)), {
    relaxed: true,
    shared: false,
  });
  const counts: Record<string, readonly number[]> = {};
  context.module.function("probe", { b: "i32", h: "i32", kv: "i32" }, (f, scalars) => {
    const lanes = [f.local("v128", "q")];
    const site = { laneAxis: "q", lanes, scalars, score: lanes } as const;
    const lowering = new Lowering(context, f, root, site);
    const count = (name: string): number => JSON.stringify(f.body).split(`${name}"`).length - 1;
    const names = ["i32x4.mul", "i32x4.extract_lane 0", "i32x4.extract_lane 3", "i32.mul"];
    lowering.hoist(["kv", "score"]);
    const hoisted = names.map(count);
    lowering.root();
    names.forEach((name, n) => {
      counts[name] = [hoisted[n] ?? 0, count(name) - (hoisted[n] ?? 0)];
    });
    return undefined;
  });
  // Before: the rows of q, of the head, and how long those of a path are. Inside: rows of kv for each step, and lanes of the sum.
  expect(counts).toEqual({
    "i32x4.mul": [1, 0],
    "i32x4.extract_lane 0": [1, 1],
    "i32x4.extract_lane 3": [1, 1],
    "i32.mul": [2, 2],
  });
});
