/** GPU memory in size classes, kept for reuse: the driver's own allocation waits for the GPU, and costs up to a millisecond. */
import { internalError, rangeError } from "../../errors.ts";
import { CudaError } from "./cuda-error.ts";
import { everyStep } from "./every-step.ts";

/** Where memory comes from. */
export interface MemorySource {
  allocate(bytes: number): bigint;
  free(address: bigint): void;
}

/** A stretch of GPU memory, aligned to 256 bytes. */
export interface Block {
  readonly address: bigint;
  /** Of its size class: at least what was asked for. */
  readonly bytes: number;
}

export interface MemoryStatistics {
  /** Bytes handed out. */
  readonly usedBytes: number;
  /** Bytes kept for reuse. */
  readonly cachedBytes: number;
  /** Most bytes handed out at one time. */
  readonly peakBytes: number;
  /** Blocks handed out. */
  readonly usedBlocks: number;
  /** How often the driver was asked for memory, and how often a kept block did. */
  readonly allocations: number;
  readonly reuses: number;
}

const SMALLEST = 256;
/** Classes between one power of two and the next: at most an eighth of a block is waste. */
const STEPS = 8;

/** The size of the blocks that serve a request. */
export function sizeClass(bytes: number): number {
  const power = 2 ** Math.floor(Math.log2(Math.max(bytes, SMALLEST)));
  const step = Math.max(SMALLEST, power / STEPS);
  return Math.ceil(Math.max(bytes, SMALLEST) / step) * step;
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/**
 * Hands out and takes back blocks. A block that came back is handed out again at once, though the GPU may still be using it: all
 * users work on one stream, so what comes later happens later.
 */
export class Allocator {
  readonly #source: MemorySource;
  readonly #limitBytes: number;
  readonly #kept = new Map<number, Block[]>();
  readonly #used = new Set<Block>();
  #usedBytes = 0;
  #cachedBytes = 0;
  #peakBytes = 0;
  #allocations = 0;
  #reuses = 0;

  /** @param limitBytes  never holds more than this, kept blocks included */
  constructor(source: MemorySource, limitBytes: number) {
    this.#source = source;
    this.#limitBytes = limitBytes;
  }

  get statistics(): MemoryStatistics {
    return {
      usedBytes: this.#usedBytes,
      cachedBytes: this.#cachedBytes,
      peakBytes: this.#peakBytes,
      usedBlocks: this.#used.size,
      allocations: this.#allocations,
      reuses: this.#reuses,
    };
  }

  /**
   * @throws RangeError  it would hold more than its limit
   * @throws CudaError   the GPU has no memory left, after kept blocks were given back
   */
  allocate(bytes: number): Block {
    const size = sizeClass(bytes);
    const kept = this.#kept.get(size)?.pop();
    if (kept !== undefined) {
      this.#cachedBytes -= size;
      this.#reuses++;
    }
    const block = kept ?? { address: this.#fresh(size), bytes: size };
    this.#used.add(block);
    this.#usedBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#usedBytes);
    return block;
  }

  release(block: Block): void {
    if (!this.#used.delete(block)) throw internalError("GPU memory was given back twice");
    this.#usedBytes -= block.bytes;
    this.#cachedBytes += block.bytes;
    const kept = this.#kept.get(block.bytes);
    if (kept === undefined) this.#kept.set(block.bytes, [block]);
    else kept.push(block);
  }

  /** Gives kept blocks back to the driver, the largest first, until at most `bytes` are kept. */
  trim(bytes: number = 0): void {
    for (const size of [...this.#kept.keys()].toSorted((a, b) => b - a)) {
      const blocks = this.#kept.get(size) ?? [];
      while (this.#cachedBytes > bytes && blocks.length > 0) this.#drop(blocks);
    }
  }

  /** Gives everything back, blocks in use too. */
  close(): void {
    for (const block of [...this.#used]) this.release(block);
    const blocks = [...this.#kept.values()].flat();
    this.#kept.clear();
    this.#cachedBytes = 0;
    everyStep(
      blocks.map(
        ({ address }) =>
          () =>
            this.#source.free(address),
      ),
    );
  }

  #drop(blocks: Block[]): void {
    const block = blocks.pop();
    if (block === undefined) return;
    this.#cachedBytes -= block.bytes;
    this.#source.free(block.address);
  }

  #fresh(size: number): bigint {
    const room = this.#limitBytes - size;
    if (this.#usedBytes > room) {
      const expected = `at most ${mebibytes(this.#limitBytes)} of GPU memory, as memoryLimitBytes says`;
      const got = `${mebibytes(this.#usedBytes)} in use and ${mebibytes(size)} more`;
      const remedy = "free device tensors, or raise the limit";
      throw rangeError({ name: "memory", expected, got, remedy });
    }
    if (this.#usedBytes + this.#cachedBytes > room) this.trim(room - this.#usedBytes);
    this.#allocations++;
    try {
      return this.#source.allocate(size);
    } catch (error) {
      const isFull = error instanceof CudaError && error.codeName === "CUDA_ERROR_OUT_OF_MEMORY";
      if (!isFull || this.#cachedBytes === 0) throw error;
      this.trim();
      return this.#source.allocate(size);
    }
  }
}
