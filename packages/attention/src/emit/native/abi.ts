/**
 * The contract between a native kernel (C, compiled on the spot) and the code that launches it.
 *
 * A library holds kernels for one target. It exports, for each kernel, under the symbol that its emitter was given,
 *
 *     int32_t <symbol>(struct vigil_launch *launch)
 *
 * and, once, from the prelude:
 *
 *     int32_t vigil_init(void)                                    before anything else: 0, or why the CPU's tiles are refused (errno)
 *     int32_t vigil_run(kernel, struct vigil_launch *, int32_t threads)
 *                                                                 `threads` threads, the caller one of them, all in `kernel`
 *     uint64_t vigil_address(const void *)                        its argument
 *     double vigil_peak(int64_t rounds)                           f32 multiply-adds only: operations done (two each), for benches
 *
 * A kernel takes tickets until none is left; any number of threads may be in it at once, with one launch. Phases follow each
 * other inside it: packs, items, combines; a thread waits where a phase needs what others still work on. It returns
 * 0, or -1 where memory for its scratch ran out: then it has set `abort`, and the results are void.
 *
 * A launch is 8-byte words, little endian, by the numbers in `LAUNCH`, then the captures (`captureLayout`). The launcher sets the
 * words under "progress" to 0 before each run, and stores 1 to `abort` to end one early.
 *
 * Tensors are read and written where they lie. Strides are in elements; the innermost is 1 (others are the launcher's to copy).
 * Nothing is read or written outside the shape [B, H, rows, width] that the strides span. An address 0 means
 * "absent" where the table says so.
 *
 * What an item is does not depend on the number of threads, and items do not depend on each other, so neither do results.
 *
 * While a kernel runs, its thread's results below 2^-126 become 0.
 */
import type { ScalarType } from "../../ir/types.ts";
import type { KernelSpec, Shape } from "../../runtime/device.ts";

/**
 * Instruction sets, each a superset of those before it. `avx512-bf16` computes bf16 as `avx512` does, in f32, and rounds to it in
 * one instruction.
 */
export const isas = ["avx2", "avx512", "avx512-bf16", "amx"] as const;

export type Isa = (typeof isas)[number];

/** What a kernel is compiled for. */
export interface NativeTarget {
  readonly isa: Isa;
  /**
   * For tests: the same text on a machine with AVX2 only. Vectors of 16 floats are computed as pairs of 8, and tiles by
   * plain C. Default false.
   */
  readonly emulate?: boolean;
}

const bf16Flags = ["-mavx512bf16"];
const avx512Flags = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq"];

const isaFlags: { readonly [K in Isa]: readonly string[] } = {
  avx2: [],
  avx512: avx512Flags,
  "avx512-bf16": [...avx512Flags, ...bf16Flags],
  amx: [...avx512Flags, ...bf16Flags, "-mamx-tile", "-mamx-bf16"],
};

/** Names in /proc/cpuinfo that the CPU must list for an instruction set. */
export const cpuFeatures: { readonly [K in Isa]: readonly string[] } = (() => {
  const avx2 = ["avx2", "fma", "f16c"];
  const avx512 = [...avx2, "avx512f", "avx512bw", "avx512vl", "avx512dq"];
  const bf16 = [...avx512, "avx512_bf16"];
  return { avx2, avx512, "avx512-bf16": bf16, amx: [...bf16, "amx_tile", "amx_bf16"] };
})();

/**
 * What gcc and clang are called with, apart from -o and the file. Contraction is off so that every operation of a user's
 * function rounds as in JavaScript; the kernels ask for fused multiply-adds where they want them.
 */
export const compilerFlags = ({ isa, emulate }: NativeTarget): readonly string[] => [
  ...["-std=gnu11", "-O2", "-fPIC", "-shared", "-pthread"],
  ...["-fwrapv", "-ffp-contract=off", "-fno-strict-aliasing", "-fno-math-errno"],
  ...["-Wall", "-Wextra", "-Wno-psabi"],
  ...["-mavx2", "-mfma", "-mf16c"],
  ...(emulate === true ? ["-DVIGIL_EMULATE"] : isaFlags[isa]),
];

