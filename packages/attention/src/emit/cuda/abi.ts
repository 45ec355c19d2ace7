/**
 * What a CUDA kernel is to the code that launches it.
 *
 * `emitKernel(spec, target)` returns one text and the functions in it. Every function has C linkage and takes, by value and in
 * this order, one TMA map (`TensorMap`, 128 bytes, aligned to 64) for each of `kernel.maps`, then one `Params`: the fields of
 * `paramsLayout(spec)`. Both are grid constants. Addresses are device addresses; 0 means "absent" where the table says so.
 *
 * Tensors are read and written where they lie: rows of contiguous elements at the strides given, in elements of the spec's
 * dtype. Rows begin at multiples of 16 bytes, tensors too (so do strides, for tensors with a TMA map); anything else is copied
 * first. Nothing outside [B, H, rows, D] is read or written.
 *
 * A launch needs no cleared memory but the `counter`: 0 before the first launch of all, and 0 again after each. Launches that
 * may overlap have counters of their own.
 *
 * Items do not depend on each other nor on the number of blocks, and the order of keys inside each is fixed: so are results.
 */
import type { ScalarType } from "../../ir/types.ts";
import type { KernelSpec } from "../../runtime/device.ts";

export interface CudaTarget {
  /** `sm_90a` has wgmma and TMA; every other kernel uses mma.sync, from `sm_80` on. */
  readonly arch: "sm_90a" | "sm_80";
  /**
   * Hardware approximations of tanh, exp, log, sin and cos, and products with reciprocals, in score functions. They stay
   * inside the error budget of 16-bit dtypes.
   */
  readonly fastMath: boolean;
  /** A text for nvcc: the same kernel, and above it how to compile and launch it. */
  readonly standalone: boolean;
}

/** How many blocks a function is launched with. */
export type GridRule =
  /** Blocks take items from a queue: one for each multiprocessor, or fewer where there are fewer items. */
  | "persistent"
  /** One block for each item. */
  | "items"
  /** Decode: combineCount blocks, one for each (b, h, row). */
  | "combines";

export interface CudaEntry {
  /** The function's name in the text. */
  readonly name: string;
  /** Threads of a block. */
  readonly threads: number;
  /** Dynamic shared memory of a block, in bytes; above 48 KiB it has to be asked for. */
  readonly sharedBytes: number;
  readonly grid: GridRule;
}

/**
 * A TMA map over query, key or value [B, H, rows, columns], of rank 5:
 *
 *     dimensions  box columns, rows, column slabs = columns / box columns, H, B
 *     strides     row, box columns, head, batch (bytes, of dimensions 1 to 4)
 *     box         box columns, box rows, column slabs, 1, 1
 *
 * A copy fills [slab][box rows][box columns]. Elements outside read as zeros: the number of rows is M for queries; for keys and
 * values it is the largest of kvLength, and at least 1. Element strides 1, no interleave, L2 promotion of 256 bytes.
 */
export interface TensorMapShape {
  readonly tensor: "query" | "key" | "value";
  readonly columns: number;
  readonly boxColumns: number;
  readonly boxRows: number;
  /** Bytes of the swizzle pattern: the bytes of box columns. */
  readonly swizzle: 64 | 128;
}

/** What one item of work is made of, where the kernel reads `items`. */
export interface CudaTile {
  /** Query rows of an item. */
  readonly queries: number;
  /** Keys of one step. */
  readonly keys: number;
}

export interface CudaKernel {
  /** CUDA C++ 17 for NVRTC (`--gpu-architecture` of the target's arch, `--std=c++17`) or nvcc; includes nothing. */
  readonly text: string;
  readonly template: "hopper" | "generic" | "decode";
  /** In the order in which they are launched. */
  readonly entries: readonly CudaEntry[];
  readonly maps: readonly TensorMapShape[];
  readonly tile: CudaTile;
  /** Whether `items` and `spans` are read (`schedule/tile-work.ts` makes them); else the kernel counts its items itself. */
  readonly lists: boolean;
  /** Whether a score function is computed with approximate instructions; left out where it is not. */
  readonly approximate?: boolean;
}

type FieldType = "pointer" | "i64" | "i32" | "f32";

const BYTES: Readonly<Record<FieldType, number>> = { pointer: 8, i64: 8, i32: 4, f32: 4 };

interface FieldSpec {
  readonly name: string;
  readonly type: FieldType;
  /** Of what a pointer points to: C type, or `element` for the spec's dtype. */
  readonly to?: string;
}

const pointers = (to: string, ...names: string[]): FieldSpec[] =>
  names.map((name) => ({ name, type: "pointer", to }));
