/**
 * The memory layout between a kernel module and the code that launches it.
 *
 * A module imports one memory (`env.memory`) and those of JavaScript's `Math` functions that it calls (`math.*`), and exports
 *
 *     run(params, scratch)       takes tickets until no item is left; any number of threads may run it at once
 *     combine(params, scratch)   decode only, after every `run` has returned: merges the splits, by tickets too
 *
 * Both arguments are byte addresses. `params` is shared by all threads of a launch: words (i32 or f32, little
 * endian) by the numbers in `PARAM`, then the captures (`captureLayout`). `scratch` is one thread's own, of
 * `scratchBytes(spec)` bytes, aligned to 64; its contents need not be cleared. The launcher sets both tickets to 0; to
 * abort a running launch it stores a ticket beyond the number of items.
 *
 * Tensors lie row-major without gaps as f32, aligned to 16: query [B, Hq, M, D], key [B, Hkv, N, D], value
 * [B, Hkv, N, Dv], out [B, Hq, M, Dv], lse and max [B, Hq, M]. Nothing is read or written outside them. Addresses are unsigned:
 * memory may grow to 4 GiB. An address 0 means "absent" where the table below says so.
 *
 * What an item is does not depend on the number of threads, and items do not depend on each other, so neither do results.
 */
import type { ScalarType } from "../../ir/types.ts";
import type { KernelSpec } from "../../runtime/device.ts";

/** Numbers of the 4-byte words at `params`. */
export const PARAM = {
  /** Next item of `run`; taken with an atomic add. */
  ticket: 0,
  /** Number of items, and where their records (`ITEM_WORDS` words each) lie. */
  itemCount: 1,
  itemsAt: 2,
  /** The same for `combine` (`COMBINE_WORDS` words each); decode only. */
  combineTicket: 3,
  combineCount: 4,
  combinesAt: 5,
  /** Decode only: `partialBytes(spec)` bytes per item and row, row r of item i at `(i * Hq / Hkv * M + r)`. */
  partialsAt: 6,
  queryAt: 7,
  keyAt: 8,
  valueAt: 9,
  outAt: 10,
  /** [B, Hq, M] f32, or 0: not wanted. */
  lseAt: 11,
  maxAt: 12,
  /** [Hq] f32, or 0: none. */
  sinksAt: 13,
  Hq: 14,
  Hkv: 15,
  M: 16,
  N: 17,
  /** f32. */
  scale: 18,
  /** [B] i32 each, always present. */
  queryOffsetAt: 19,
  kvLengthAt: 20,
  /** The block mask's rowStart and runs (`RUN_STRIDE` words a run); rowStartAt 0: no block mask, every key below kvLength. */
  rowStartAt: 21,
  runsAt: 22,
  maskB: 23,
  maskH: 24,
  maskRows: 25,
  blockQ: 26,
  blockKv: 27,
  /** `BlockMask.bits`, read only by kernels with `maskBits`. */
  bitsAt: 28,
} as const;

/** Captures begin here: see `captureLayout`. */
export const CAPTURE_WORD = 32;

/**
 * Forward: `[b, h, first, count]`: query rows first .. first + count - 1 of batch element b, query head h;
 * 1 <= count <= TILE_QUERIES; first is a multiple of QUERY_LANES, and all rows lie in one row of blocks.
 *
 * Decode: `[b, hkv, kvStart, kvEnd]`: the keys of one split for all rows of one key head, 0 <= kvStart < kvEnd <= kvLength[b].
 * Splits begin at multiples of `splitKeys(spec)` and are no longer than that. Splits that no row visits may be left out.
 */
export const ITEM_WORDS = 4;

/** Decode: `[b, hkv, firstItem, itemCount]`: items of one (b, hkv), neighbours, by rising kvStart; itemCount may be 0. */
export const COMBINE_WORDS = 4;

/** The most queries of one forward item; the default item. */
export const TILE_QUERIES = 128;

/** Queries computed side by side: two vectors of four lanes. */
export const QUERY_LANES = 8;

/**
 * Keys of a score tile: forward walks a run in steps of this many, from the run's start. 32 to 256 measured
 * within a few percent of each other; more keys spare passes over O, fewer keep keys and values of large heads in the cache.
 */
export const tileKeys = (spec: KernelSpec): number => (Math.max(spec.D, spec.Dv) <= 256 ? 128 : 64);

/** Decode: keys of one split. Positions only: neither threads nor batch move a boundary. */
export const splitKeys = (spec: KernelSpec): number =>
  Math.max(spec.D, spec.Dv) <= 64 ? 512 : Math.max(spec.D, spec.Dv) <= 128 ? 256 : 128;

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Decode: bytes of one row's partial result: maximum, sum, two words of padding, then Dv floats rounded up to 4. */
export const partialBytes = (spec: KernelSpec): number => 16 + roundUp(spec.Dv, 4) * 4;