/** What is linked: after the file. */
export const linkerFlags: readonly string[] = ["-lm"];

/** Numbers of the 8-byte words of a launch. Counts, strides and addresses are 64-bit integers. */
export const LAUNCH = {
  // Progress: 0 at the start.
  abort: 0,
  packTicket: 1,
  packDone: 2,
  ticket: 3,
  done: 4,
  combineTicket: 5,

  /** Records of 4 i32 (`PACK_WORDS`, `ITEM_WORDS`, `COMBINE_WORDS`); the count may be 0. */
  packCount: 6,
  packs: 7,
  itemCount: 8,
  items: 9,
  combineCount: 10,
  combines: 11,

  /** Where packs go: see `packNeeds`. 0: not needed. */
  packedKeys: 12,
  packedValues: 13,
  /** Decode only: `partialBytes(spec)` bytes per item and row, row r of item i at number `i * Hq / Hkv * M + r`. */
  partials: 14,

  /** Addresses of element [0, 0, 0, 0], and strides over batch, head and row. */
  query: 15,
  queryB: 16,
  queryH: 17,
  queryRow: 18,
  key: 19,
  keyB: 20,
  keyH: 21,
  keyRow: 22,
  value: 23,
  valueB: 24,
  valueH: 25,
  valueRow: 26,
  out: 27,
  outB: 28,
  outH: 29,
  outRow: 30,
  /** [B, Hq, M] f32 without gaps, or 0: not wanted. */
  lse: 31,
  max: 32,
  /** [Hq] f32, or 0: none. */
  sinks: 33,

  Hq: 34,
  Hkv: 35,
  M: 36,
  N: 37,
  /** f32, in the low four bytes. */
  scale: 38,
  /** [B] i32 each, always present. */
  queryOffset: 39,
  kvLength: 40,
  /** The block mask's rowStart and runs (`RUN_STRIDE` i32 a run); rowStart 0: no block mask, every key below kvLength. */
  rowStart: 41,
  runs: 42,
  maskB: 43,
  maskH: 44,
  maskRows: 45,
  blockQ: 46,
  blockKv: 47,
  /** `BlockMask.bits`, read only by kernels with `maskBits`. */
  bits: 48,
} as const;

/** Captures begin here: see `captureLayout`. */
export const CAPTURE_WORD = 49;

/**
 * Forward: `[b, h, first, count]`: query rows first .. first + count - 1 of batch element b, query head h;
 * 1 <= count <= `tileQueries(spec, target)`, and all rows lie in one row of blocks.
 *
 * Decode: `[b, hkv, kvStart, kvEnd]`: the keys of one split for all rows of one key head, 0 <= kvStart < kvEnd <= kvLength[b].
 * Splits begin at multiples of `splitKeys(spec)` and are no longer than that. Splits that no row visits may be left out.
 */
export const ITEM_WORDS = 4;

/** Decode: `[b, hkv, firstItem, itemCount]`: items of one (b, hkv), neighbours, by rising kvStart; itemCount may be 0. */
export const COMBINE_WORDS = 4;

/**
 * `[b, hkv, kvStart, kvEnd]`: keys to pack, once each, 0 <= kvStart < kvEnd <= N rounded up to 32; both multiples of 32. All
 * that items may visit, [0, kvLength[b]) rounded up, where `packNeeds` asks for any.
 */
export const PACK_WORDS = 4;

/** Keys of one pack record that share the work well between threads. */
export const PACK_KEYS = 256;

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/**
 * Which template computes a spec on a target: f16 is computed as f32 everywhere, bf16 where the CPU has no tiles, and in
 * decode, which waits for memory.
 */
