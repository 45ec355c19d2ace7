import { expect, expectTypeOf, test } from "vitest";
import { compileElement } from "../ir/evaluate.ts";
import { printExpression } from "../ir/print.ts";
import type { Position } from "../ir/types.ts";
import { Tensor } from "../tensor.ts";
import { traceMod, traceText } from "../trace/trace-mod.ts";
import { and, asMaskMod, asScoreMod, constant, maskMod, not, or, scoreMod } from "./mods.ts";
import type {
  Captures,
  MaskFunction,
  MaskMod,
  OpenedCaptures,
  ScoreMod,
  TensorView,
} from "./mods.ts";

const at = (q: number, kv: number, h = 0, b = 0): Position => ({ b, h, q, kv });

const captureNames = (mod: ScoreMod | MaskMod): string[] => {
  const { expression, captures } = traceMod(mod);
  const specs = [...expression.uniforms, ...expression.tensors].map(({ name }) => name);
  expect([...captures.uniforms.keys(), ...captures.tensors.keys()].toSorted()).toEqual(
    specs.toSorted(),
  );
  return specs;
};

const inKernel = (mod: ScoreMod | MaskMod, p: Position, score = 0): number | boolean => {
  const { expression, captures } = traceMod(mod);
  return compileElement(expression.root, captures)(p.b, p.h, p.q, p.kv, score);
};

test("the example of the design traces to what it says", () => {
  const slopes = new Float32Array([0.5, 0.25]);
  const alibi = scoreMod(
    { slopes },
    ({ slopes }) =>
      (score, { h, q, kv }) =>
        score + slopes[h] * (kv - q),
  );
  expect(printExpression(traceMod(alibi).expression)).toMatchInlineSnapshot(`
    "score
    tensor slopes: f32[1]
    %0: f32 = score
    %1: i32 = index h
    %2: f32 = load slopes %1
    %3: i32 = index kv
    %4: i32 = index q
    %5: i32 = sub %3 %4
    %6: f32 = toF32 %5
    %7: f32 = mul %2 %6
    %8: f32 = add %0 %7"
  `);
  expect(alibi(1, at(5, 3, 1))).toBe(0.5);
});

test("a mod called as JavaScript sees captured tensors clamped, as the kernel does", () => {
  const row = new Float32Array([1, 2, 3]);
  const mod = scoreMod(
    { row },
    ({ row }) =>
      (score, { q }) =>
        score + row[q - 5],
  );
  for (const q of [-100, 0, 5, 6, 7, 8, 100])
    expect(mod(0.5, at(q, 0))).toBe(inKernel(mod, at(q, 0), 0.5));
});

test("an index of NaN is 0, for a mod called as JavaScript as for the kernel", () => {
  const row = new Float32Array([1, 2, 3]);
  const where = new Float32Array([2, NaN, -Infinity, Infinity, 1.5]);
  const mod = scoreMod(
    { row, where },
    ({ row, where }) =>
      (_, { q }) =>
        row[Math.floor(where[q])],
  );
  const expected = [3, 1, 1, 3, 2];
  expect(expected.map((_, q) => mod(0, at(q, 0)))).toEqual(expected);
  expect(expected.map((_, q) => inKernel(mod, at(q, 0)))).toEqual(expected);
});

test("a tensor that is changed in place is read anew by both the function and the kernel", () => {
  const row = new Int32Array([1, 2, 3]);
  const mod = maskMod(
    { row },
    ({ row }) =>
      ({ q, kv }) =>
        row[q] === kv,
  );
  const { expression } = traceMod(mod);
  expect(mod(at(0, 7))).toBe(false);
  row[0] = 7;
  expect(mod(at(0, 7))).toBe(true);
  expect(inKernel(mod, at(0, 7))).toBe(true);
  expect(traceMod(mod).expression).toBe(expression);
});

