/** Short names for the instructions that the templates are made of. */
import { i32, load, op } from "./asm/expression.ts";
import type { F32, I32, V128 } from "./asm/expression.ts";

export const add = (a: V128, b: V128): V128 => op("f32x4.add", a, b);
export const sub = (a: V128, b: V128): V128 => op("f32x4.sub", a, b);
export const mul = (a: V128, b: V128): V128 => op("f32x4.mul", a, b);
export const div = (a: V128, b: V128): V128 => op("f32x4.div", a, b);

/** a where it is larger, or where either is NaN: keeps a NaN of `a`, ignores one of `b`. One instruction. */
export const larger = (a: V128, b: V128): V128 => op("f32x4.pmax", a, b);

/** mask ? a : b, bit by bit. */
export const choose = (mask: V128, a: V128, b: V128): V128 => op("v128.bitselect", a, b, mask);

export const splat = (value: F32): V128 => op("f32x4.splat", value);
export const splatWord = (value: I32): V128 => op("i32x4.splat", value);

/** Integer sums and products; constants fold, so that addresses read well and cost nothing. */
export function plus(a: I32, b: I32 | number): I32 {
  if (typeof b === "number") return b === 0 ? a : op("i32.add", a, i32(b));
  return op("i32.add", a, b);
}

export function times(a: I32, b: I32 | number): I32 {
  if (typeof b !== "number") return op("i32.mul", a, b);
  const shift = Math.log2(b);
  if (b === 1) return a;
  return Number.isInteger(shift) ? op("i32.shl", a, i32(shift)) : op("i32.mul", a, i32(b));
}

/** Word `word` of the block at `base`. */
export const wordAt = (base: I32, word: number): I32 => load("i32.load", base, word * 4);
export const floatAt = (base: I32, word: number): F32 => load("f32.load", base, word * 4);
