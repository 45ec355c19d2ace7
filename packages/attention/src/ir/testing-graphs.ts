/**
 * Random well-typed graphs for property tests (development only: imports fast-check).
 *
 * A case is a straight line of instructions, each on values made before it, so that values are shared
 * and a failing case shrinks to few lines. The instructions come from the op table itself: a new op is tested
 * without a change here.
 */
import fc from "fast-check";
import { Builder, topological } from "./builder.ts";
import type { OperatorOp } from "./builder.ts";
import { ops } from "./ops.ts";
import { printNode } from "./print.ts";
import { showNode } from "./show.ts";
import { axes } from "./types.ts";
import type {
  Axis,
  CaptureValues,
  Expression,
  Node,
  Op,
  Position,
  ScalarType,
  TensorValue,
} from "./types.ts";

/** An expression, values for all it captures, and (for fast-check's reports) its text. */
export interface GraphCase {
  readonly expression: Expression;
  readonly captures: CaptureValues;
  readonly [fc.toStringMethod]: () => string;
}

export interface GraphOptions {
  readonly kind: Expression["kind"];
  /** Which operations may occur. Default: all. */
  readonly ops?: (op: OperatorOp) => boolean;
  /** Which types may occur; bool always does. Default: f32 and i32. */
  readonly types?: readonly ScalarType[];
  /** Most instructions. Default 40; a graph has about a third as many nodes. */
  readonly length?: number;
  /** Whether captured tensors are read. Default true. */
  readonly loads?: boolean;
}

export interface Signature {
  readonly op: OperatorOp;
  readonly args: readonly ScalarType[];
}

const scalarTypes: readonly ScalarType[] = ["f32", "i32", "bool"];

const ownTyped: readonly Op[] = ["const", "index", "score", "uniform", "load"];
const isOperator = (op: Op): op is OperatorOp => !ownTyped.includes(op);

const tuples = (length: number): readonly (readonly ScalarType[])[] =>
  length === 0
    ? [[]]
    : tuples(length - 1).flatMap((rest) => scalarTypes.map((type) => [type, ...rest]));

/** Every op with every combination of operand types that its row accepts. */
export const signatures: readonly Signature[] = (Object.keys(ops) as Op[])
  .filter(isOperator)
  .flatMap((op) =>
    tuples(Number(ops[op].arity))
      .filter((args) => ops[op].type(args) !== null)
      .map((args) => ({ op, args })),
  );

const constants: { readonly [K in ScalarType]: readonly (number | boolean)[] } = {
  i32: [0, 1, -1, 2, 3, 5, 8, 64, -7, 31, 1000, 46340, 46341, 2 ** 24 + 1, 2 ** 31 - 1, -(2 ** 31)],
  f32: [0, -0, 1, -1, 0.5, 2, -0.25, 3.3, 1e-30, 1e30, 2 ** 24, 88, Infinity, -Infinity, NaN],
  bool: [true, false],
};

/** Names show their type: the specs follow from them. */
const uniformTypes: Readonly<Record<string, "i32" | "f32">> = {
  width: "i32",
  "nested.period": "i32",
  slope: "f32",
};
const tensorSpecs = [
  { name: "doc", type: "i32", rank: 1 },
  { name: "bias", type: "f32", rank: 2 },
  { name: "keep", type: "bool", rank: 1 },
] as const;

type Instruction =
  | { readonly make: Signature; readonly picks: readonly number[] }
  | { readonly load: number; readonly picks: readonly number[] }
  | { readonly literal: ScalarType; readonly value: number | boolean };

const isLogic = ({ op }: Signature): boolean =>
  ["and", "or", "not", "select", "lt", "le", "eq", "ne"].includes(op);
const isPlain = ({ op }: Signature): boolean =>
  ["add", "sub", "mul", "neg", "abs", "min", "max", "floorDiv", "rem", "toF32"].includes(op);

/** Operands are counted back from the latest value, the second from the one before; near ones more often. */
const pick = fc.oneof({ weight: 3, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(12) });
const picks = fc.array(pick, { minLength: 3, maxLength: 3 });

