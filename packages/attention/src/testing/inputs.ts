/** Query, key and value for tests: seeded, in every dtype, in every memory layout, with numbers that hurt. */
import { internalError } from "../errors.ts";
import { encode } from "../reference/formats.ts";
import type { Shape } from "../runtime/device.ts";
import { contiguousStrides, type FloatType, Tensor, type TensorData } from "../tensor.ts";
import { type Random, random } from "../variants/random.ts";

/**
 * - `normal`: elements of mean 0 and deviation 1, logits too.
 * - `extreme`: logits near +80, near -80, and between, at the scale in use; the signs flip from query to query.
 * - `equal`: all keys are the same, so all logits of a row are. They are small: one rounding error decides a whole row.
 * - `nan`: as `normal`, with one query row and one key row that hold a NaN.
 */
export type Numbers = "normal" | "extreme" | "equal" | "nan";

/**
 * - `dense`: row-major [B, H, length, D].
 * - `interleaved`: heads inside tokens, [B, length, H, D] in memory.
 * - `padded`: an offset before, and a gap after each row; both hold NaN.
 * - `columns`: the head size is the slow axis, [B, H, D, length] in memory.
 * - `shared`: one key and value for all batch elements (stride 0); query dense.
 */
export type Layout = "dense" | "interleaved" | "padded" | "columns" | "shared";

export interface Inputs {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
}

export interface InputOptions {
  readonly dtype: FloatType;
  readonly numbers: Numbers;
  readonly layout: Layout;
  readonly seed: number;
  /** What the call will multiply dot products by; null or left out for 1 / sqrt(D). */
  readonly scale?: number | null;
}

/** Query [B, Hq, M, D], key [B, Hkv, N, D] and value [B, Hkv, N, Dv]; equal arguments give equal elements. */
export function makeInputs(shape: Shape, options: InputOptions): Inputs {
  const { B, Hq, Hkv, M, N, D, Dv } = shape;
  const { dtype, numbers, layout, seed } = options;
  const rng = random(seed);
  const rows = fillers[numbers](rng, { ...shape, scale: options.scale ?? 1 / Math.sqrt(D) });
  const kvLayout = layout;
  const queryLayout = layout === "shared" ? "dense" : layout;
  return {
    query: makeTensor([B, Hq, M, D], { dtype, layout: queryLayout, fill: rows.query }),
    key: makeTensor([B, Hkv, N, D], { dtype, layout: kvLayout, fill: rows.key }),
    value: makeTensor([B, Hkv, N, Dv], { dtype, layout: kvLayout, fill: () => rng.normal() }),
  };
}

/** The element of row `row` at `d`; called once per element, row-major. */
type Fill = (row: number, d: number) => number;

type Filler = (
  rng: Random,
  shape: Shape & { readonly scale: number },
) => { readonly query: Fill; readonly key: Fill };

/** The largest logit of `extreme`, before score functions. */
const EXTREME = 80;

/** The deviation of the logits of `equal`, from row to row. */
const SMALL = 0.25;

const fillers: { readonly [K in Numbers]: Filler } = {
  normal: (rng) => ({ query: rng.normal, key: rng.normal }),

  // Query rows of about +1 or -1 throughout, and keys of unequal parts that add up to the logit: scale * sum_d(q k). All of
  // them differ: rounding to a number that many share would hide errors instead of making them.
  extreme: (rng, { D, scale }) => {
    const parts = new Float64Array(D);
    let factor = 0;
    const draw = (row: number): void => {
      const top = EXTREME - rng.uniform();
      const logit = [top, -top, top * (2 * rng.uniform() - 1)][row % 3] ?? 0;
      for (let d = 0; d < D; d++) parts[d] = 0.5 + rng.uniform();
      factor = logit / (parts.reduce((a, b) => a + b) * (scale === 0 ? 1 : scale));
    };
    return {
      query: (row) => (row % 2 === 0 ? 1 : -1) * (1 - 0.1 * rng.uniform()),
      key: (row, d) => {
        if (d === 0) draw(row);
        return factor * (parts[d] ?? 0);
      },
    };
  },

  equal: (rng, { D, scale }) => {
    const size = SMALL / ((scale === 0 ? 1 : scale) * Math.sqrt(D));
    const key = Array.from({ length: D }, () => size * rng.normal());
    return { query: rng.normal, key: (_row, d) => key[d] ?? 0 };
  },

  nan: (rng, { M, N }) => {
    const [badQuery, badKey] = [rng.below(M), rng.below(N)];
    return {
      query: (row, d) => (row === badQuery && d === 0 ? NaN : rng.normal()),
      key: (row, d) => (row === badKey && d === 0 ? NaN : rng.normal()),
    };
  },
};

interface TensorPlan {
  readonly dtype: FloatType;
  readonly layout: Layout;
  readonly fill: Fill;
}