export type Products = "f32" | "bf16-tiles";

export function productsOf({ schedule, dtype }: KernelSpec, { isa }: NativeTarget): Products {
  if (dtype !== "bf16" || schedule === "decode") return "f32";
  return isa === "amx" ? "bf16-tiles" : "f32";
}

/** Floats of one vector. */
export const lanesOf = ({ isa }: NativeTarget): 8 | 16 => (isa === "avx2" ? 8 : 16);

/** The most queries of one forward item; the default item. */
export const tileQueries = (_spec: KernelSpec, _target: NativeTarget): number => 128;

/** Items begin at multiples of this where the block mask allows: queries computed side by side. */
export const queryLanes = (spec: KernelSpec, target: NativeTarget): number =>
  productsOf(spec, target) === "bf16-tiles" ? 32 : 2 * lanesOf(target);

/** Decode: keys of one split. Positions only: neither threads nor batch move a boundary. */
export const splitKeys = (spec: KernelSpec): number =>
  Math.max(spec.D, spec.Dv) <= 64 ? 512 : Math.max(spec.D, spec.Dv) <= 128 ? 256 : 128;

/** Decode: bytes of one row's partial result: maximum and sum, padding to 64, then Dv floats rounded up to 16. */
export const partialBytes = (spec: KernelSpec): number => 64 + roundUp(spec.Dv, 16) * 4;

/** What packing needs, in bytes, aligned to 64; 0 where the kernel reads the tensor itself. */
export interface PackNeeds {
  readonly keys: number;
  readonly values: number;
}

/** Where a launch's keys lie: the address of the first, and strides in elements. */
export interface KeyPlace {
  readonly address: bigint | number;
  readonly strides: readonly number[];
}

/**
 * Tiles want keys in rows of whole cache lines, zero beyond D and beyond N; keys that lie so already are read in place. Values
 * are always packed: pairs of keys side by side.
 */
export function packNeeds(
  spec: KernelSpec,
  target: NativeTarget,
  { B, Hkv, N }: Pick<Shape, "B" | "Hkv" | "N">,
  keys: KeyPlace,
): PackNeeds {
  const products = productsOf(spec, target);
  if (products === "f32") return { keys: 0, values: 0 };
  const rows = B * Hkv * roundUp(N, 32);
  const values = rows * roundUp(spec.Dv, 32) * 2;
  const isAligned =
    BigInt(keys.address) % 64n === 0n && keys.strides.every((stride) => (stride * 2) % 64 === 0);
  const inPlace = spec.D % 32 === 0 && N % 32 === 0 && isAligned;
  return { keys: inPlace ? 0 : rows * roundUp(spec.D, 32) * 2, values };
}

/** One captured number: word `word` of the launch holds it, as i32 or f32 in the low four bytes. */
export interface UniformSlot {
  readonly name: string;
  readonly type: "i32" | "f32";
  readonly word: number;
}

/**
 * One captured tensor: word `word` holds the address of its elements (row-major; 4 bytes each, bool 1 byte),
 * the next `rank` words its shape. Every length is at least 1, and all elements together fewer than 2^31.
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
  /** Words of the whole launch, captures included. */
  readonly words: number;
}

/** Where each capture goes. A name that score and mask share is one capture. */
export function captureLayout(spec: Pick<KernelSpec, "score" | "mask">): CaptureLayout {
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

/** What `emitKernel(spec, target, symbol)` in `kernel.ts` returns; `emitPrelude(target)` in `prelude.ts` is what it needs above it. */
export interface NativeKernel {
  /** The exported function's name. */
  readonly symbol: string;
  /** C without the prelude: any number of these, with different symbols, may follow one prelude of the same target. */
  readonly body: string;
  /** One whole translation unit: prelude and body. */
  readonly text: string;
  /** For display: for example `{ queries: 32, keys: 192 }`. */
  readonly tile: Readonly<Record<string, number>>;
}