test("another value of a captured number keeps the expression; another type makes a new one", () => {
  const captures = { width: 3 };
  const mod = maskMod(
    captures,
    ({ width }) =>
      ({ q, kv }) =>
        q - kv <= width,
  );
  const { expression } = traceMod(mod);
  expect(expression.uniforms).toEqual([{ name: "width", type: "i32" }]);
  captures.width = 9;
  expect(mod(at(9, 0))).toBe(true);
  expect(traceMod(mod).captures.uniforms.get("width")).toBe(9);
  expect(traceMod(mod).expression).toBe(expression);
  captures.width = 8.5;
  expect(mod(at(9, 0))).toBe(false);
  expect(traceMod(mod).expression.uniforms).toEqual([{ name: "width", type: "f32" }]);
});

test("a negative zero and a number beyond 32 bits are captured as f32", () => {
  const mod = scoreMod(
    { a: -0, b: 2 ** 31 },
    ({ a, b }) =>
      (score) =>
        score + a + b,
  );
  expect(traceMod(mod).expression.uniforms.map(({ type }) => type)).toEqual(["f32", "f32"]);
});

test("a constant is part of the expression, not a capture", () => {
  const mod = (n: number): MaskMod =>
    maskMod(
      { n: constant(n) },
      ({ n }) =>
        ({ q, kv }) =>
          q - kv <= n,
    );
  expect(captureNames(mod(3))).toEqual([]);
  expect(printExpression(traceMod(mod(3)).expression)).not.toBe(
    printExpression(traceMod(mod(4)).expression),
  );
});

test("captures of captured and of composed mods are named by their path", () => {
  const inner = maskMod(
    { width: 4 },
    ({ width }) =>
      ({ q, kv }) =>
        q - kv <= width,
  );
  const outer = maskMod(
    { inner, far: 9 },
    ({ inner, far }) =>
      (p) =>
        inner(p) || p.q > far,
  );
  expect(captureNames(outer)).toEqual(["far", "inner.width"]);
  expect(captureNames(and(inner, outer, not(inner)))).toEqual([
    "0.width",
    "1.far",
    "1.inner.width",
    "2.0.width",
  ]);
});

test("captures that the expression does not read are not asked for", () => {
  const mod = scoreMod(
    { a: 1, b: 2, row: new Float32Array(2) },
    ({ b }) =>
      (score) =>
        score + b,
  );
  expect(captureNames(mod)).toEqual(["b"]);
});

test("and, or and not are those of their masks, plain functions included", () => {
  const causal: MaskFunction = ({ q, kv }) => q >= kv;
  const near = maskMod(
    { width: 2 },
    ({ width }) =>
      ({ q, kv }) =>
        Math.abs(q - kv) <= width,
  );
  const composed = [and(causal, near), or(causal, near), not(causal), and(), or(), and(near)];
  for (let q = 0; q < 6; q++) {
    for (let kv = 0; kv < 6; kv++) {
      const [a, b] = [q >= kv, Math.abs(q - kv) <= 2];
      const expected = [a && b, a || b, !a, true, false, b];
      expect(composed.map((mask) => mask(at(q, kv)))).toEqual(expected);
      expect(composed.map((mask) => inKernel(mask, at(q, kv)))).toEqual(expected);
    }
  }
});

test("composition is composition of functions: the same expression as one written by hand", () => {
  const both = and(
    ({ q, kv }) => q >= kv,
    ({ q, kv }) => q - kv < 4,
  );
  const byHand = maskMod(({ q, kv }) => q >= kv && q - kv < 4);
  expect(printExpression(traceMod(both).expression)).toBe(
    printExpression(traceMod(byHand).expression),
  );
});

test("a plain function becomes the same mod each time", () => {
  const score = (s: number, { q }: Position): number => s + q;
  const mask = ({ q }: Position): boolean => q > 2;
  expect(asScoreMod(score)).toBe(asScoreMod(score));
  expect(asMaskMod(mask)).toBe(asMaskMod(mask));
  expect(asMaskMod(asMaskMod(mask))).toBe(asMaskMod(mask));
});

