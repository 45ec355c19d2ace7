/** Between the caller's arrays and GPU memory, through pinned buffers that the GPU reads and writes while we fill or empty the next. */
import { internalError } from "../../errors.ts";
import type { Tensor, TensorData } from "../../tensor.ts";
import { type Box, type Elements, gather, scatter } from "../shared/strided.ts";
import type { Driver } from "./driver.ts";
import { everyStep } from "./every-step.ts";
import { type Piece, pieces } from "./pieces.ts";
import type { Mark, Stream } from "./stream.ts";

/** Bytes of one pinned buffer: long enough that a copy's fixed cost is a hundredth of it. */
const CHUNK_BYTES = 2 ** 22;

/** One is filled while the other is copied. */
const CHUNKS = 2;

interface Chunk {
  readonly address: bigint;
  readonly bytes: ArrayBuffer;
  /** The last copy from or to it. */
  busy: Mark | null;
}

/** Elements as they are stored: halves as raw bits. */
function storedElements(data: TensorData): Elements {
  if (data instanceof Float32Array || data instanceof Uint16Array) return data;
  if (data instanceof Int32Array || data instanceof Uint8Array) {
    throw internalError("integers reached the staging of query, key or value");
  }
  return new Uint16Array(data.buffer, data.byteOffset, data.length);
}

const boxOf = ({ offset, shape, strides }: Tensor): Box => ({ offset, lengths: shape, strides });

export class Staging {
  readonly #driver: Driver;
  readonly #stream: Stream;
  readonly #enter: () => void;
  readonly #chunks: Chunk[] = [];
  #next = 0;

  /** @param enter  makes this thread's next calls this GPU's, after others may have run */
  constructor(driver: Driver, stream: Stream, enter: () => void) {
    this.#driver = driver;
    this.#stream = stream;
    this.#enter = enter;
  }

  /** Pinned bytes held. */
  get bytes(): number {
    return this.#chunks.length * CHUNK_BYTES;
  }

  /**
   * Queues the copy of a tensor's elements, row-major without gaps, to GPU memory. The tensor has been read when it resolves.
   *
   * @throws the signal's reason  it was aborted; some of the elements may have been copied
   */
  async upload(tensor: Tensor, address: bigint, signal: AbortSignal | null): Promise<void> {
    const source = storedElements(tensor.data);
    const size = source.BYTES_PER_ELEMENT;
    for (const piece of pieces(boxOf(tensor), CHUNK_BYTES / size)) {
      const chunk = await this.#take(signal);
      gather(source, piece.box, elementsIn(chunk, source, piece), 0);
      this.#driver.call.cuMemcpyHtoDAsync_v2(
        "copying a tensor to the GPU",
        address + BigInt(piece.first * size),
        chunk.address,
        piece.count * size,
        this.#stream.handle,
      );
      chunk.busy = this.#stream.mark();
    }
  }

  /** Copies elements, row-major without gaps in GPU memory, into a tensor. */
  async download(address: bigint, tensor: Tensor, signal: AbortSignal | null): Promise<void> {
    const target = storedElements(tensor.data);
    const size = target.BYTES_PER_ELEMENT;
    let before: { readonly chunk: Chunk; readonly piece: Piece } | null = null;
    const empty = async ({ chunk, piece }: NonNullable<typeof before>): Promise<void> => {
      await this.#free(chunk, signal);
      scatter(elementsIn(chunk, target, piece), 0, target, piece.box);
    };
    for (const piece of pieces(boxOf(tensor), CHUNK_BYTES / size)) {
      const chunk = await this.#take(signal);
      this.#driver.call.cuMemcpyDtoHAsync_v2(
        "copying a result from the GPU",
        chunk.address,
        address + BigInt(piece.first * size),
        piece.count * size,
        this.#stream.handle,
      );
      chunk.busy = this.#stream.mark();
      if (before !== null) await empty(before);
      before = { chunk, piece };
    }
    if (before !== null) await empty(before);
  }

  /** After the stream has come to its end. */
  close(): void {
    const { call } = this.#driver;
    const free =
      ({ address }: Chunk) =>
      (): void => {
        call.cuMemFreeHost("freeing pinned memory", address);
      };
    everyStep(this.#chunks.splice(0).map(free));
  }

  /** The buffer used longest ago, once the GPU is done with it. */
  async #take(signal: AbortSignal | null): Promise<Chunk> {
    signal?.throwIfAborted();
    const chunk = this.#chunks[this.#next] ?? this.#newChunk();
    this.#next = (this.#next + 1) % CHUNKS;
    await this.#free(chunk, signal);
    return chunk;
  }

  async #free(chunk: Chunk, signal: AbortSignal | null): Promise<void> {
    const { busy } = chunk;
    if (busy === null) return;
    await this.#stream.past(busy, "waiting for the GPU", signal);
    chunk.busy = null;
    this.#stream.forget(busy);
    this.#enter();
  }

  #newChunk(): Chunk {
    const driver = this.#driver;
    const doing = `reserving ${CHUNK_BYTES} bytes of pinned memory`;
    const address = driver.out64((out) => driver.call.cuMemHostAlloc(doing, out, CHUNK_BYTES, 0));
    const bytes = driver.library.viewAt(address, CHUNK_BYTES);
    const chunk = { address, bytes, busy: null };
    this.#chunks.push(chunk);
    return chunk;
  }
}

/** A chunk's memory as elements like those of an array, as many as a piece has. */
function elementsIn({ bytes }: Chunk, like: Elements, { count }: Piece): Elements {
  return like instanceof Float32Array
    ? new Float32Array(bytes, 0, count)
    : new Uint16Array(bytes, 0, count);
}
