/**
 * Work of a device that takes tiles of queries and steps of keys from lists: which steps each tile visits, and in which order tiles
 * are begun.
 *
 * A step is `keys` keys in one go. It is *whole* where all its keys are attended to by all rows of the tile, else *masked*: then
 * the kernel asks the mask for each score. Keys of a masked step that nobody listed are masked too, so a step may reach past
 * the end of a run. A tile may span several rows of blocks; its steps cover what any of them lists.
 */
import { type BlockMask, FULL, RUN, RUN_STRIDE } from "../mask/block-mask.ts";
import type { Shape } from "../runtime/device.ts";
import type { Masking } from "./mask-rows.ts";

export interface TileSteps {
  /** Query rows of a tile, keys of a step. */
  readonly queries: number;
  readonly keys: number;
  /** Heads, counted as b * Hq + h, whose tiles are neighbours in the order: see `headGroup`. */
  readonly headGroup: number;
}

/** Words of an item: batch element, query head, first row, end of rows; first span, masked steps, whole steps, 0. */
export const ITEM_WORDS = 8;

/** Words of a span: first key, number of steps, end of keys that count, first block in the mask's bits or -1. */
export const SPAN_WORDS = 4;

export interface TileWork {
  /**
   * `ITEM_WORDS` each, in the order in which they are to be begun: stretches of `headGroup` heads; within each the longest
   * first, the heads of one tile side by side.
   */
  readonly items: Int32Array;
  /**
   * `SPAN_WORDS` each. An item's masked steps come first, then its whole ones; spans from the last key to the first, and steps
   * within a span too, so that the step that passes the last existing key is the first of all.
   */
  readonly spans: Int32Array;
}

/** Bytes of keys and values that stay in an NVIDIA GPU's L2 cache (50 MB) beside what else passes through. */
const CACHED_BYTES = 16 * 2 ** 20;

/** As many heads as have their keys and values in the cache together; a multiple of the heads that share them. */
export function headGroup({ B, Hq, Hkv, N, D, Dv }: Shape, elementBytes: number): number {
  const bytes = Math.max(N * (D + Dv) * elementBytes, 1);
  const planes = Math.min(Math.max(Math.floor(CACHED_BYTES / bytes), 1), B * Hkv);
  return planes * (Hq / Hkv);
}

/** A range of keys that some row of the tile lists; `bits` is its first block, where the mask is bits. */
interface Segment {
  readonly start: number;
  readonly end: number;
  readonly full: boolean;
  readonly bits: number;
}

/** The runs of rows of blocks [row, end) of a plane, cut where any begins or ends; full where all of them are. */
function segmentsOf(mask: BlockMask, row: number, end: number, length: number): Segment[] {
  const events: { readonly at: number; readonly listed: number; readonly full: number }[] = [];
  let bits = new Map<number, number>();
  for (let run = mask.rowStart[row] ?? 0; run < (mask.rowStart[end] ?? 0); run++) {
    const from = run * RUN_STRIDE;
    const start = mask.runs[from + RUN.start] ?? 0;
    const stop = Math.min(mask.runs[from + RUN.end] ?? 0, length);
    if (start >= stop) continue;
    const full = mask.runs[from + RUN.kind] === FULL ? 1 : 0;
    events.push({ at: start, listed: 1, full }, { at: stop, listed: -1, full: -full });
    bits = bits.set(start, mask.runs[from + RUN.bits] ?? -1);
  }
  events.sort((a, b) => a.at - b.at);
  const segments: Segment[] = [];
  let [listed, full] = [0, 0];
  events.forEach((event, i) => {
    listed += event.listed;
    full += event.full;
    const next = events[i + 1]?.at ?? event.at;
    if (listed === 0 || next === event.at) return;
    const isFull = full === end - row;
    const last = segments.at(-1);
    // With bits every run keeps a span of its own: there is one row of blocks, and runs do not overlap.
    if (mask.bits === null && last?.end === event.at && last.full === isFull) {
      segments[segments.length - 1] = { ...last, end: next };
    } else {
      segments.push({ start: event.at, end: next, full: isFull, bits: bits.get(event.at) ?? -1 });
    }
  });
  return segments;
}

interface Span {
  readonly key: number;
  readonly steps: number;
  readonly limit: number;
  readonly bits: number;
}

interface Steps {
  readonly masked: Span[];
  readonly whole: Span[];
}

/** Adds a step, to the span before it where that goes on. */
function addStep(spans: Span[], key: number, keys: number, steps: number, limit: number): void {
  const last = spans.at(-1);
  if (last !== undefined && last.key + last.steps * keys === key) {
    spans[spans.length - 1] = { ...last, steps: last.steps + steps };
  } else {
    spans.push({ key, steps, limit, bits: -1 });
  }
}

