/**
 * An expression graph in float64: what the traced function gives when JavaScript calls it.
 *
 * Of a kernel's graph it differs from calling the function where that has already rounded: literals and captured tensors of
 * type f32. Of `traceExact`'s it differs in nothing. Truth is 1, falsehood 0. Shares nothing with `ir/evaluate.ts`, which rounds every operation to f32.
 */
import { internalError } from "../errors.ts";
import { type OperatorOp, topological } from "../ir/builder.ts";
import type { Node, Position } from "../ir/types.ts";

export type Meaning = (a: number, b: number, c: number) => number;

/** An op by a meaning of the caller's instead. */
export type Readings = { readonly [K in OperatorOp]?: Meaning };

/** Captures of any precision. */
export interface ReadableCaptures {
  readonly uniforms: ReadonlyMap<string, number>;
  readonly tensors: ReadonlyMap<string, ReadableTensor>;
}

interface ReadableTensor {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

const MOST = 2 ** 31 - 1;
const saturate = (a: number): number =>
  Number.isNaN(a) ? 0 : Math.min(Math.max(Math.trunc(a), -MOST - 1), MOST);

const meanings: { readonly [K in OperatorOp]: Meaning } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  neg: (a) => -a,
  abs: Math.abs,
  sign: Math.sign,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  floorDiv: (a, b) => Math.floor(a / b),
  truncDiv: (a, b) => Math.trunc(a / b),
  imul: Math.imul,

  bitAnd: (a, b) => a & b,
  bitOr: (a, b) => a | b,
  bitXor: (a, b) => a ^ b,
  bitNot: (a) => ~a,
  shl: (a, b) => a << b,
  shr: (a, b) => a >> b,
  ushr: (a, b) => a >>> b,

  floor: Math.floor,
  ceil: Math.ceil,
  round: Math.round,
  trunc: Math.trunc,

  sqrt: Math.sqrt,
  cbrt: Math.cbrt,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  pow: (a, b) => a ** b,
  hypot: (a, b) => Math.hypot(a, b),
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  atan2: Math.atan2,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,

  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),

  and: (a, b) => a & b,
  or: (a, b) => a | b,
  not: (a) => 1 - a,
  select: (a, b, c) => (a === 0 ? c : b),

  toF32: (a) => a,
  toI32: saturate,
};

/** Where one evaluation stands: its coordinates, its score, and the values of the nodes before. */
interface Frame {
  at: Position;
  score: number;
  readonly values: Float64Array;
}

type Step = (frame: Frame) => number;

const lookUp = <Value>(table: ReadonlyMap<string, Value>, name: Node["attr"]): Value => {
  const value = table.get(String(name));
  if (value === undefined) throw internalError(`no value for the capture ${String(name)}`);
  return value;
};

const valueOf = (frame: Frame, slot: number): number => frame.values[slot] ?? NaN;

/** One element, each index clamped to its dimension. */
function loadStep({ shape, data }: ReadableTensor, slots: readonly number[]): Step {
  return (frame) => {
    let at = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      const length = shape[axis] ?? 1;
      const index = valueOf(frame, slots[axis] ?? -1);
      at = at * length + Math.min(Math.max(index, 0), length - 1);
    }
    return data[at] ?? NaN;
  };
}

/** In a graph of double precision (`traceExact`), a `toF32` of an f32 is `Math.fround`. */
const meaningOf = (op: OperatorOp, { args }: Node, readings: Readings): Meaning =>
  op === "toF32" && args[0]?.type === "f32" ? Math.fround : (readings[op] ?? meanings[op]);

interface Given {
  readonly captures: ReadableCaptures;
  readonly readings: Readings;
}

function stepFor(node: Node, slots: readonly number[], { captures, readings }: Given): Step {
  const { op, attr } = node;
  switch (op) {
    case "const":
      return () => Number(attr);
    case "index": {
      const axis = attr as keyof Position;
      return ({ at }) => at[axis];
    }
    case "score":
      return ({ score }) => score;
    case "uniform": {
      const value = lookUp(captures.uniforms, attr);
      return () => value;
    }
    case "load":
      return loadStep(lookUp(captures.tensors, attr), slots);
    default: {
      const meaning = meaningOf(op, node, readings);
      const [a = -1, b = -1, c = -1] = slots;
      return (frame) => meaning(valueOf(frame, a), valueOf(frame, b), valueOf(frame, c));
    }
  }
}

/** The graph as a function of a score and where it is. The returned function keeps state: one caller at a time. */
export function compileExact(
  root: Node,
  captures: ReadableCaptures,
  readings: Readings = {},
): (score: number, at: Position) => number {
  const nodes = topological([root]);
  const slotOf = new Map(nodes.map((node, slot) => [node, slot]));
  const steps = nodes.map((node) =>
    stepFor(
      node,
      node.args.map((arg) => slotOf.get(arg) ?? -1),
      { captures, readings },
    ),
  );
  const frame: Frame = {
    at: { b: 0, h: 0, q: 0, kv: 0 },
    score: 0,
    values: new Float64Array(steps.length),
  };
  return (score, at) => {
    frame.score = score;
    frame.at = at;
    for (let slot = 0; slot < steps.length; slot++) {
      frame.values[slot] = steps[slot]?.(frame) ?? NaN;
    }
    return valueOf(frame, steps.length - 1);
  };
}
