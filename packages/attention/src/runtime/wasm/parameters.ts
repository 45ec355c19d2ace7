/** Writes what a launch says into the arena, as `emit/wasm/abi.ts` lays it out. */
import { type CaptureLayout, PARAM } from "../../emit/wasm/abi.ts";
import { internalError } from "../../errors.ts";
import type { Launch } from "../device.ts";
import type { Arena } from "./arena.ts";

export type ParamName = keyof typeof PARAM;

/** Anything with bytes; they are copied. */
export function put(arena: Arena, { buffer, byteOffset, byteLength }: ArrayBufferView): number {
  const address = arena.allocate(byteLength);
  arena.views.u8.set(new Uint8Array(buffer, byteOffset, byteLength), address);
  return address;
}

/** The parameter block of one launch, and a copy of it for the calling thread. */
export class Parameters {
  /** Byte address of the block that all threads but the caller read. */
  readonly shared: number;
  /** Byte address of the caller's copy: its tickets are its own, so that it can stop between items. */
  readonly own: number;
  readonly #words: number;
  readonly #arena: Arena;

  private constructor(arena: Arena, words: number) {
    this.#arena = arena;
    this.#words = words;
    this.shared = arena.allocate(words * 4);
    this.own = arena.allocate(words * 4);
    const start = this.shared / 4;
    arena.views.i32.fill(0, start, start + words);
  }

  /** Everything that does not depend on the part of the launch that is computed. */
  static place(arena: Arena, layout: CaptureLayout, launch: Launch): Parameters {
    const block = new Parameters(arena, layout.words);
    const { shape, blockMask, sinks, captures } = launch;
    block.set({ Hq: shape.Hq, Hkv: shape.Hkv, M: shape.M, N: shape.N });
    block.#setF32(PARAM.scale, launch.scale);
    block.set({
      queryOffsetAt: put(arena, launch.queryOffset),
      kvLengthAt: put(arena, launch.kvLength),
    });
    if (sinks !== null) block.set({ sinksAt: put(arena, sinks) });
    if (blockMask !== null) {
      const { rowStart, runs, bits, B, H, rows, blockQ, blockKv } = blockMask;
      block.set({ rowStartAt: put(arena, rowStart), runsAt: put(arena, runs) });
      block.set({ maskB: B, maskH: H, maskRows: rows, blockQ, blockKv });
      if (bits !== null) block.set({ bitsAt: put(arena, bits) });
    }
    for (const { name, type, word } of layout.uniforms) {
      const value = captures.uniforms.get(name);
      if (value === undefined) throw internalError(`no value for the captured number ${name}`);
      if (type === "i32") block.#setI32(word, value);
      else block.#setF32(word, value);
    }
    for (const { name, word } of layout.tensors) {
      const tensor = captures.tensors.get(name);
      if (tensor === undefined) throw internalError(`no value for the captured tensor ${name}`);
      block.#setI32(word, put(arena, tensor.data));
      tensor.shape.forEach((length, axis) => block.#setI32(word + 1 + axis, length));
    }
    return block;
  }

  /** Integers and addresses; those beyond 32 bits wrap, as addresses do in kernels. */
  set(values: { readonly [K in ParamName]?: number }): void {
    for (const name of Object.keys(values) as ParamName[]) {
      this.#setI32(PARAM[name], values[name] ?? 0);
    }
  }

  /** Brings the caller's copy up to date. */
  copyForCaller(): void {
    const start = this.shared / 4;
    this.#arena.views.i32.copyWithin(this.own / 4, start, start + this.#words);
  }

  #setI32(word: number, value: number): void {
    this.#arena.views.i32[this.shared / 4 + word] = value;
  }

  #setF32(word: number, value: number): void {
    this.#arena.views.f32[this.shared / 4 + word] = value;
  }
}
