/**
 * How a block of the generic template is cut: small enough for the 99 KiB of shared memory that every GPU from sm_80 on gives
 * a block.
 *
 * A warp has 16 query rows. Its results, 16 x chunk, lie in registers (chunk / 2 per thread): larger values are computed in
 * several passes over the keys, each with its own chunk of columns.
 */
import type { KernelSpec } from "../../../runtime/device.ts";

export interface GenericTile {
  /** Of 16 query rows each. */
  readonly warps: number;
  /** Keys of one step. */
  readonly keys: number;
  /** Columns of values in one pass. */
  readonly chunk: number;
}

/** Rows of shared memory are this much longer than their elements: then 8 rows lie in different banks. */
export const ROW_PADDING = 16;

/** By the bytes of the longest row, the first that is large enough. */
const SHAPES: readonly { readonly most: number; readonly warps: number; readonly keys: number }[] =
  [
    { most: 256, warps: 4, keys: 64 },
    { most: 512, warps: 4, keys: 32 },
    { most: 1024, warps: 2, keys: 16 },
    { most: 2048, warps: 1, keys: 8 },
  ];

const LARGEST_CHUNK = 256;

export const elementBytes = ({ dtype }: KernelSpec): 2 | 4 => (dtype === "f32" ? 4 : 2);

/** Columns as they lie in shared memory: whole steps of a product, the rest zeros. */
export const padded = (columns: number): number => Math.ceil(columns / 16) * 16;

export const rowBytes = (spec: KernelSpec, columns: number): number =>
  padded(columns) * elementBytes(spec) + ROW_PADDING;

export function genericTile(spec: KernelSpec): GenericTile {
  const longest = padded(Math.max(spec.D, spec.Dv)) * elementBytes(spec);
  const shape = SHAPES.find(({ most }) => longest <= most);
  if (shape === undefined) throw new RangeError("head sizes are at most 512");
  const chunk = Math.min(padded(spec.Dv), LARGEST_CHUNK);
  return { warps: shape.warps, keys: shape.keys, chunk };
}

/** Queries once, keys and values twice: one step is computed while the next is loaded. */
export function sharedBytes(spec: KernelSpec, { warps, keys, chunk }: GenericTile): number {
  const [query, value] = [rowBytes(spec, spec.D), rowBytes(spec, chunk)];
  return warps * 16 * query + 2 * keys * (query + value);
}
