/** Mask functions as IR, for the tests of this folder. */
import { Builder, topological } from "../ir/builder.ts";
import type { CaptureValues, Expression, Node, TensorValue } from "../ir/types.ts";
import type { BuildOptions } from "./options.ts";

export interface TestMask {
  readonly expression: Expression;
  readonly captures: CaptureValues;
}

type Values = Readonly<Record<string, number | TensorValue>>;

/** An expression with the specs of what it reads. */
export function maskExpression(root: Node): Expression {
  const nodes = topological([root]);
  const uniforms = nodes
    .filter((node) => node.op === "uniform")
    .map(({ attr, type }) => ({
      name: String(attr),
      type: type === "i32" ? type : ("f32" as const),
    }));
  const tensors = nodes
    .filter((node) => node.op === "load")
    .map(({ attr, type, args }) => ({ name: String(attr), type, rank: args.length }));
  return { kind: "mask", root, uniforms, tensors };
}

export function testMask(make: (ir: Builder) => Node, values: Values = {}): TestMask {
  const uniforms = new Map<string, number>();
  const tensors = new Map<string, TensorValue>();
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "number") uniforms.set(name, value);
    else tensors.set(name, value);
  }
  return { expression: maskExpression(make(new Builder())), captures: { uniforms, tensors } };
}

export const ints = (
  data: ArrayLike<number>,
  shape: readonly number[] = [data.length],
): TensorValue => ({
  type: "i32",
  shape,
  data: Int32Array.from(data),
});

export const floats = (
  data: ArrayLike<number>,
  shape: readonly number[] = [data.length],
): TensorValue => ({
  type: "f32",
  shape,
  data: Float32Array.from(data),
});

const q = (ir: Builder): Node => ir.index("q");
const kv = (ir: Builder): Node => ir.index("kv");
const int = (ir: Builder, value: number): Node => ir.constant("i32", value);
const isCausal = (ir: Builder): Node => ir.make("le", kv(ir), q(ir));

export const noop = (): TestMask => testMask((ir) => ir.constant("bool", true));

export const nothing = (): TestMask => testMask((ir) => ir.constant("bool", false));

export const causal = (): TestMask => testMask(isCausal);

/** Causal, and at most `width` keys back. */
export const slidingWindow = (width: number): TestMask =>
  testMask(
    (ir) => {
      const near = ir.make("le", ir.make("sub", q(ir), kv(ir)), ir.uniform("width", "i32"));
      return ir.make("and", isCausal(ir), near);
    },
    { width },
  );

/** Causal, or among the first `prefix` keys. */
export const prefixLm = (prefix: number): TestMask =>
  testMask(
    (ir) => ir.make("or", isCausal(ir), ir.make("lt", kv(ir), ir.uniform("prefix", "i32"))),
    { prefix },
  );

const sameDocument = (ir: Builder): Node =>
  ir.make("eq", ir.load("ids", "i32", [q(ir)]), ir.load("ids", "i32", [kv(ir)]));

export const documents = (ids: ArrayLike<number>): TestMask =>
  testMask(sameDocument, { ids: ints(ids) });

export const causalDocuments = (ids: ArrayLike<number>): TestMask =>
  testMask((ir) => ir.make("and", isCausal(ir), sameDocument(ir)), { ids: ints(ids) });

/** Every `step`-th key: no block is full, every block is mixed. */
export const dilated = (step: number): TestMask =>
  testMask((ir) =>
    ir.make("eq", ir.make("rem", ir.make("sub", q(ir), kv(ir)), int(ir, step)), int(ir, 0)),
  );

/** A sliding window whose width depends on the head. */
export const headWindows = (widths: readonly number[]): TestMask =>
  testMask(
    (ir) => {
      const width = ir.load("widths", "i32", [ir.index("h")]);
      const near = ir.make("le", ir.make("abs", ir.make("sub", q(ir), kv(ir))), width);
      return near;
    },
    { widths: ints(widths) },
  );

/** Causal in even batch elements, a prefix in odd ones. */
export const perBatch = (prefix: number): TestMask =>
  testMask(
    (ir) => {
      const odd = ir.make("eq", ir.make("rem", ir.index("b"), int(ir, 2)), int(ir, 1));
      return ir.make(
        "select",
        odd,
        ir.make("lt", kv(ir), ir.uniform("prefix", "i32")),
        isCausal(ir),
      );
    },
    { prefix },
  );

/** Compares floats: keys below the square root of the position, times a factor. */
export const floatCone = (factor: number): TestMask =>
  testMask(
    (ir) => {
      const root = ir.make("sqrt", ir.make("toF32", ir.make("abs", q(ir))));
      const reach = ir.make("mul", root, ir.uniform("factor", "f32"));
      return ir.make("lt", ir.make("toF32", kv(ir)), reach);
    },
    { factor },
  );

export type Lengths = Omit<BuildOptions, "expression" | "captures">;

/** Options with everything that a test does not care about. */
export function options(
  mask: TestMask,
  lengths: Partial<Lengths> & Pick<Lengths, "M" | "N">,
): BuildOptions {
  const B = lengths.B ?? 1;
  return {
    ...mask,
    B,
    H: 1,
    blockQ: 128,
    blockKv: 128,
    queryOffset: new Int32Array(B),
    kvLength: new Int32Array(B).fill(lengths.N),
    ...lengths,
  };
}
