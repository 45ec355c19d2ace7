/** The elements of a tensor as numbers, whatever holds them. */
import type { Tensor } from "../tensor.ts";

const floatBits = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of an f32. */
function fromBfloat16(bits: number): number {
  floatBits.setUint32(0, bits << 16);
  return floatBits.getFloat32(0);
}

/** IEEE half precision: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** Reads `tensor.data[at]` as a number; a bool is 0 or 1. */
export function elementReader(tensor: Tensor): (at: number) => number {
  const { data, dtype } = tensor;
  const raw = (at: number): number => data[at] ?? 0;
  if (!(data instanceof Uint16Array)) return raw;
  const decode = dtype === "bf16" ? fromBfloat16 : fromFloat16;
  return (at) => decode(raw(at));
}
