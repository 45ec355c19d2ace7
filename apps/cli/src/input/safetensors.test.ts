import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UsageError } from "../usage-error.ts";
import { MAX_HEADER_BYTES, parseHeader, SafetensorsFile } from "./safetensors.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "safetensors-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const assemble = (header: string, data: Uint8Array, headerLength?: bigint): Uint8Array => {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
};

let files = 0;
async function write(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${files++}.safetensors`);
  await writeFile(path, bytes);
  return path;
}

async function readAll(bytes: Uint8Array): Promise<Record<string, unknown>> {
  await using file = await SafetensorsFile.open(await write(bytes));
  const tensors: Record<string, unknown> = {};
  for (const [name, entry] of file.entries) {
    const { dtype, shape, data } = await file.read(name, entry);
    tensors[name] = { dtype, shape, data: [...data] };
  }
  return tensors;
}

const json = (
  entries: Record<string, readonly [string, readonly number[], number, number]>,
): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(entries).map(([name, [dtype, shape, begin, end]]) => [
        name,
        { dtype, shape, data_offsets: [begin, end] },
      ]),
    ),
  );

test("reads every dtype that a kernel or a mask takes, at offsets that no element size divides", async () => {
  const data = new Uint8Array(1 + 8 + 2 + 4);
  const view = new DataView(data.buffer);
  view.setUint8(0, 7);
  view.setFloat32(1, 1.5, true);
  view.setFloat32(5, -2, true);
  view.setUint16(9, 0x3f80, true);
  view.setInt32(11, -9, true);
  const header = json({
    flag: ["BOOL", [1], 0, 1],
    q: ["F32", [1, 2], 1, 9],
    b: ["BF16", [], 9, 11],
    i: ["I32", [1], 11, 15],
  });
  expect(await readAll(assemble(header, data))).toEqual({
    flag: { dtype: "bool", shape: [1], data: [1] },
    q: { dtype: "f32", shape: [1, 2], data: [1.5, -2] },
    b: { dtype: "bf16", shape: [], data: [0x3f80] },
    i: { dtype: "i32", shape: [1], data: [-9] },
  });
});

test("ignores metadata and accepts tensors of length zero", async () => {
  const header = `{"__metadata__":{"format":"pt"},"none":{"dtype":"F16","shape":[0,3],"data_offsets":[0,0]}}`;
  expect(await readAll(assemble(header, new Uint8Array(0)))).toEqual({
    none: { dtype: "f16", shape: [0, 3], data: [] },
  });
});

test("refuses to read a dtype that no kernel takes, by name", async () => {
  const file = assemble(json({ wide: ["F64", [1], 0, 8] }), new Uint8Array(8));
  await expect(readAll(file)).rejects.toThrow(
    'tensor "wide": expected dtype F32, F16, BF16, I32, BOOL, got F64',
  );
});

const refused: Readonly<Record<string, readonly [Uint8Array, RegExp]>> = {
  "an empty file": [new Uint8Array(0), /at least 8 bytes, got 0/],
  "a header longer than the file": [
    assemble("{}", new Uint8Array(0), 3n),
    /a header of at most 2 bytes/,
  ],
  "a header length beyond 2^53": [
    assemble("{}", new Uint8Array(0), 2n ** 64n - 1n),
    /at most 2 bytes/,
  ],
  "a header that is no JSON": [assemble("{", new Uint8Array(0)), /a JSON header/],
  "a header that is a list": [assemble("[]", new Uint8Array(0)), /a JSON object/],
  "bytes that no tensor covers": [
    assemble("{}", new Uint8Array(1)),
    /0 bytes after the header, got 1/,
  ],
  "tensors that overlap": [
    assemble(json({ a: ["U8", [4], 0, 4], b: ["U8", [4], 2, 6] }), new Uint8Array(6)),
    /without holes or overlaps/,
  ],
  "tensors with a hole": [
    assemble(json({ a: ["U8", [2], 0, 2], b: ["U8", [2], 4, 6] }), new Uint8Array(6)),
    /without holes or overlaps/,
  ],
  "offsets that run past the file": [
    assemble(json({ a: ["U8", [9], 0, 9] }), new Uint8Array(4)),
    /9 bytes after the header, got 4/,
  ],
  "offsets that run backwards": [
    assemble(json({ a: ["U8", [1], 1, 0] }), new Uint8Array(1)),
    /1 bytes for "a"/,
  ],
  "a shape whose product wraps": [
    assemble(json({ a: ["F32", [2 ** 32, 2 ** 32, 2 ** 32], 0, 0] }), new Uint8Array(0)),
    /bytes for "a"/,
  ],
  "a negative length": [assemble(json({ a: ["U8", [-1], 0, 1] }), new Uint8Array(1)), /a shape/],
  "seventeen axes": [
    assemble(json({ a: ["U8", Array.from({ length: 17 }, () => 1), 0, 1] }), new Uint8Array(1)),
    /at most 16 lengths/,
  ],
  "a dtype named like a property of objects": [
    assemble(json({ a: ["constructor", [1], 0, 1] }), new Uint8Array(1)),
    /a dtype of/,
  ],
};

test.each(Object.entries(refused))("refuses %s", async (_, [bytes, message]) => {
  const attempt = readAll(bytes);
  await expect(attempt).rejects.toBeInstanceOf(UsageError);
  await expect(attempt).rejects.toThrow(message);
});

test("refuses a header over its limit before reading it", async () => {
  const bytes = new Uint8Array(8 + MAX_HEADER_BYTES + 1).fill(32);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(MAX_HEADER_BYTES + 1), true);
  await expect(readAll(bytes)).rejects.toThrow(`a header of at most ${MAX_HEADER_BYTES} bytes`);
});

test("refuses a file that is not there, with its path", async () => {
  const attempt = SafetensorsFile.open(join(folder, "absent.safetensors"));
  await expect(attempt).rejects.toThrow(/^--input: expected a safetensors file, got .*absent/);
});

/** Bytes that the listed tensors cover, or that the header was refused as it should be. */
function coveredBytes(header: string, dataBytes: number): number | "refused" {
  try {
    const entries = parseHeader(header, dataBytes);
    return [...entries.values()].reduce((sum, { begin, end }) => sum + end - begin, 0);
  } catch (error) {
    if (error instanceof UsageError) return "refused";
    throw error;
  }
}

test("fuzz: a header of any text either parses into a cover of the bytes or is a UsageError", () => {
  const length = fc.oneof(fc.nat(12), fc.integer(), fc.double(), fc.maxSafeInteger());
  const entry = fc.record(
    {
      dtype: fc.oneof(fc.constantFrom("F32", "U8", "BF16", "toString"), fc.string(), fc.integer()),
      shape: fc.oneof(fc.array(length, { maxLength: 4 }), fc.jsonValue()),
      data_offsets: fc.oneof(fc.tuple(length, length), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const header = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .dictionary(fc.oneof(fc.string(), fc.constantFrom("__proto__", "q")), entry)
      .map((x) => JSON.stringify(x)),
  );
  fc.assert(
    fc.property(header, fc.nat(48), (given, dataBytes) => {
      expect([dataBytes, "refused"]).toContain(coveredBytes(given, dataBytes));
    }),
    { numRuns: 3000 },
  );
});

test("fuzz: a good file with any one byte changed is read or refused, never anything else", async () => {
  const good = assemble(
    json({ q: ["F32", [2], 0, 8], k: ["F16", [2, 1], 8, 12] }),
    new Uint8Array(12),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (at, flip) => {
        const bytes = good.with(at, (good[at] ?? 0) ^ flip);
        const outcome = await readAll(bytes).catch((error: unknown) => error);
        expect(outcome instanceof UsageError || !(outcome instanceof Error)).toBe(true);
      },
    ),
    { numRuns: 400 },
  );
});
