/** Block masks that a caller builds once and uses for many calls. */
import { rangeError } from "../errors.ts";
import { topological } from "../ir/builder.ts";
import { printExpression } from "../ir/print.ts";
import type { Expression } from "../ir/types.ts";
import type { BlockMask } from "../mask/block-mask.ts";
import { cropBlockMask } from "../mask/crop.ts";
import type { CropOptions } from "../mask/crop-options.ts";
import { buildBlockMask } from "../mask/build.ts";
import { drawSvg } from "../mask/draw-svg.ts";
import { drawText } from "../mask/draw-text.ts";
import { type SliceOptions, sliceBlockMask } from "../mask/slice.ts";
import { blockMaskStats, type BlockMaskStats } from "../mask/stats.ts";
import { type BlockMaskColumns, transposeBlockMask } from "../mask/transpose.ts";
import { type Traced, traceMod } from "../trace/trace-mod.ts";
import { checkOptions } from "./check-options.ts";
import { checkRangesAt } from "./check-launch.ts";
import { asMaskMod, type MaskFunction, type MaskMod } from "./mods.ts";
import type { BlockSize, PerBatch } from "./options.ts";
import { checkBlockSize, checkKvLength, checkLength, checkQueryOffset } from "./validate.ts";

export interface BlockMaskOptions {
  /** Batch elements. Default 1. Only counts where the mask, an offset or a length differs between them. */
  readonly B?: number;
  /** Query heads. Default 1. Only counts where the mask reads `h`. */
  readonly Hq?: number;
  /** Query length. Unit: tokens. */
  readonly M: number;
  /** Key length. Unit: tokens. */
  readonly N: number;
  /** Default 128. */
  readonly blockSize?: BlockSize;
  /** Default 0. */
  readonly queryOffset?: PerBatch;
  /** Default N. */
  readonly kvLength?: PerBatch;
}

const reads = ({ root }: Expression, axis: "b" | "h"): boolean =>
  topological([root]).some(({ op, attr }) => op === "index" && attr === axis);

/** What of the mask's captures is settled when a block mask is built; the elements of tensors are read at each call. */
interface Built {
  readonly expression: Expression;
  readonly uniforms: ReadonlyMap<string, number>;
}

/**
 * A mask together with its block mask for given lengths: pass it as `mask` to `attention`.
 *
 * Captured tensors are read when it is built, for which blocks to visit, and again at each call, inside partial
 * blocks: build it anew after changing their elements. After replacing a captured number or constant too: a call then
 * refuses it.
 */
export class PreparedMask {
  readonly mask: MaskMod;
  /** The runs of keys of each row of blocks. */
  readonly blocks: BlockMask;
  readonly #built: Built;

  constructor(mask: MaskMod, blocks: BlockMask, built: Built) {
    this.mask = mask;
    this.blocks = blocks;
    this.#built = built;
  }

  /** What has been replaced in the captures since it was built, as [now, then]; null if nothing. */
  replaced({ expression, captures }: Traced): readonly [now: string, built: string] | null {
    const built = this.#built;
    for (const [name, now] of captures.uniforms) {
      const then = built.uniforms.get(name);
      if (!Object.is(now, then)) return [`${name} = ${now}`, `${name} = ${then}`];
    }
    const isSame =
      expression === built.expression ||
      printExpression(expression) === printExpression(built.expression);
    return isSame ? null : ["the captures of now", "captures that have been replaced"];
  }

  /** Share of blocks that no kernel visits, 0 to 1; 0 where there are none. Cost: O(runs). */
  get sparsity(): number {
    return this.stats().sparsity;
  }

  /**
   * Counts over the whole mask: blocks by kind, scores that are visited, runs, memory in bytes. Axes along which the mask is
   * the same count once: a causal mask for 32 heads has the blocks of one.
   *
   * Cost: O(runs).
   */
  stats(): BlockMaskStats {
    return blockMaskStats(this.blocks);
  }

