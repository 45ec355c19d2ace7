/** Which bytes of a launch's tensors one part touches, and where they lie in the arena. */
import { type KeyRange, keyRange, type Masking } from "../../schedule/mask-rows.ts";
import type { Part } from "../../schedule/parts.ts";
import type { Shape } from "../device.ts";
import type { Arena } from "./arena.ts";

/** Part of a staged f32 tensor: `bytes` from `origin` on, counted from the tensor's first element. */
export interface Span {
  readonly origin: number;
  readonly bytes: number;
}

/** Rows of query, out, lse and max; `width` elements each. */
export function rowSpan({ Hq, M }: Shape, part: Part, width: number): Span {
  const origin = (part.b0 * Hq + part.h0) * M + part.first;
  const end = ((part.b1 - 1) * Hq + part.h1 - 1) * M + part.last;
  return { origin: origin * width * 4, bytes: (end - origin) * width * 4 };
}

/** Rows of key and value. */
export function keySpan({ Hkv, N }: Shape, part: Part, keys: KeyRange, width: number): Span {
  const origin = (part.b0 * Hkv + part.g0) * N + keys.start;
  const end = ((part.b1 - 1) * Hkv + part.g1 - 1) * N + keys.end;
  return { origin: origin * width * 4, bytes: Math.max(end - origin, 0) * width * 4 };
}

/** From the first to the last key that any row of this part lists. */
export function keysOfPart(masking: Masking, part: Part): KeyRange {
  let [start, end] = [Infinity, 0];
  for (let b = part.b0; b < part.b1; b++) {
    const keys = keyRange(masking, { ...part, b });
    if (keys.start >= keys.end) continue;
    start = Math.min(start, keys.start);
    end = Math.max(end, keys.end);
  }
  return { start: Math.min(start, end), end };
}

/**
 * Reserves a span and returns the address of its tensor's first element, which may lie outside the memory: kernels add the
 * distance to the span back, in the same arithmetic modulo 2^32. Never 0, which would mean "absent".
 */
export function placeSpan(arena: Arena, { origin, bytes }: Span): number {
  const base = arena.allocate(bytes + 64) - origin;
  return base % 2 ** 32 === 0 ? base + 64 : base;
}