/** Where things lie in a thread's scratch, in bytes; `total` is what the launcher reserves. */
export interface ScratchLayout {
  /** Q^T, packed: panels of 8 queries, each [D][8]. */
  readonly query: number;
  /** O^T: panels of [Dv][8]. */
  readonly out: number;
  /** Per panel: running maximum [8], running sum [8]. */
  readonly state: number;
  /** One score tile, [keys][8]; P^T after the exponentials. */
  readonly tile: number;
  /** Lane masks of one partial tile, [keys][8]. */
  readonly keep: number;
  /** What one pass over a tile hands to the next. */
  readonly own: number;
  readonly total: number;
}

const OWN_BYTES = 256;

export function scratchLayout(spec: KernelSpec): ScratchLayout {
  const panels = TILE_QUERIES / QUERY_LANES;
  const lanes = QUERY_LANES * 4;
  const sizes = {
    query: panels * spec.D * lanes,
    out: panels * spec.Dv * lanes,
    state: panels * 2 * lanes,
    tile: tileKeys(spec) * lanes,
    keep: tileKeys(spec) * lanes,
    own: OWN_BYTES,
  };
  const layout = { query: 0, out: 0, state: 0, tile: 0, keep: 0, own: 0, total: 0 };
  for (const [name, bytes] of Object.entries(sizes)) {
    layout[name as keyof typeof sizes] = layout.total;
    layout.total += roundUp(bytes, 64);
  }
  return layout;
}

export const scratchBytes = (spec: KernelSpec): number => scratchLayout(spec).total;

/** One captured number: word `word` of params holds it, as i32 or f32. */
export interface UniformSlot {
  readonly name: string;
  readonly type: "i32" | "f32";
  readonly word: number;
}

/**
 * One captured tensor: word `word` holds the address of its elements (row-major; 4 bytes each, bool 1 byte),
 * the next `rank` words its shape. Every length is at least 1.
 */
export interface TensorSlot {
  readonly name: string;
  readonly type: ScalarType;
  readonly rank: number;
  readonly word: number;
}

export interface CaptureLayout {
  readonly uniforms: readonly UniformSlot[];
  readonly tensors: readonly TensorSlot[];
  /** Words of the whole parameter block, captures included. */
  readonly words: number;
}

/** Where each capture goes. A name that score and mask share is one capture. */
export function captureLayout(spec: KernelSpec): CaptureLayout {
  const uniforms = new Map<string, UniformSlot>();
  const tensors = new Map<string, TensorSlot>();
  let word = CAPTURE_WORD;
  for (const expression of [spec.score, spec.mask]) {
    for (const { name, type } of expression?.uniforms ?? []) {
      if (!uniforms.has(name)) uniforms.set(name, { name, type, word: word++ });
    }
    for (const { name, type, rank } of expression?.tensors ?? []) {
      if (tensors.has(name)) continue;
      tensors.set(name, { name, type, rank, word });
      word += 1 + rank;
    }
  }
  return { uniforms: [...uniforms.values()], tensors: [...tensors.values()], words: word };
}

/** What a module can be compiled for; `features.ts` finds out what the engine takes. */
export interface WasmTarget {
  /** Fused multiply-add and single-instruction minimum and maximum. */
  readonly relaxed: boolean;
  /** The memory is shared between threads. */
  readonly shared: boolean;
}

/** What `emitKernel(spec, target)` in `kernel.ts` returns. */
export interface WasmKernel {
  /** For `WebAssembly.compile`; depends on spec and target only. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For display: for example `{ queries: 8, keys: 128 }`. */
  readonly tile: Readonly<Record<string, number>>;
  /** The same code as text. */
  source(): string;
}

/** The exports of a kernel module's instance. */
export interface KernelExports {
  run(params: number, scratch: number): void;
  /** Decode modules only. */
  combine?(params: number, scratch: number): void;
}

/**
 * The exports of the conversion module (`convert.ts`): `count` elements from address `from` to address `to`.
 * The ranges must not overlap. To 16 bits: nearest, ties to even; NaN stays NaN.
 */
export interface ConvertExports {
  f16ToF32(from: number, to: number, count: number): void;
  bf16ToF32(from: number, to: number, count: number): void;
  f32ToF16(from: number, to: number, count: number): void;
  f32ToBf16(from: number, to: number, count: number): void;
}

/** The exports of the peak module (`peak.ts`): `rounds` times `PEAK_FLOPS_PER_ROUND` operations; it imports nothing. */
export interface PeakExports {
  peak(rounds: number): number;
}