const of = <T>(values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

function instruction(options: GraphOptions): fc.Arbitrary<Instruction> {
  const types = [...(options.types ?? ["f32", "i32"]), "bool"];
  const allowed = signatures.filter(
    ({ op, args }) => args.every((type) => types.includes(type)) && (options.ops?.(op) ?? true),
  );
  const make = (some: readonly Signature[]): fc.Arbitrary<Instruction> =>
    fc.record({ make: of(some.length === 0 ? allowed : some), picks });
  const literal = of(scalarTypes.filter((type) => types.includes(type))).chain((type) =>
    fc.record({ literal: fc.constant(type), value: of(constants[type]) }),
  );
  const loads: fc.Arbitrary<Instruction> = fc.record({
    load: fc.nat(tensorSpecs.length - 1),
    picks,
  });
  return fc.oneof(
    { weight: 6, arbitrary: make(allowed.filter(isLogic)) },
    { weight: 4, arbitrary: make(allowed.filter(isPlain)) },
    { weight: 3, arbitrary: make(allowed) },
    { weight: 1, arbitrary: literal },
    { weight: options.loads === false ? 0 : 1, arbitrary: loads },
  );
}

/** Runs the instructions; those whose operand types do not exist yet are skipped. */
function build(
  kind: Expression["kind"],
  program: readonly Instruction[],
  types: readonly ScalarType[],
): Node {
  const builder = new Builder();
  const uniforms = Object.entries(uniformTypes).filter(([, type]) => types.includes(type));
  const values: Node[] = [
    ...(types.includes("f32") && kind === "score" ? [builder.score()] : []),
    ...uniforms.map(([name, type]) => builder.uniform(name, type)),
    ...(types.includes("i32") ? axes.map((axis) => builder.index(axis)) : []),
  ];
  const latest = (type: ScalarType, back: number): Node | undefined => {
    const some = values.filter((node) => node.type === type);
    return some[some.length - 1 - (back % Math.max(1, some.length))];
  };
  const operands = (want: readonly ScalarType[], from: readonly number[]): Node[] | null => {
    const nodes = want.map((type, at) => latest(type, at + (from[at] ?? 0)));
    return nodes.every((node) => node !== undefined) ? nodes : null;
  };
  const run = (step: Instruction): Node | null => {
    if ("literal" in step) return builder.constant(step.literal, step.value);
    if ("make" in step) {
      const args = operands(step.make.args, step.picks);
      return args && builder.make(step.make.op, ...args);
    }
    const spec = tensorSpecs[step.load];
    if (spec === undefined || !(types.includes(spec.type) || spec.type === "bool")) return null;
    const indices = operands(
      Array.from({ length: spec.rank }, () => "i32" as const),
      step.picks,
    );
    return indices && builder.load(spec.name, spec.type, indices);
  };
  for (const step of program) {
    const node = run(step);
    if (node !== null) values.push(node);
  }
  const root = latest(kind === "mask" ? "bool" : "f32", 0);
  return root ?? builder.make("le", builder.index("kv"), builder.index("q"));
}

/** The expression of a root, with the captures that it reads. */
export function expressionOf(kind: Expression["kind"], root: Node): Expression {
  const nodes = topological([root]);
  const uniforms = nodes
    .filter((node) => node.op === "uniform")
    .map(({ attr, type }) => ({
      name: String(attr),
      type: type === "i32" ? type : ("f32" as const),
    }));
  const loads = nodes
    .filter((node) => node.op === "load")
    .map(({ attr, args, type }) => ({ name: String(attr), rank: args.length, type }));
  const byName = <Spec extends { readonly name: string }>(specs: readonly Spec[]): Spec[] =>
    [...new Map(specs.map((spec) => [spec.name, spec])).values()].toSorted((x, y) =>
      x.name < y.name ? -1 : 1,
    );
  return { kind, root, uniforms: byName(uniforms), tensors: byName(loads) };
}

const tensor = (
  type: ScalarType,
  data: Int32Array | Float32Array | Uint8Array,
  shape: readonly number[],
): TensorValue => ({ type, shape, data });

const smallInteger = fc.oneof(fc.integer({ min: -4, max: 70 }), of(constants.i32.map(Number)));
const anyFloat = fc.oneof(fc.float({ min: -100, max: 100 }), of(constants.f32.map(Number)));

/** Values for every capture that a generated graph may read. */
export const captureValues: fc.Arbitrary<CaptureValues> = fc
  .record({
    width: smallInteger,
    period: smallInteger,
    slope: anyFloat,
    doc: fc.array(fc.integer({ min: -3, max: 9 }), { minLength: 1, maxLength: 80 }),
    bias: fc.array(anyFloat, { minLength: 6, maxLength: 6 }),
    keep: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 80 }),
  })
  .map(({ width, period, slope, doc, bias, keep }) => ({
    uniforms: new Map([
      ["width", width],
      ["nested.period", period],
      ["slope", slope],
    ]),
    tensors: new Map([
      ["doc", tensor("i32", Int32Array.from(doc.toSorted((x, y) => x - y)), [doc.length])],
      ["bias", tensor("f32", Float32Array.from(bias), [2, 3])],
      ["keep", tensor("bool", Uint8Array.from(keep), [keep.length])],
    ]),
  }));