test("arrows, function expressions, methods and computed methods are read alike", () => {
  const key = "named";
  const kinds: MaskFunction[] = [
    ({ q, kv }) => q >= kv,
    (p) => p.q >= p.kv,
    function (p) {
      return p.q >= p.kv;
    },
    function named({ q, kv }) {
      return q >= kv;
    },
    {
      mask({ q, kv }: Position): boolean {
        return q >= kv;
      },
    }.mask,
    {
      [key]({ q, kv }: Position): boolean {
        return q >= kv;
      },
    }[key],
  ];
  const texts = kinds.map((fn) => printExpression(traceMod(maskMod(fn)).expression));
  expect(new Set(texts).size).toBe(1);
});

const bits = (values: readonly number[]): Uint16Array => Uint16Array.from(values);

test.each<[string, Captures[string], string, number[]]>([
  ["Float32Array", new Float32Array([1.5, 2]), "f32", [1.5, 2]],
  ["Float64Array", new Float64Array([1.5, 2]), "f32", [1.5, 2]],
  ["Int8Array", new Int8Array([-1, 2]), "i32", [-1, 2]],
  ["Uint8Array", new Uint8Array([255, 2]), "i32", [255, 2]],
  ["Uint16Array", new Uint16Array([65535, 2]), "i32", [65535, 2]],
  ["Uint32Array", new Uint32Array([7, 2]), "i32", [7, 2]],
  ["an array of integers", [1, -2], "i32", [1, -2]],
  ["an array of fractions", [1, -2.5], "f32", [1, -2.5]],
  ["an array of booleans", [true, false], "bool", [1, 0]],
  [
    "a tensor of f16 bits",
    new Tensor(bits([0x3e00, 0xc400]), [2], { dtype: "f16" }),
    "f32",
    [1.5, -4],
  ],
  [
    "a tensor of subnormal f16",
    new Tensor(bits([0x0001, 0x7c00]), [2], { dtype: "f16" }),
    "f32",
    [2 ** -24, Infinity],
  ],
  [
    "a tensor of bf16 bits",
    new Tensor(bits([0x3fc0, 0xc080]), [2], { dtype: "bf16" }),
    "f32",
    [1.5, -4],
  ],
  ["a tensor of booleans", new Tensor(new Uint8Array([1, 0]), [2]), "bool", [1, 0]],
  [
    "a tensor with strides and an offset",
    new Tensor(new Int32Array([9, 1, 9, 2]), [2], { strides: [2], offset: 1 }),
    "i32",
    [1, 2],
  ],
])("%s is captured with its elements", (_, value, type, elements) => {
  const { expression, captures } = traceText("({ a }) => ({ q }) => a[q] == 1", "mask", {
    a: value,
  });
  expect(expression.tensors).toEqual([{ name: "a", rank: 1, type }]);
  expect([...(captures.tensors.get("a")?.data ?? [])]).toEqual(elements);
});

test("a native array is handed over without a copy", () => {
  const data = new Float32Array(6);
  const view = new Tensor(data, [4], { offset: 2 });
  const { captures } = traceText("({ a, b }) => (s) => s + a[0] + b[0]", "score", {
    a: data,
    b: view,
  });
  expect(captures.tensors.get("a")?.data).toBe(data);
  expect(captures.tensors.get("b")?.data.buffer).toBe(data.buffer);
});

test("lengths of captured tensors are inputs: another length keeps the expression", () => {
  const mod = (length: number): MaskMod =>
    maskMod(
      { a: new Int32Array(length) },
      ({ a }) =>
        ({ q }) =>
          q < a.length,
    );
  expect(captureNames(mod(3))).toEqual(["a.length"]);
  expect([mod(3)(at(3, 0)), mod(4)(at(3, 0))]).toEqual([false, true]);
  expect([inKernel(mod(3), at(3, 0)), inKernel(mod(4), at(3, 0))]).toEqual([false, true]);
  expect(printExpression(traceMod(mod(3)).expression)).toBe(
    printExpression(traceMod(mod(4)).expression),
  );
});

