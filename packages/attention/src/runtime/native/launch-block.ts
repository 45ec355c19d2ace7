/** The words that a kernel reads its launch from, and the memory that they point to. */
import { type CaptureLayout, LAUNCH } from "../../emit/native/abi.ts";
import { internalError } from "../../errors.ts";
import type { CaptureValues } from "../../ir/types.ts";
import type { Koffi } from "./machine.ts";

export type LaunchWord = keyof typeof LAUNCH;

/** Memory that a word may point to. */
export type Memory = Exclude<ArrayBufferView, DataView>;

/**
 * Where the first element of a view lies. It stays there for as long as the view is held: asking for the buffer moves the
 * elements of a small array out of the reach of the garbage collector.
 */
export function addressOf(koffi: Koffi, view: Memory): bigint {
  return view.buffer.byteLength === 0 ? 0n : koffi.address(view);
}

export class LaunchBlock {
  readonly address: bigint;
  readonly #koffi: Koffi;
  readonly #words: BigInt64Array;
  readonly #i32: Int32Array;
  readonly #f32: Float32Array;
  /** What the words point to must live as long as they do. */
  readonly #memory: Memory[] = [];

  constructor(koffi: Koffi, words: number) {
    const buffer = new ArrayBuffer(words * 8);
    this.#koffi = koffi;
    this.#words = new BigInt64Array(buffer);
    this.#i32 = new Int32Array(buffer);
    this.#f32 = new Float32Array(buffer);
    this.address = addressOf(koffi, this.#words);
  }

  set(values: { readonly [K in LaunchWord]?: number | bigint }): void {
    for (const name of Object.keys(values) as LaunchWord[]) {
      this.#words[LAUNCH[name]] = BigInt(values[name] ?? 0);
    }
  }

  get(name: LaunchWord): bigint {
    return this.#words[LAUNCH[name]] ?? 0n;
  }

  setScale(scale: number): void {
    this.#f32[LAUNCH.scale * 2] = scale;
  }

  /** Points a word at an element of a view; null is "absent". */
  point(name: LaunchWord, view: Memory | null, element = 0): void {
    if (view !== null) this.#pointWord(LAUNCH[name], view, element);
  }

  setCaptures({ uniforms, tensors }: CaptureLayout, captures: CaptureValues): void {
    for (const { name, type, word } of uniforms) {
      const value = captures.uniforms.get(name);
      if (value === undefined) throw internalError(`no value for the captured number ${name}`);
      (type === "i32" ? this.#i32 : this.#f32)[word * 2] = value;
    }
    for (const { name, word } of tensors) {
      const tensor = captures.tensors.get(name);
      if (tensor === undefined) throw internalError(`no value for the captured tensor ${name}`);
      this.#pointWord(word, tensor.data, 0);
      tensor.shape.forEach((length, axis) => {
        this.#words[word + 1 + axis] = BigInt(length);
      });
    }
  }

  /** Ends a running launch early: threads look at this word between items. */
  abort(): void {
    Atomics.store(this.#words, LAUNCH.abort, 1n);
  }

  #pointWord(word: number, view: Memory, element: number): void {
    const bytes = (view as Memory & { readonly BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
    this.#memory.push(view);
    this.#words[word] = addressOf(this.#koffi, view) + BigInt(element * bytes);
  }
}