  /**
   * The mask by columns: for each block of keys, the runs of query rows that attend to it, as the backward pass of keys and
   * values walks them. Shapes: `columnStart` [B, H, ceil(N / blockKv)] and one number more, of the mask's own B and H;
   * `runs` [count, 4]: first row, the row after the last, full (0) or partial (1), number of its block of bits or -1. Rows
   * are those of the query tensor: no offset is added.
   *
   * Cost: O(runs in and out); nothing is kept, so hold on to the result.
   */
  transpose(): BlockMaskColumns {
    return transposeBlockMask(this.blocks);
  }

  /**
   * The part for some batch elements `b`, query heads `h` and rows of blocks `rows`, each one number or `[start, end]` without
   * the end; what is left out is kept whole. For example `slice({ rows: [0, 4] })`, the first 4 * blockQ queries.
   *
   * Positions stay what they were: a call with the result passes their `queryOffset`. Batch elements and heads begin again at
   * 0, so a function that reads `b` or `h` has to be sliced from 0 there. Axes along which the mask is the same keep their
   * length of 1. `crop` keeps single rows and shortens the keys. Cost: the runs of the part; bits are shared.
   *
   * @throws TypeError   an unknown option, or neither a number nor a pair of them
   * @throws RangeError  a part that is empty or leaves the mask, or one that would renumber what the function reads
   */
  slice(options: SliceOptions): PreparedMask {
    checkOptions("slice", options);
    const part = sliceBlockMask(this.blocks, options);
    for (const axis of ["b", "h"] as const) this.#checkNumbering(axis, options[axis]);
    return new PreparedMask(this.mask, part, this.#built);
  }

  /** The function goes on to count batch elements and heads from 0. */
  #checkNumbering(axis: "b" | "h", range: SliceOptions["b"]): void {
    const start = typeof range === "object" ? range[0] : (range ?? 0);
    if (start === 0 || !reads(this.#built.expression, axis)) return;
    throw rangeError({
      name: axis,
      expected: `a start of 0: the mask reads ${axis}, and would count from 0 again`,
      got: String(start),
      remedy: `make the mask of that part, with ${axis} + ${start} in place of ${axis}`,
    });
  }

  /**
   * The part for some of the query rows, or for fewer keys: for example `crop({ first: 700, M: 1 })` to decode one token.
   * Positions stay what they were: a call with the result passes their `queryOffset`. Cost: its runs.
   *
   * @throws TypeError, RangeError  rows or keys that the mask was not built for
   */
  crop(options: CropOptions): PreparedMask {
    checkOptions("crop", options);
    return new PreparedMask(this.mask, cropBlockMask(this.blocks, options), this.#built);
  }

  /** A picture in characters, one per block or group of blocks. */
  toString(): string {
    return drawText(this.blocks);
  }

  /** The same picture as an SVG document. */
  toSvg(): string {
    return drawSvg(this.blocks);
  }
}

/**
 * Finds the blocks of scores that a mask leaves empty, fills, or cuts.
 *
 * The mask is evaluated on intervals, box by box, so the cost follows the outline of the mask and not its area: causal at
 * M = N = 1,048,576 takes milliseconds and well under a megabyte.
 *
 * @throws TraceError  the function cannot be compiled
 * @throws RangeError  a length below 1, an offset or block size out of range, or an integer expression that leaves
 *                     32 bits at these lengths
 * @see FlexAttention (Dong et al. 2024), section 3.2, for what blocks are used for
 */
export function blockMask(mask: MaskMod | MaskFunction, options: BlockMaskOptions): PreparedMask {
  checkOptions("blockMask", options);
  const { B = 1, Hq = 1, M, N } = options;
  for (const [name, length] of Object.entries({ B, Hq, M, N })) checkLength(name, length);
  const queryOffset = checkQueryOffset(options.queryOffset, B, M);
  const kvLength = checkKvLength(options.kvLength, B, N);
  const size = checkBlockSize(options.blockSize);
  return prepareMask(asMaskMod(mask), { B, Hq, M, N, ...size, queryOffset, kvLength });
}

/** Checked lengths of one mask. */
export interface MaskShape {
  readonly B: number;
  readonly Hq: number;
  readonly M: number;
  readonly N: number;
  readonly blockQ: number;
  readonly blockKv: number;
  readonly queryOffset: Int32Array;
  readonly kvLength: Int32Array;
}

/** Builds, without checking what `blockMask` and `attention` have checked before. */
export function prepareMask(
  mask: MaskMod,
  shape: MaskShape,
  traced: Traced = traceMod(mask),
): PreparedMask {
  checkRangesAt(traced.expression, traced.captures, shape);
  const blocks = buildBlockMask({ ...traced, H: shape.Hq, ...shape });
  const { expression, captures } = traced;
  return new PreparedMask(mask, blocks, { expression, uniforms: captures.uniforms });
}

/** How many block masks one mask function remembers: enough for a model's layers, small for a decoding loop. */
const REMEMBERED = 8;

/** By expression, which a mask keeps while its captures keep their types; then by lengths and captured numbers. */
const remembered = new WeakMap<Expression, Map<string, PreparedMask>>();

/** What the block mask of one expression without tensors depends on. */
const keyOf = (shape: MaskShape, uniforms: ReadonlyMap<string, number>): string =>
  [...Object.values(shape), ...uniforms].map(String).join(";");

/**
 * The block mask for these lengths, built at most once for a mask without captured tensors. A mask with captured tensors is
 * built each time, because their elements may have changed.
 */
export function preparedFor(
  mask: MaskMod,
  shape: MaskShape,
  traced: Traced = traceMod(mask),
): PreparedMask {
  const { expression, captures } = traced;
  if (expression.tensors.length > 0) return prepareMask(mask, shape, traced);
  const known = remembered.get(expression) ?? new Map<string, PreparedMask>();
  remembered.set(expression, known);
  const key = keyOf(shape, captures.uniforms);
  const prepared = known.get(key) ?? prepareMask(mask, shape, traced);
  known.delete(key);
  known.set(key, prepared);
  for (const oldest of known.keys()) {
    if (known.size <= REMEMBERED) break;
    known.delete(oldest);
  }
  return prepared;
}

/** A value that holds for every batch element of a call, from a mask built for one or for all of them. */
const agrees = (built: Int32Array, wanted: Int32Array): boolean =>
  (built.length === 1 || built.length === wanted.length) &&
  wanted.every((value, b) => value === built[built.length === 1 ? 0 : b]);

/**
 * @throws RangeError  the mask was built for other lengths, heads, offsets or key lengths than the call has
 */
export function checkPrepared(
  prepared: PreparedMask,
  shape: Omit<MaskShape, "blockQ" | "blockKv">,
  traced: Traced,
): void {
  const { blocks } = prepared;
  const remedy = "build it again with blockMask for this call";
  const refuse = (expected: string, got: string): never => {
    throw rangeError({ name: "mask", expected: `a block mask built for ${expected}`, got, remedy });
  };
  if (blocks.M !== shape.M || blocks.N !== shape.N) {
    refuse(`M = ${shape.M} and N = ${shape.N}`, `M = ${blocks.M} and N = ${blocks.N}`);
  }
  // One block mask serves all heads, but not where the function tells them apart.
  const fits = (built: number, wanted: number, axis: "b" | "h"): boolean =>
    built === wanted || (built === 1 && !reads(traced.expression, axis));
  if (!fits(blocks.B, shape.B, "b")) refuse(`B = ${shape.B}`, `B = ${blocks.B}`);
  if (!fits(blocks.H, shape.Hq, "h")) refuse(`Hq = ${shape.Hq}`, `Hq = ${blocks.H}`);
  for (const name of ["queryOffset", "kvLength"] as const) {
    if (agrees(blocks[name], shape[name])) continue;
    refuse(`${name} ${shape[name].join(", ")}`, `${name} ${blocks[name].join(", ")}`);
  }
  const replaced = prepared.replaced(traced);
  if (replaced !== null) refuse(...replaced);
}
