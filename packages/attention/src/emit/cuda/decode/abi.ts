/**
 * What the decode kernels are to the code that launches them.
 *
 * Nothing is uploaded: a block finds its split from its number, from kvLength and from the block mask's runs. Splits lie at fixed
 * key positions, so neither batch, heads nor grid move a boundary: a sequence has the same bits alone and in a batch.
 */
import type { KernelSpec, Shape } from "../../../runtime/device.ts";
import { elementBytes, padded } from "../generic/tile.ts";

/** Keys of one step of a warp: the inner dimension of a product with values. */
export const STEP_KEYS = 16;

/** Rows of one product. */
export const TILE_ROWS = 16;

/**
 * How keys are cut. The first splits are short, so that a short sequence keeps a whole GPU busy; the others are twice as long, since each
 * costs a start and an end. A split has at most 64 steps: bits of one word.
 */
export interface Splitting {
  /** Keys of a short split. */
  readonly keys: number;
  /** How many splits are short. */
  readonly short: number;
}

export const splitting = (spec: KernelSpec): Splitting => ({
  keys: padded(Math.max(spec.D, spec.Dv)) * elementBytes(spec) <= 256 ? 512 : 256,
  short: 8,
});

/** Splits of the keys [0, length); the last may be cut short. */
export function splitCount({ keys, short }: Splitting, length: number): number {
  const first = Math.ceil(length / keys);
  return first <= short ? first : short + Math.ceil((length - short * keys) / (2 * keys));
}

/** Floats of one row's partial result of one split: Dv rounded up to 4, then the maximum and the sum, then two of padding. */
export const partialFloats = ({ Dv }: KernelSpec): number => Math.ceil(Dv / 4) * 4 + 4;

/** Sizes of one launch. */
export interface DecodePlan {
  /** Blocks of the entry `decode`: `Params.itemCount`. */
  readonly itemCount: number;
  /** Blocks of the entry `combine`: `Params.combineCount`. */
  readonly combineCount: number;
  /** Bytes at `Params.partials`; they need not be cleared. */
  readonly partialBytes: number;
}

/** @param longest  the largest of kvLength */
export function decodePlan(
  spec: KernelSpec,
  { B, Hq, Hkv, M }: Pick<Shape, "B" | "Hq" | "Hkv" | "M">,
  longest: number,
): DecodePlan {
  const rows = (Hq / Hkv) * M;
  // One split at least: it says that there is nothing.
  const splits = Math.max(splitCount(splitting(spec), longest), 1);
  return {
    itemCount: B * Hkv * Math.ceil(rows / TILE_ROWS) * splits,
    combineCount: B * Hq * M,
    partialBytes: B * Hkv * splits * rows * partialFloats(spec) * 4,
  };
}