function describe({ root }: Expression, { uniforms, tensors }: CaptureValues): string {
  const numbers = [...uniforms].map(([name, value]) => `${name} = ${value}`);
  const arrays = [...tensors].map(([name, { data }]) => `${name} = [${data.join(", ")}]`);
  return `${printNode(root)}\n${[...numbers, ...arrays].join("\n")}`;
}

/** Random expressions of one kind, with values for their captures. */
export function graphCases(options: GraphOptions): fc.Arbitrary<GraphCase> {
  const maxLength = options.length ?? 40;
  const program = fc.array(instruction(options), { minLength: 4, maxLength, size: "max" });
  return fc.tuple(program, captureValues).map(([steps, captures]) => {
    const root = build(options.kind, steps, options.types ?? ["f32", "i32"]);
    const expression = expressionOf(options.kind, root);
    return { expression, captures, [fc.toStringMethod]: () => describe(expression, captures) };
  });
}

const coordinate = (axis: Axis): fc.Arbitrary<number> =>
  axis === "q" || axis === "kv" ? fc.oneof(fc.nat(100), fc.nat(2 ** 25)) : fc.nat(5);

/** Where an expression is evaluated: mostly small positions, some beyond 2^24. */
export const positions: fc.Arbitrary<Position & { readonly score: number }> = fc.record({
  b: coordinate("b"),
  h: coordinate("h"),
  q: coordinate("q"),
  kv: coordinate("kv"),
  score: anyFloat,
});

type JavaScript = (b: number, h: number, q: number, kv: number, score: number) => unknown;

/** A tensor as nested arrays that clamp their indices. */
function clamped({ type, shape, data }: TensorValue, first = 0, axis = 0): unknown {
  const length = shape[axis];
  if (length === undefined) return type === "bool" ? data[first] !== 0 : data[first];
  const stride = shape.slice(axis + 1).reduce((product, n) => product * n, 1);
  const at = (key: string | symbol): number => Math.max(0, Math.min(length - 1, Number(key)));
  return new Proxy(
    {},
    { get: (_, key) => clamped({ type, shape, data }, first + at(key) * stride, axis + 1) },
  );
}

/** The text of `showNode`, run by JavaScript itself in double precision. */
export function asJavaScript(root: Node, { uniforms, tensors }: CaptureValues): JavaScript {
  const scope: Record<string, unknown> = { nested: {} };
  const put = (name: string, value: unknown): void => {
    const [outer = name, inner] = name.split(".");
    if (inner === undefined) scope[outer] = value;
    else scope[outer] = { [inner]: value };
  };
  for (const [name, value] of uniforms) put(name, value);
  for (const [name, value] of tensors) put(name, clamped(value));
  const source = `return (b, h, q, kv, score) => ${showNode(root, Infinity)}`;
  return new Function(...Object.keys(scope), source)(...Object.values(scope)) as JavaScript;
}
