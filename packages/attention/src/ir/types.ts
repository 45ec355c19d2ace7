/**
 * The vocabulary of the IR: a small typed expression graph of one attention score.
 *
 * A node is pure and total: evaluating it has no effect and always yields a value, so operands may
 * be evaluated in any order, or not at all. Glossary:
 * - *axis*: a coordinate of one score: batch `b`, query head `h`, query position `q`, key position `kv`.
 * - *uniform*: a captured number; a run-time value of the kernel, the same for every element.
 * - *load*: one element of a captured tensor; indices outside the shape are clamped to it.
 */

export type ScalarType = "f32" | "i32" | "bool";

export type Axis = "b" | "h" | "q" | "kv";

export const axes: readonly Axis[] = ["b", "h", "q", "kv"];

/** Operations that have neither operands nor a type of their own; `attr` says what they denote. */
export type LeafOp = "const" | "index" | "score" | "uniform";

export type ArithmeticOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "rem"
  | "neg"
  | "abs"
  | "sign"
  | "min"
  | "max"
  | "floorDiv"
  | "truncDiv"
  | "imul";

export type BitOp = "bitAnd" | "bitOr" | "bitXor" | "bitNot" | "shl" | "shr" | "ushr";

export type RoundingOp = "floor" | "ceil" | "round" | "trunc";

export type MathOp =
  | "sqrt"
  | "cbrt"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "log2"
  | "log10"
  | "pow"
  | "hypot"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "atan2"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh";

export type CompareOp = "lt" | "le" | "eq" | "ne";

export type LogicOp = "and" | "or" | "not" | "select";

/** `toF32`: i32 or bool to f32 (rounded to nearest). `toI32`: bool to 0 or 1, f32 truncated and saturated. */
export type CastOp = "toF32" | "toI32";

export type Op =
  | LeafOp
  | "load"
  | ArithmeticOp
  | BitOp
  | RoundingOp
  | MathOp
  | CompareOp
  | LogicOp
  | CastOp;

/**
 * One value. Nodes of one builder are hash-consed: equal structure means the same object.
 * `attr` is the value of a `const`, the axis of an `index`, the name of a `uniform` or of the tensor of a `load`,
 * and null for every other op.
 */
export interface Node {
  readonly op: Op;
  readonly type: ScalarType;
  readonly args: readonly Node[];
  readonly attr: number | boolean | string | null;
  /** Hash of the structure: equal for equal graphs in any process; orders commutative operands. */
  readonly digest: string;
}

/** A captured number: `i32` while its value is a 32-bit integer, else `f32`. */
export interface UniformSpec {
  readonly name: string;
  readonly type: "i32" | "f32";
}

/** A captured tensor, indexed by as many indices as its rank. */
export interface TensorSpec {
  readonly name: string;
  readonly rank: number;
  readonly type: ScalarType;
}

/** A score function (root f32, may read `score`) or a mask function (root bool, never reads `score`). */
export interface Expression {
  readonly kind: "score" | "mask";
  readonly root: Node;
  /** What the root reads, sorted by name. */
  readonly uniforms: readonly UniformSpec[];
  readonly tensors: readonly TensorSpec[];
}

/** The elements of a captured tensor, row-major. Booleans are stored as 0 and 1. */
export interface TensorValue {
  readonly type: ScalarType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** What an expression's captures are worth at one launch, by the names of its specs. */
export interface CaptureValues {
  readonly uniforms: ReadonlyMap<string, number>;
  readonly tensors: ReadonlyMap<string, TensorValue>;
}

/** Where one score is: batch element, query head, and absolute positions (offsets already added). */
export interface Position {
  readonly b: number;
  readonly h: number;
  readonly q: number;
  readonly kv: number;
}