test("types follow from the captures", () => {
  const captures = {
    n: 1,
    yes: true,
    four: constant(4),
    list: constant([1, 2]),
    a: new Float32Array(1),
    f: (x: number): number => x,
  };
  type Opened = OpenedCaptures<typeof captures>;
  expectTypeOf<keyof Opened>().toEqualTypeOf<keyof typeof captures>();
  expectTypeOf<Opened["n"]>().toEqualTypeOf<number>();
  expectTypeOf<Opened["yes"]>().toEqualTypeOf<boolean>();
  expectTypeOf<Opened["four"]>().toEqualTypeOf<4>();
  expectTypeOf<Opened["list"]>().toEqualTypeOf<readonly [1, 2]>();
  expectTypeOf<Opened["a"]>().toEqualTypeOf<TensorView>();
  expectTypeOf<Opened["f"]>().toEqualTypeOf<(x: number) => number>();
  expectTypeOf(maskMod(() => true)).toEqualTypeOf<MaskMod>();
  expectTypeOf(scoreMod((score) => score)).toEqualTypeOf<ScoreMod>();
  // @ts-expect-error a mask returns a boolean
  expect(() => maskMod(({ q }) => q)).toThrow("returns a number");
});

const wrong = (value: unknown): never => value as never;

test.each<[string, () => unknown]>([
  ["no function", () => maskMod(wrong(5))],
  ["captures without a function", () => scoreMod(wrong({ a: 1 }))],
  [
    "the function first",
    () =>
      scoreMod(
        wrong(() => 0),
        wrong({ a: 1 }),
      ),
  ],
  ["a mod made a mod", () => maskMod(wrong(maskMod(() => true)))],
  [
    "captures in an array",
    () =>
      maskMod(
        wrong([1]),
        wrong(() => () => true),
      ),
  ],
  ["a capture whose name is no identifier", () => maskMod({ "a.b": 1 }, () => () => true)],
  [
    "a string captured",
    () =>
      maskMod(
        wrong({ a: "x" }),
        wrong(() => () => true),
      ),
  ],
  [
    "an object captured",
    () =>
      maskMod(
        wrong({ a: { b: 1 } }),
        wrong(() => () => true),
      ),
  ],
  [
    "a big integer array captured",
    () =>
      maskMod(
        wrong({ a: new BigInt64Array(1) }),
        wrong(() => () => true),
      ),
  ],
  ["rows of different lengths", () => maskMod({ a: [[1], [1, 2]] }, () => () => true)],
  ["booleans and numbers in one array", () => maskMod({ a: [true, 1] }, () => () => true)],
  ["an empty array", () => maskMod({ a: [] }, () => () => true)],
  ["an empty typed array", () => maskMod({ a: new Float32Array() }, () => () => true)],
  [
    "integers beyond 31 bits",
    () => {
      const { captures } = traceMod(
        maskMod(
          { a: new Uint32Array([2 ** 31]) },
          ({ a }) =>
            ({ q }) =>
              a[q] > 0,
        ),
      );
      return captures;
    },
  ],
  ["a constant string", () => constant(wrong("x"))],
  ["a bound function", () => maskMod(new Set([1]).has.bind(new Set([1])) as never)],
  [
    "a built-in function captured",
    () =>
      scoreMod(
        { f: Math.exp },
        ({ f }) =>
          (score) =>
            f(score),
      ),
  ],
  ["a score function as a mask", () => and(wrong(scoreMod((score) => score)))],
])("refused with what was expected: %s", (_, run) => {
  let error: unknown;
  try {
    run();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toSatisfy((e) => e instanceof TypeError || e instanceof RangeError);
  expect(String(error)).toMatchSnapshot();
});
