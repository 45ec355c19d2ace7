/** Frames on a stream: a 32-bit little-endian length before each. */
import { ProtocolError } from "../../errors.ts";
import { MAX_FRAME_BYTES } from "../../protocol/frames.ts";

const LENGTH_BYTES = 4;

/** A frame as it is written to a stream. */
export function framed(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES + frame.length);
  new DataView(bytes.buffer).setUint32(0, frame.length, true);
  bytes.set(frame, LENGTH_BYTES);
  return bytes;
}

/** Cuts what comes from a stream into frames, wherever the chunks break. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  /**
   * The frames that this chunk completes.
   *
   * @throws ProtocolError  a length that no frame has, before its bytes are kept
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    // Node's Buffer is a Uint8Array whose slices are no copies.
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#bytes += chunk.length;
    while (this.#bytes >= LENGTH_BYTES) {
      const head = this.#peek(LENGTH_BYTES);
      const length = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
      if (length > MAX_FRAME_BYTES) throw new ProtocolError(`a frame of ${length} bytes`);
      if (this.#bytes < LENGTH_BYTES + length) return;
      const whole = this.#peek(LENGTH_BYTES + length);
      this.#drop(LENGTH_BYTES + length);
      yield whole.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
    }
  }

  /** The first bytes in one piece; joins chunks only where a piece is cut. */
  #peek(bytes: number): Uint8Array {
    const first = this.#chunks[0] ?? new Uint8Array(0);
    if (first.length >= bytes) return first;
    const joined = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }

  #drop(bytes: number): void {
    const rest = (this.#chunks[0] ?? new Uint8Array(0)).subarray(bytes);
    this.#chunks[0] = rest;
    if (rest.length === 0) this.#chunks.shift();
    this.#bytes -= bytes;
  }
}
