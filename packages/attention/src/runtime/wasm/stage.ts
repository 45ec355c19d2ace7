/** Between a caller's tensors, of any strides and storage type, and f32 rows without gaps in the arena. */
import { internalError } from "../../errors.ts";
import type { ConvertExports } from "../../emit/wasm/abi.ts";
import type { FloatType, Tensor, TensorData } from "../../tensor.ts";
import type { Arena } from "./arena.ts";
import { type Box, type Elements, gather, scatter } from "../shared/strided.ts";

/** Rows [first, last) of heads [h0, h1) of one batch element of a [B, H, L, D] tensor. */
export interface Heads {
  readonly b: number;
  readonly h0: number;
  readonly h1: number;
  readonly first: number;
  readonly last: number;
}

type SixteenBits = Exclude<FloatType, "f32">;

/** Elements that pass through the raw buffer at one time: they stay in the cache. */
const RAW_ELEMENTS = 65_536;

export const RAW_BYTES: number = RAW_ELEMENTS * 2;

/** The elements as they are stored. */
function elementsOf(data: TensorData): Elements {
  if (data instanceof Float32Array || data instanceof Uint16Array) return data;
  if (data instanceof Int32Array || data instanceof Uint8Array) {
    throw internalError("attention over integers reached a kernel");
  }
  return new Uint16Array(data.buffer, data.byteOffset, data.length);
}

function boxOf(tensor: Tensor, { b, h0, h1, first, last }: Heads): Box {
  const [sb = 0, sh = 0, sl = 0, sd = 0] = tensor.strides;
  return {
    offset: tensor.offset + b * sb + h0 * sh + first * sl,
    lengths: [h1 - h0, last - first, tensor.shape[3] ?? 1],
    strides: [sh, sl, sd],
  };
}

/** Boxes whose rows lie end to end in the arena, because there heads are `L` rows apart. */
function* boxes(tensor: Tensor, heads: Heads): Generator<Heads> {
  const isWhole = heads.first === 0 && heads.last === tensor.shape[2];
  if (heads.first >= heads.last) return;
  if (isWhole) yield heads;
  else for (let h = heads.h0; h < heads.h1; h++) yield { ...heads, h0: h, h1: h + 1 };
}

/** Pieces of boxes that fit the raw buffer. */
function* pieces(tensor: Tensor, heads: Heads): Generator<Heads> {
  const step = Math.floor(RAW_ELEMENTS / (tensor.shape[3] ?? 1));
  for (let h = heads.h0; h < heads.h1; h++) {
    for (let first = heads.first; first < heads.last; first += step) {
      yield { ...heads, h0: h, h1: h + 1, first, last: Math.min(first + step, heads.last) };
    }
  }
}

const count = ({ h0, h1, first, last }: Heads, tensor: Tensor): number =>
  (h1 - h0) * (last - first) * (tensor.shape[3] ?? 1);

/** Moves tensors of one launch in and out; `base` is the (perhaps negative) address of a tensor's element 0. */
export class Stage {
  readonly #arena: Arena;
  readonly #convert: ConvertExports | null;
  readonly #raw: number;

  /**
   * @param convert  null for f32
   * @param raw      address of `RAW_BYTES` bytes for 16-bit storage
   */
  constructor(arena: Arena, convert: ConvertExports | null, raw: number) {
    this.#arena = arena;
    this.#convert = convert;
    this.#raw = raw;
  }

  load(tensor: Tensor, heads: Heads, base: number): void {
    const source = elementsOf(tensor.data);
    const { f32, u16 } = this.#arena.views;
    if (tensor.dtype === "f32") {
      for (const box of boxes(tensor, heads)) {
        gather(source, boxOf(tensor, box), f32, addressOf(tensor, box, base) / 4);
      }
      return;
    }
    const { widen } = conversions[tensor.dtype as SixteenBits];
    for (const piece of pieces(tensor, heads)) {
      gather(source, boxOf(tensor, piece), u16, this.#raw / 2);
      this.#converter[widen](this.#raw, addressOf(tensor, piece, base), count(piece, tensor));
    }
  }

  store(base: number, tensor: Tensor, heads: Heads): void {
    const target = elementsOf(tensor.data);
    const { f32, u16 } = this.#arena.views;
    if (tensor.dtype === "f32") {
      for (const box of boxes(tensor, heads)) {
        scatter(f32, addressOf(tensor, box, base) / 4, target, boxOf(tensor, box));
      }
      return;
    }
    const { narrow } = conversions[tensor.dtype as SixteenBits];
    for (const piece of pieces(tensor, heads)) {
      this.#converter[narrow](addressOf(tensor, piece, base), this.#raw, count(piece, tensor));
      scatter(u16, this.#raw / 2, target, boxOf(tensor, piece));
    }
  }

  get #converter(): ConvertExports {
    if (this.#convert === null) throw internalError("no conversion for 16-bit storage");
    return this.#convert;
  }
}

/** The exports that convert each storage type to f32 and back. */
const conversions = {
  f16: { widen: "f16ToF32", narrow: "f32ToF16" },
  bf16: { widen: "bf16ToF32", narrow: "f32ToBf16" },
} as const satisfies {
  readonly [K in SixteenBits]: {
    readonly widen: keyof ConvertExports;
    readonly narrow: keyof ConvertExports;
  };
};

/** Address of the first element of a box in the staged [B, H, L, D]. */
function addressOf(tensor: Tensor, { b, h0, first }: Heads, base: number): number {
  const [, H = 1, L = 1, D = 1] = tensor.shape;
  return base + ((b * H + h0) * L + first) * D * 4;
}