/** Where the elements of a [B, H, length, D] tensor lie. */
interface Placement {
  readonly strides: readonly number[];
  readonly offset: number;
  readonly size: number;
}

const placements: { readonly [K in Layout]: (shape: readonly number[]) => Placement } = {
  dense: (shape) => packed(shape, [0, 1, 2, 3]),
  interleaved: (shape) => packed(shape, [0, 2, 1, 3]),
  columns: (shape) => packed(shape, [0, 1, 3, 2]),
  shared: ([, ...shape]) => {
    const { strides, ...rest } = packed([1, ...shape], [0, 1, 2, 3]);
    return { ...rest, strides: [0, ...strides.slice(1)] };
  },
  padded: ([B = 0, H = 0, length = 0, D = 0]) => {
    const { strides, size } = packed([B, H, length, D + 3], [0, 1, 2, 3]);
    return { strides, offset: 5, size: size + 5 };
  },
};

/** Without gaps, with the axes in this order in memory, slowest first. */
function packed(shape: readonly number[], order: readonly number[]): Placement {
  const inMemory = contiguousStrides(order.map((axis) => shape[axis] ?? 0));
  const strides = shape.map((_, axis) => inMemory[order.indexOf(axis)] ?? 0);
  return { strides, offset: 0, size: shape.reduce((a, b) => a * b, 1) };
}

function makeTensor(shape: readonly number[], { dtype, layout, fill }: TensorPlan): Tensor {
  const { strides, offset, size } = placements[layout](shape);
  const data = allocate(dtype, size);
  const put = writer(data, dtype);
  for (let at = 0; at < size; at++) put(at, NaN);
  const tensor = new Tensor(data, shape, { dtype, strides, offset });
  forEachElement(tensor, (row, d, at) => put(at, fill(row, d)));
  return tensor;
}

/** A tensor to write into, with gaps between its rows; all NaN. */
export const emptyLike = (shape: readonly number[], dtype: FloatType): Tensor =>
  makeTensor(shape, { dtype, layout: "padded", fill: () => NaN });

/** An array of `size` elements; f16 is raw bits where the engine has no Float16Array. */
function allocate(dtype: FloatType, size: number): TensorData {
  if (dtype === "f32") return new Float32Array(size);
  if (dtype === "f16" && typeof Float16Array !== "undefined") return new Float16Array(size);
  return new Uint16Array(size);
}

function writer(data: TensorData, dtype: FloatType): (at: number, value: number) => void {
  if (!(data instanceof Uint16Array)) return (at, value) => void (data[at] = value);
  if (dtype === "f32") throw internalError("f32 in 16 bits");
  return (at, value) => void (data[at] = encode(dtype, value));
}

/** Every element of a [B, H, length, D] tensor, row-major: its row, its place in the row, and where it lies in `data`. */
function forEachElement(
  { shape, strides, offset }: Tensor,
  visit: (row: number, d: number, at: number) => void,
): void {
  const [B = 0, H = 0, length = 0, D = 0] = shape;
  const [perBatch = 0, perHead = 0, perRow = 0, perElement = 0] = strides;
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let row = 0; row < length; row++) {
        const start = offset + b * perBatch + h * perHead + row * perRow;
        for (let d = 0; d < D; d++) visit(row, d, start + d * perElement);
      }
    }
  }
}

/** A copy of [B, H, length, D] in which every row from `length` on holds NaN: what a cache has not filled yet. */
export function poisonFrom(tensor: Tensor, length: number): Tensor {
  const data = tensor.data.slice();
  const put = writer(data, tensor.dtype as FloatType);
  return changedFrom(tensor, { length, data, change: (at) => put(at, NaN) });
}

/** A copy in which every row from `length` on is another tensor's, of the same shape, dtype and layout. */
export function replaceFrom(tensor: Tensor, length: number, other: Tensor): Tensor {
  const data = tensor.data.slice();
  return changedFrom(tensor, { length, data, change: (at) => (data[at] = other.data[at] ?? 0) });
}

function changedFrom(
  { dtype, shape, strides, offset }: Tensor,
  { length, data, change }: { length: number; data: TensorData; change: (at: number) => void },
): Tensor {
  const copy = new Tensor(data, shape, { dtype, strides, offset });
  forEachElement(copy, (row, _d, at) => {
    if (row >= length) change(at);
  });
  return copy;
}

/** The tensor with one axis cut to `start` up to but not including `end`; no copy. */
export function cut(tensor: Tensor, axis: number, start: number, end: number): Tensor {
  const { dtype, strides, offset } = tensor;
  return new Tensor(tensor.data, tensor.shape.with(axis, end - start), {
    dtype,
    strides,
    offset: offset + start * (strides[axis] ?? 0),
  });
}
