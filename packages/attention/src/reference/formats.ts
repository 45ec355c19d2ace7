/**
 * The storage formats, spelled out: what their bits mean, and how a real number rounds into them.
 *
 * Written from IEEE 754 in plain arithmetic, and shared with no kernel and no packing routine, so that the two can
 * disagree. Rounding is to nearest, ties to even.
 */
import { internalError } from "../errors.ts";
import type { FloatType, Tensor } from "../tensor.ts";

interface Format {
  /** Bits after the binary point. */
  readonly fraction: number;
  /** Exponent of the smallest normal number; below it the spacing stays the same. */
  readonly minExponent: number;
  readonly maxExponent: number;
}

const formats: { readonly [K in FloatType]: Format } = {
  f32: { fraction: 23, minExponent: -126, maxExponent: 127 },
  f16: { fraction: 10, minExponent: -14, maxExponent: 15 },
  bf16: { fraction: 7, minExponent: -126, maxExponent: 127 },
};

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);
/** Which half of a double holds sign and exponent on this machine. */
const UPPER = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0;

/** floor(log2(magnitude)) of a positive finite number, from the exponent field of its bits. */
function exponentOf(magnitude: number): number {
  double[0] = magnitude;
  return (((halves[UPPER] ?? 0) >>> 20) & 0x7ff) - 1023;
}

/** 2 ** exponent, by its bits: many times faster. */
function powerOfTwo(exponent: number): number {
  double[0] = 0;
  halves[UPPER] = (exponent + 1023) << 20;
  return double[0];
}

/** Distance between neighbours of the format around `value`: one unit in the last place. */
export function ulp(dtype: FloatType, value: number): number {
  const { fraction, minExponent, maxExponent } = formats[dtype];
  const exponent = exponentOf(Math.abs(value));
  return powerOfTwo(Math.min(Math.max(exponent, minExponent), maxExponent) - fraction);
}

/** Adding and subtracting this many units rounds a number of units to an integer, ties to even. */
const TO_INTEGER = 1.5 * 2 ** 52;

/** The nearest number of the format; ±Infinity where the magnitude is too large. */
export function roundTo(dtype: FloatType, value: number): number {
  if (dtype === "f32") return Math.fround(value);
  if (!Number.isFinite(value) || value === 0) return value;
  const { maxExponent } = formats[dtype];
  const unit = ulp(dtype, value);
  const rounded = (value / unit + TO_INTEGER - TO_INTEGER) * unit;
  if (Math.abs(rounded) >= 2 ** (maxExponent + 1)) return Math.sign(value) * Infinity;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

/** The value of a 16-bit pattern. */
export function decode(dtype: "f16" | "bf16", bits: number): number {
  const { fraction, minExponent } = formats[dtype];
  const sign = bits & 0x8000 ? -1 : 1;
  const field = (bits & 0x7fff) >>> fraction;
  const mantissa = bits & ((1 << fraction) - 1);
  if (field === (1 << (15 - fraction)) - 1) return mantissa === 0 ? sign * Infinity : NaN;
  if (field === 0) return sign * mantissa * powerOfTwo(minExponent - fraction);
  const unit = powerOfTwo(field - 1 + minExponent - fraction);
  return sign * ((1 << fraction) + mantissa) * unit;
}

/** The 16-bit pattern of the nearest number of the format. */
export function encode(dtype: "f16" | "bf16", value: number): number {
  const { fraction, minExponent } = formats[dtype];
  const infinity = (2 ** (15 - fraction) - 1) << fraction;
  if (Number.isNaN(value)) return infinity | (1 << (fraction - 1));
  const rounded = roundTo(dtype, value);
  const sign = rounded < 0 || Object.is(rounded, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(rounded);
  if (magnitude === Infinity) return sign | infinity;
  if (magnitude < 2 ** minExponent) return sign | (magnitude * 2 ** (fraction - minExponent));
  const exponent = exponentOf(magnitude);
  const mantissa = magnitude * 2 ** (fraction - exponent) - 2 ** fraction;
  return sign | ((exponent - minExponent + 1) << fraction) | mantissa;
}

/** Reads one element of a tensor's array as a number. */
export function elementReader({ data, dtype }: Tensor): (at: number) => number {
  const raw = data instanceof Uint16Array;
  const bits = raw && (dtype === "f16" || dtype === "bf16") ? dtype : null;
  return (at) => {
    const element = data[at];
    if (element === undefined) throw internalError(`element ${at} outside a checked tensor`);
    return bits === null ? element : decode(bits, element);
  };
}

/** All elements of a tensor of any rank and strides, row-major, exactly as numbers. */
export function elementsOf(tensor: Tensor): Float64Array {
  const { shape, strides, offset, size } = tensor;
  const read = elementReader(tensor);
  const out = new Float64Array(size);
  let at = 0;
  const walk = (axis: number, from: number): void => {
    const [length = 0, stride = 0] = [shape[axis], strides[axis]];
    const isLast = axis === shape.length - 1;
    for (let i = 0; i < length; i++) {
      if (isLast) out[at++] = read(from + i * stride);
      else walk(axis + 1, from + i * stride);
    }
  };
  if (shape.length === 0) out[0] = read(offset);
  else walk(0, offset);
  return out;
}
