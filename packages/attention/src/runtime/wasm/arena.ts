/**
 * One WebAssembly memory, handed out from the bottom up and taken back as a whole: a launch puts everything it needs side by
 * side and leaves nothing behind.
 */
import { rangeError } from "../../errors.ts";

const PAGE_BYTES = 65_536;

/** The most that 32-bit addresses reach, less one page, so that no address of ours is 2^32. */
export const MAX_MEMORY_BYTES: number = 2 ** 32 - PAGE_BYTES;

export interface ArenaOptions {
  readonly shared: boolean;
  /** The memory never grows beyond this. */
  readonly limitBytes: number;
  /** A memory that has grown beyond this is given back after the launch that needed it. */
  readonly keepBytes: number;
}

/** Cache lines, and the widest alignment that kernels ask for. */
const ALIGNMENT = 64;

/** 64 MiB: an engine that cannot reserve this has no use for threads. */
const LEAST_PAGES = 1024;

/** Memory grows by whole steps, so that a series of slightly longer launches does not grow it each time. */
const GROW_PAGES = 16;

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

type Buffer = ArrayBufferLike;

/** Engines reserve addresses for a shared memory's maximum; those that have fewer refuse, and get a smaller one. */
function newMemory(shared: boolean, pages: number): WebAssembly.Memory {
  const maximum = Math.floor(pages);
  const initial = Math.min(GROW_PAGES, maximum);
  try {
    return new WebAssembly.Memory({ initial, maximum, shared });
  } catch (error) {
    if (pages < LEAST_PAGES || !(error instanceof RangeError)) throw error;
    return newMemory(shared, pages / 2);
  }
}

interface Views {
  readonly buffer: Buffer;
  readonly f32: Float32Array;
  readonly i32: Int32Array;
  readonly u16: Uint16Array;
  readonly u8: Uint8Array;
}

export class Arena {
  readonly #options: ArenaOptions;
  #memory: WebAssembly.Memory | null = null;
  #views: Views | null = null;
  #top = ALIGNMENT;

  constructor(options: ArenaOptions) {
    this.#options = options;
  }

  /** The memory now; another object after `trim` has given one back. */
  get memory(): WebAssembly.Memory {
    this.#memory ??= newMemory(this.#options.shared, this.#options.limitBytes / PAGE_BYTES);
    return this.#memory;
  }

  /** Views of the whole memory, valid until the next `allocate`. */
  get views(): Views {
    const { buffer } = this.memory;
    if (this.#views?.buffer === buffer) return this.#views;
    this.#views = {
      buffer,
      f32: new Float32Array(buffer),
      i32: new Int32Array(buffer),
      u16: new Uint16Array(buffer),
      u8: new Uint8Array(buffer),
    };
    return this.#views;
  }

  /**
   * The address of `bytes` bytes, aligned to 64, never 0; their contents are arbitrary.
   *
   * @throws RangeError  the memory would pass its limit
   */
  allocate(bytes: number): number {
    const address = this.#top;
    const top = Math.ceil((address + bytes) / ALIGNMENT) * ALIGNMENT;
    if (top > this.memory.buffer.byteLength) this.#grow(top);
    this.#top = top;
    return address;
  }

  /** Where the next allocation begins; `release(mark)` takes back everything allocated since. */
  mark(): number {
    return this.#top;
  }

  release(mark: number): void {
    this.#top = mark;
  }

  /** Takes back everything. True if the memory had grown so large that it is given back to the engine. */
  trim(): boolean {
    this.#top = ALIGNMENT;
    if (this.#memory === null || this.#memory.buffer.byteLength <= this.#options.keepBytes) {
      return false;
    }
    this.drop();
    return true;
  }

  drop(): void {
    this.#memory = null;
    this.#views = null;
  }

  #grow(bytes: number): void {
    const { limitBytes } = this.#options;
    const have = this.memory.buffer.byteLength / PAGE_BYTES;
    const most = Math.floor(limitBytes / PAGE_BYTES);
    const pages = Math.ceil(bytes / PAGE_BYTES / GROW_PAGES) * GROW_PAGES;
    try {
      this.memory.grow(Math.max(Math.min(pages, most), Math.ceil(bytes / PAGE_BYTES)) - have);
    } catch (cause) {
      const got = `a launch that needs ${megabytes(bytes)}`;
      const expected = `at most ${megabytes(limitBytes)} at one time`;
      const remedy = "cut the keys into shorter sequences, or raise memoryLimitBytes";
      throw Object.assign(rangeError({ name: "memory", expected, got, remedy }), { cause });
    }
  }
}
