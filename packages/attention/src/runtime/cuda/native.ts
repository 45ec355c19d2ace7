/** C libraries as tables of functions: what the driver, NVRTC and the fakes of the tests have in common. */

/** What an argument of a C function may be, and what stands for it here. */
export interface ArgumentTypes {
  readonly i32: number;
  readonly u32: number;
  /** 64 bits. */
  readonly size: number | bigint;
  /** A handle or a device address; 0n for none. */
  readonly pointer: bigint;
  /** Host memory that the function is done with when it returns. */
  readonly memory: ArrayBufferView | null;
  /** Host memory by its address, or as `memory`. */
  readonly host: ArrayBufferView | bigint;
}

export type ArgumentType = keyof ArgumentTypes;

/** C names of functions that return an int, with the types of their arguments. */
export type Signatures = Readonly<Record<string, readonly ArgumentType[]>>;

export type Arguments<T extends readonly ArgumentType[]> = {
  -readonly [I in keyof T]: ArgumentTypes[T[I]];
};

export type Functions<S extends Signatures> = {
  readonly [N in keyof S]: (...args: Arguments<S[N]>) => number;
};

/** Memory of this process by its addresses. */
export interface HostMemory {
  /** The text, ended by a zero byte, that lies at an address. */
  textAt(address: bigint): string;
  /** The bytes that lie at an address, not copied; valid until whoever owns them frees them. */
  viewAt(address: bigint, bytes: number): ArrayBuffer;
  /** Where a buffer lies; it does not move. Of at least 128 bytes: smaller ones may lie in the engine's own heap. */
  addressOf(buffer: ArrayBuffer): bigint;
}

export interface NativeLibrary<S extends Signatures> extends HostMemory {
  /** What it was loaded as. */
  readonly path: string;
  readonly functions: Functions<S>;
  /** Calls a function on another thread. */
  later<N extends keyof S>(name: N, ...args: Arguments<S[N]>): Promise<number>;
}

/** A text as C takes it. */
export const cText = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** The text that a function wrote into a buffer. */
export function textOf(buffer: Uint8Array): string {
  const end = buffer.indexOf(0);
  return new TextDecoder().decode(buffer.subarray(0, end < 0 ? buffer.length : end));
}