const fields = (type: FieldType, ...names: string[]): FieldSpec[] =>
  names.map((name) => ({ name, type }));
const strides = (tensor: string): FieldSpec[] =>
  fields("i64", `${tensor}BatchStride`, `${tensor}HeadStride`, `${tensor}RowStride`);

/** The fields of every kernel, whether it reads them or not. */
const COMMON: readonly FieldSpec[] = [
  ...pointers("const Element", "query", "key", "value"),
  ...pointers("Element", "out"),
  // [B, Hq, M], contiguous; 0: not wanted.
  ...pointers("float", "lse", "max"),
  // [Hq]; 0: none.
  ...pointers("const float", "sinks"),
  // [B] each.
  ...pointers("const int", "queryOffset", "kvLength"),
  // Forward with lists: see `schedule/tile-work.ts`.
  ...pointers("const int", "items", "spans"),
  // The block mask's own lists, read by decode; 0: no mask.
  ...pointers("const int", "rowStart", "runs"),
  // `BlockMask.bits`, read only where the spec has `maskBits`.
  ...pointers("const unsigned", "bits"),
  // The queue's next ticket.
  ...pointers("int", "counter"),
  // Decode: partial results, and which of them belong together.
  ...pointers("float", "partials"),
  ...pointers("const int", "combines"),
  ...strides("query"),
  ...strides("key"),
  ...strides("value"),
  ...strides("out"),
  ...fields("i32", "B", "Hq", "Hkv", "M", "N"),
  ...fields("i32", "itemCount", "combineCount"),
  // As `tileWork` was given it, for display and debugging: no kernel reads it.
  ...fields("i32", "headGroup"),
  ...fields("i32", "maskB", "maskH", "maskRows", "blockQ", "blockKv"),
  ...fields("f32", "scale"),
];

export interface Field extends FieldSpec {
  /** Byte in `Params`. */
  readonly offset: number;
}

export interface UniformField {
  readonly name: string;
  readonly type: "i32" | "f32";
  readonly field: Field;
}

export interface TensorField {
  readonly name: string;
  readonly type: ScalarType;
  readonly rank: number;
  /** Address of the elements: row-major, 4 bytes each, bool 1 byte. */
  readonly data: Field;
  /** i32, each at least 1. */
  readonly lengths: readonly Field[];
}

export interface ParamsLayout {
  readonly fields: readonly Field[];
  /** Captures, by the names of the spec's expressions; a name that score and mask share is one capture. */
  readonly uniforms: readonly UniformField[];
  readonly tensors: readonly TensorField[];
  /** Of the whole struct; a multiple of 8. */
  readonly bytes: number;
}

const ELEMENT: Readonly<Record<ScalarType, string>> = {
  f32: "const float",
  i32: "const int",
  bool: "const unsigned char",
};

class Packing {
  readonly fields: Field[] = [];
  #end = 0;

  add(spec: FieldSpec): Field {
    const size = BYTES[spec.type];
    const offset = Math.ceil(this.#end / size) * size;
    const field = { ...spec, offset };
    this.#end = offset + size;
    this.fields.push(field);
    return field;
  }

  get bytes(): number {
    return Math.ceil(this.#end / 8) * 8;
  }
}

/** Where each field of `Params` lies. */
export function paramsLayout(spec: KernelSpec): ParamsLayout {
  const packing = new Packing();
  for (const field of COMMON) packing.add(field);
  const uniforms = new Map<string, UniformField>();
  const tensors = new Map<string, TensorField>();
  const expressions = [spec.score, spec.mask].filter((expression) => expression !== null);
  for (const { name, rank, type } of expressions.flatMap((expression) => expression.tensors)) {
    if (tensors.has(name)) continue;
    const own = `tensor${tensors.size}`;
    const data = packing.add({ name: own, type: "pointer", to: ELEMENT[type] });
    const lengths = Array.from({ length: rank }, (_, axis) =>
      packing.add({ name: `${own}Length${axis}`, type: "i32" }),
    );
    tensors.set(name, { name, type, rank, data, lengths });
  }
  for (const { name, type } of expressions.flatMap((expression) => expression.uniforms)) {
    if (uniforms.has(name)) continue;
    const field = packing.add({ name: `uniform${uniforms.size}`, type });
    uniforms.set(name, { name, type, field });
  }
  return {
    fields: packing.fields,
    uniforms: [...uniforms.values()],
    tensors: [...tensors.values()],
    bytes: packing.bytes,
  };
}

/** Bytes of one TMA map, which is aligned to 64. */
export const TENSOR_MAP_BYTES = 128;
