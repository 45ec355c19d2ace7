/**
 * The paper's rules said in another way, on plain integers that never wrap: what the device is
 * compared with. A line leads if nobody is ahead of it; a format is the smallest that the page has
 * not outgrown since its base was drawn.
 */
import { FULL_BYTES, LINES_PER_PAGE, UNEVEN_BYTES } from "./formats/geometry.ts";
import type { RandomSource } from "./random.ts";
import type { Capacity } from "./version-device.ts";
import { EMPTY_FLAG, PENDING_FLAG, RESET_FLAG } from "./version-device.ts";

const RING = 2 ** 27;

export type Format = "flat" | "uneven" | "full";

interface Data {
  versions: bigint[];
  /** The version that every line has reached since the page was flat; only a flat page moves it. */
  floor: bigint;
  format: Format;
}

interface Page {
  data: Data | null;
  upper: number;
  pending: number | null;
}

export type Result = { readonly value: number } | { readonly refused: string };

/** A reproducible stream of words; two sources of one seed give the same. */
export function seededWords(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // A 32-bit counter through a mixing function: every word appears once in a period.
    state = (state + 0x9e37_79b9) >>> 0;
    let word = state;
    word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
    return (word ^ (word >>> 16)) >>> 0;
  };
}

export function seededSource(seed: number): RandomSource {
  const next = seededWords(seed);
  return (words) => {
    for (let at = 0; at < words.length; at++) words[at] = next();
  };
}

export class Model {
  readonly capacity: Capacity;
  readonly #pages: Page[];
  readonly #next: () => number;
  readonly #resetBits: number;

  constructor(capacity: Capacity, seed: number, resetBits: number) {
    this.capacity = capacity;
    this.#next = seededWords(seed);
    this.#resetBits = resetBits;
    this.#pages = Array.from({ length: capacity.pages }, () => ({
      data: null,
      upper: 0,
      pending: null,
    }));
  }

  read(line: number): Result {
    const page = this.#page(line >>> 6);
    if (page === null) return { refused: "noSuchPage" };
    if (page.data === null) return { value: EMPTY_FLAG };
    const version = Number((page.data.versions[line % 64] ?? 0n) % BigInt(RING));
    return { value: version + (page.pending === null ? 0 : PENDING_FLAG) };
  }

  update(line: number): Result {
    const page = this.#page(line >>> 6);
    if (page === null) return { refused: "noSuchPage" };
    if (page.pending !== null) return { refused: "pending" };
    if (page.data === null) return { value: this.#begin(page) + RESET_FLAG };
    const { data } = page;
    const old = data.versions[line % 64] ?? 0n;
    const leads = data.versions.every((version) => version <= old);
    if (leads) {
      if (this.#dataResets() >= this.capacity.pendingResets) return { refused: "tooManyResets" };
      if (this.#next() % 2 ** this.#resetBits === 0)
        return { value: this.#begin(page) + RESET_FLAG };
    }
    const least = data.versions.reduce((low, version) => (version < low ? version : low));
    const format = formatAfter(data, old + 1n, least);
    if (format !== data.format && this.freeBytes < bytesOf[format]) return { refused: "full" };
    data.format = format;
    data.versions[line % 64] = old + 1n;
    if (data.versions.every((version) => version > data.floor)) data.floor++;
    return { value: Number((old + 1n) % BigInt(RING)) };
  }

  reset(number: number): Result {
    const page = this.#page(number);
    if (page === null) return { refused: "noSuchPage" };
    if (page.pending !== null) return { value: page.pending };
    if (page.data !== null && this.#dataResets() >= this.capacity.pendingResets) {
      return { refused: "tooManyResets" };
    }
    return { value: this.#begin(page) };
  }

  commit(number: number): Result {
    const page = this.#page(number);
    if (page === null) return { refused: "noSuchPage" };
    if (page.pending === null) return { refused: "notPending" };
    const base = BigInt(page.pending);
    const versions = Array.from({ length: LINES_PER_PAGE }, () => base);
    page.data = { versions, floor: base, format: "flat" };
    page.pending = null;
    return { value: 0 };
  }

  free(number: number, upper: number): Result {
    const page = this.#page(number);
    if (page === null) return { refused: "noSuchPage" };
    const least = page.upper + (page.pending === null ? 0 : 1);
    if (page.data === null && upper < least) return { refused: "upperBack" };
    page.data = null;
    page.pending = null;
    page.upper = upper;
    return { value: 0 };
  }

  upper(number: number): Result {
    const page = this.#page(number);
    if (page === null) return { refused: "noSuchPage" };
    return page.data === null ? { value: page.upper } : { refused: "notEmpty" };
  }

  count(format: Format | "empty"): number {
    return this.#pages.filter(({ data }) => (data?.format ?? "empty") === format).length;
  }

  get pendingResets(): number {
    return this.#pages.filter(({ pending }) => pending !== null).length;
  }

  get freeBytes(): number {
    const used = this.count("uneven") * UNEVEN_BYTES + this.count("full") * FULL_BYTES;
    return this.capacity.dynamicBytes - used;
  }

  #page(number: number): Page | null {
    return this.#pages[number] ?? null;
  }

  #begin(page: Page): number {
    page.pending = this.#next() % RING;
    return page.pending;
  }

  #dataResets(): number {
    return this.#pages.filter(({ data, pending }) => data !== null && pending !== null).length;
  }
}

const bytesOf: Readonly<Record<Format, number>> = {
  flat: 0,
  uneven: UNEVEN_BYTES,
  full: FULL_BYTES,
};

/** Strides of 1 and 127: what one bit and seven bits can say. */
function formatAfter({ format, floor }: Data, version: bigint, least: bigint): Format {
  if (format === "flat" && version - floor <= 1n) return "flat";
  if (format !== "full" && version - least <= 127n) return "uneven";
  return "full";
}
