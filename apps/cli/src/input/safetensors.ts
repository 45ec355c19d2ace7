/**
 * Reads the safetensors format: `[u64 header length][JSON header][bytes]`, all little-endian.
 * https://github.com/huggingface/safetensors: the header maps names to `{ dtype, shape, data_offsets: [begin, end] }`.
 *
 * The file is not trusted: lengths are bounded before anything is allocated, and the tensors must cover the
 * bytes exactly, in some order, without holes or overlaps.
 */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { Tensor } from "@vigil/attention";
import type { TensorData } from "@vigil/attention";
import { UsageError } from "../usage-error.ts";

/** The format's own bound is 100 MB; q, k and v need a few hundred bytes. */
export const MAX_HEADER_BYTES: number = 16 * 2 ** 20;

/** More axes than anybody's tensor, few enough for the product of lengths to be checked. */
const MAX_RANK = 16;

const LENGTH_BYTES = 8;

/** Bits per element of each dtype that may stand in a file; those of `readers` can be read. */
const elementBits: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
};

type Reader = (bytes: ArrayBuffer) => {
  readonly data: TensorData;
  readonly dtype: Tensor["dtype"];
};

const readers: Readonly<Record<string, Reader>> = {
  F32: (bytes) => ({ data: new Float32Array(bytes), dtype: "f32" }),
  F16: (bytes) => ({ data: new Uint16Array(bytes), dtype: "f16" }),
  BF16: (bytes) => ({ data: new Uint16Array(bytes), dtype: "bf16" }),
  I32: (bytes) => ({ data: new Int32Array(bytes), dtype: "i32" }),
  BOOL: (bytes) => ({
    data: new Uint8Array(bytes).map((byte) => (byte === 0 ? 0 : 1)),
    dtype: "bool",
  }),
};

/** One tensor of a file: what it is and where its bytes lie, counted from the end of the header. */
export interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const malformed = (expected: string, got: string): UsageError =>
  new UsageError({
    name: "safetensors file",
    expected,
    got,
    remedy: "write the file again, for example with safetensors.torch.save_file",
  });

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isIndex = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

const short = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 60);

function readShape(name: string, value: unknown): readonly number[] {
  if (Array.isArray(value) && value.length <= MAX_RANK && value.every(isIndex)) return value;
  throw malformed(`a shape of at most ${MAX_RANK} lengths for ${short(name)}`, short(value));
}

function readEntry(name: string, value: unknown): Entry {
  if (!isRecord(value)) throw malformed(`an object for ${short(name)}`, short(value));
  const { dtype, data_offsets: offsets } = value;
  const shape = readShape(name, value.shape);
  const bits =
    typeof dtype === "string" && Object.hasOwn(elementBits, dtype) ? elementBits[dtype] : undefined;
  if (bits === undefined || typeof dtype !== "string") {
    throw malformed(
      `a dtype of ${Object.keys(elementBits).join(", ")} for ${short(name)}`,
      short(dtype),
    );
  }
  const [begin, end]: readonly unknown[] =
    Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
  if (!isIndex(begin) || !isIndex(end)) {
    throw malformed(`data_offsets of two integers for ${short(name)}`, short(offsets));
  }
  const bytes = shape.reduce((product, length) => product * length, bits / 8);
  // A product beyond 2^53 is not exact, but it is then not the length of any file either.
  if (end - begin === bytes) return { dtype, shape, begin, end };
  throw malformed(`${bytes} bytes for ${short(name)}`, `data_offsets ${short(offsets)}`);
}

function checkCover(entries: ReadonlyMap<string, Entry>, dataBytes: number): void {
  const byBegin = [...entries.values()].toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { begin, end } of byBegin) {
    if (begin !== at)
      throw malformed(
        `tensors without holes or overlaps`,
        `one that begins at byte ${begin}, not ${at}`,
      );
    at = end;
  }
  if (at !== dataBytes) throw malformed(`${at} bytes after the header`, `${dataBytes}`);
}

/**
 * The tensors that a header lists.
 *
 * @param header the JSON text
 * @param dataBytes how many bytes follow the header
 * @throws UsageError anything that a file of this format cannot hold
 */
export function parseHeader(header: string, dataBytes: number): ReadonlyMap<string, Entry> {
  let json: unknown;
  try {
    json = JSON.parse(header);
  } catch {
    throw malformed("a JSON header", short(header));
  }
  if (!isRecord(json)) throw malformed("a JSON object as header", short(json));
  const named = Object.entries(json).filter(([name]) => name !== "__metadata__");
  const entries = new Map(named.map(([name, value]) => [name, readEntry(name, value)]));
  checkCover(entries, dataBytes);
  return entries;
}

async function readExactly(file: FileHandle, at: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) throw malformed(`${length} bytes at byte ${at}`, `${done}`);
    done += bytesRead;
  }
  return bytes.buffer;
}

/** An open file; reads the bytes of a tensor when it is asked for. */
export class SafetensorsFile implements AsyncDisposable {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly #file: FileHandle;
  readonly #dataAt: number;

  private constructor(file: FileHandle, dataAt: number, entries: ReadonlyMap<string, Entry>) {
    this.#file = file;
    this.#dataAt = dataAt;
    this.entries = entries;
  }

  /** @throws UsageError no such file, or not of this format */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await open(path, "r").catch((cause: unknown) => {
      throw new UsageError(
        {
          name: "--input",
          expected: "a safetensors file",
          got: `${path} (${cause instanceof Error ? cause.message : String(cause)})`,
          remedy: "pass the path of a file that exists",
        },
        { cause },
      );
    });
    try {
      return await SafetensorsFile.#read(file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  static async #read(file: FileHandle): Promise<SafetensorsFile> {
    const { size } = await file.stat();
    if (size < LENGTH_BYTES) throw malformed(`at least ${LENGTH_BYTES} bytes`, `${size}`);
    const length = new DataView(await readExactly(file, 0, LENGTH_BYTES)).getBigUint64(0, true);
    const bound = Math.min(MAX_HEADER_BYTES, size - LENGTH_BYTES);
    if (length > bound) throw malformed(`a header of at most ${bound} bytes`, `${length}`);
    const headerBytes = await readExactly(file, LENGTH_BYTES, Number(length));
    const dataAt = LENGTH_BYTES + Number(length);
    const header = new TextDecoder().decode(headerBytes);
    return new SafetensorsFile(file, dataAt, parseHeader(header, size - dataAt));
  }

  /** @throws UsageError a dtype that no kernel takes */
  async read(name: string, entry: Entry): Promise<Tensor> {
    const reader = readers[entry.dtype];
    if (reader === undefined) {
      throw new UsageError({
        name: `tensor ${short(name)}`,
        expected: `dtype ${Object.keys(readers).join(", ")}`,
        got: entry.dtype,
        remedy: "convert it before saving",
      });
    }
    const bytes = await readExactly(
      this.#file,
      this.#dataAt + entry.begin,
      entry.end - entry.begin,
    );
    const { data, dtype } = reader(bytes);
    return new Tensor(data, entry.shape, { dtype });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