/** Steps over segments by rising key, each from the first key that none has visited. */
function stepsByFunction(segments: readonly Segment[], keys: number, limit: number): Steps {
  const result: Steps = { masked: [], whole: [] };
  let visited = 0;
  for (const { start, end, full } of segments) {
    let key = Math.max(start, visited);
    if (full && end - key >= keys) {
      const steps = Math.floor((end - key) / keys);
      addStep(result.whole, key, keys, steps, limit);
      key += steps * keys;
    }
    if (key < end) {
      const steps = Math.ceil((end - key) / keys);
      addStep(result.masked, key, keys, steps, limit);
      key += steps * keys;
    }
    visited = Math.max(visited, key);
  }
  return result;
}

/** Steps that stay inside one run each, because its bits are counted from its first key. */
function stepsByBits(segments: readonly Segment[], keys: number): Steps {
  const result: Steps = { masked: [], whole: [] };
  for (const { start, end, full, bits } of segments) {
    const whole = full ? Math.floor((end - start) / keys) : 0;
    const key = start + whole * keys;
    if (whole > 0) result.whole.push({ key: start, steps: whole, limit: end, bits: -1 });
    const steps = Math.ceil((end - key) / keys);
    if (steps > 0) result.masked.push({ key, steps, limit: end, bits: full ? -1 : bits });
  }
  return result;
}

/** The lists of one tile: where its spans begin, and how many steps of each kind they are. */
interface TilePlan {
  readonly first: number;
  readonly end: number;
  readonly span: number;
  readonly masked: number;
  readonly whole: number;
}

const count = (spans: readonly Span[]): number => spans.reduce((sum, { steps }) => sum + steps, 0);

/** All tiles of one plane of the mask; spans go to the end of `words`. */
function planTiles(
  mask: BlockMask,
  plane: number,
  length: number,
  { queries, keys }: TileSteps,
  words: number[],
): TilePlan[] {
  const { M, blockQ, rows, bits } = mask;
  const plans: TilePlan[] = [];
  for (let first = 0; first < M;) {
    const row = Math.floor(first / blockQ);
    // The bits of two rows of blocks do not lie side by side.
    const end = Math.min(first + queries, M, bits === null ? M : (row + 1) * blockQ);
    const last = Math.ceil(end / blockQ);
    const segments = segmentsOf(mask, plane * rows + row, plane * rows + last, length);
    const { masked, whole } =
      bits === null ? stepsByFunction(segments, keys, length) : stepsByBits(segments, keys);
    const span = words.length / SPAN_WORDS;
    for (const each of [...masked.toReversed(), ...whole.toReversed()]) {
      words.push(each.key, each.steps, each.limit, each.bits);
    }
    plans.push({ first, end, span, masked: count(masked), whole: count(whole) });
    first = end;
  }
  return plans;
}

/**
 * Items and spans of a launch with a block mask. Cost: O(runs + items log items); made once for a mask and a shape.
 */
export function tileWork(
  { B, Hq }: Pick<Shape, "B" | "Hq">,
  { mask, kvLength }: { readonly mask: BlockMask; readonly kvLength: Masking["kvLength"] },
  tiling: TileSteps,
): TileWork {
  const spans: number[] = [];
  const planes = new Map<string, TilePlan[]>();
  const plansOf = (b: number, h: number): TilePlan[] => {
    const plane = (mask.B === 1 ? 0 : b) * mask.H + (mask.H === 1 ? 0 : h);
    const length = kvLength[b] ?? 0;
    const key = `${plane} ${length}`;
    const known = planes.get(key);
    if (known !== undefined) return known;
    const plans = planTiles(mask, plane, length, tiling, spans);
    planes.set(key, plans);
    return plans;
  };
  const words: number[] = [];
  for (let from = 0; from < B * Hq; from += tiling.headGroup) {
    const stretch: { readonly head: number; readonly plan: TilePlan }[] = [];
    for (let head = from; head < Math.min(from + tiling.headGroup, B * Hq); head++) {
      for (const plan of plansOf(Math.floor(head / Hq), head % Hq)) stretch.push({ head, plan });
    }
    stretch.sort(longestFirst);
    for (const { head, plan } of stretch) {
      const { first, end, span, masked, whole } = plan;
      words.push(Math.floor(head / Hq), head % Hq, first, end, span, masked, whole, 0);
    }
  }
  return { items: Int32Array.from(words), spans: Int32Array.from(spans) };
}

interface Placed {
  readonly head: number;
  readonly plan: TilePlan;
}

/** By falling steps; the same tile of several heads stays together. */
const longestFirst = (a: Placed, b: Placed): number =>
  b.plan.masked + b.plan.whole - (a.plan.masked + a.plan.whole) ||
  a.plan.first - b.plan.first ||
  a.head - b.head;
