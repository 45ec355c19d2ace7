/**
 * When a kernel's result is right: three runs, and a budget that the unfused computation sets.
 *
 *   err(kernel) <= 2 * err(same dtype) + 2 ulps of the output's dtype at max|float64|
 *
 * for the mean and for the maximum of the absolute error over all elements. Where float64 gives NaN or an infinity the
 * kernel gives the same, and nowhere else. No number in here is tuned: the factor allows a kernel another order of
 * summation, the ulps its last rounding.
 */
import { ulp } from "../reference/formats.ts";
import type { FloatType } from "../tensor.ts";

export const FACTOR = 2;
export const ULPS = 2;

/** The same elements from three computations. */
export interface ThreeRuns {
  /** For the message: `out`, `lse`, `max`. */
  readonly name: string;
  /** Storage of the result: sets the ulp. */
  readonly dtype: FloatType;
  readonly exact: Float64Array;
  readonly sameDtype: Float64Array;
  readonly kernel: Float64Array;
}

/** Mean and largest absolute error, and where the largest is. */
export interface Spread {
  readonly mean: number;
  readonly max: number;
  readonly at: number;
}

export interface Verdict extends ThreeRuns {
  readonly kernelError: Spread;
  readonly sameDtypeError: Spread;
  /** Rounding band: 2 ulps at the largest exact magnitude. */
  readonly band: number;
  /** One sentence with every number, or null where the kernel passes. */
  readonly problem: string | null;
}

/** Judges a kernel's elements. */
export function judge(runs: ThreeRuns): Verdict {
  const { name, dtype, exact, sameDtype, kernel } = runs;
  const band = ULPS * ulp(dtype, largestFinite(exact));
  const kernelError = spread(exact, kernel);
  const sameDtypeError = spread(exact, sameDtype);
  const verdict = { ...runs, kernelError, sameDtypeError, band };
  const mismatch = patternMismatch(runs);
  if (mismatch !== null) return { ...verdict, problem: `${name}: ${mismatch}` };
  const over = (["mean", "max"] as const).filter(
    (kind) => !(kernelError[kind] <= FACTOR * sameDtypeError[kind] + band),
  );
  return { ...verdict, problem: over.length === 0 ? null : overBudget(verdict, over) };
}

function largestFinite(values: Float64Array): number {
  let largest = 0;
  for (const value of values) {
    const magnitude = Math.abs(value);
    if (magnitude > largest && magnitude < Infinity) largest = magnitude;
  }
  return largest;
}

function spread(exact: Float64Array, actual: Float64Array): Spread {
  let sum = 0;
  let max = 0;
  let at = 0;
  let count = 0;
  for (let i = 0; i < exact.length; i++) {
    const wanted = exact[i] ?? NaN;
    if (!Number.isFinite(wanted)) continue;
    const error = Math.abs((actual[i] ?? NaN) - wanted);
    count++;
    sum += error;
    if (error <= max) continue;
    max = error;
    at = i;
  }
  return { mean: count === 0 ? 0 : sum / count, max, at };
}

/** NaN and each infinity are kinds of their own; every finite number is one kind. */
const samePattern = (a: number, b: number): boolean =>
  Number.isFinite(a) ? Number.isFinite(b) : Object.is(a, b);

function firstOddOne(exact: Float64Array, values: Float64Array): number {
  for (let i = 0; i < exact.length; i++) {
    if (!samePattern(exact[i] ?? NaN, values[i] ?? NaN)) return i;
  }
  return -1;
}

function patternMismatch({ exact, sameDtype, kernel }: ThreeRuns): string | null {
  if (kernel.length !== exact.length)
    return `expected ${exact.length} elements, got ${kernel.length}`;
  const wrong = firstOddOne(exact, kernel);
  if (wrong >= 0) {
    return `element ${wrong}: expected ${exact[wrong]} (float64), got ${kernel[wrong]} (kernel)`;
  }
  const unfair = firstOddOne(exact, sameDtype);
  if (unfair < 0) return null;
  return `element ${unfair}: the same-dtype reference gives ${sameDtype[unfair]} where float64 gives ${exact[unfair]}; the case tests nothing`;
}

function overBudget(verdict: Omit<Verdict, "problem">, over: readonly string[]): string {
  const { name, kernelError, sameDtypeError, band, exact, sameDtype, kernel } = verdict;
  const { at } = kernelError;
  const figures = (["mean", "max"] as const).map((kind) => {
    const allowed = FACTOR * sameDtypeError[kind] + band;
    return `${kind} error ${precise(kernelError[kind])} of ${precise(allowed)} allowed (same dtype ${precise(sameDtypeError[kind])}, band ${precise(band)})`;
  });
  const element = `element ${at}: float64 ${exact[at]}, same dtype ${sameDtype[at]}, kernel ${kernel[at]}`;
  return `${name}: ${over.join(" and ")} over budget; ${figures.join("; ")}; ${element}`;
}

const precise = (error: number): string => error.toExponential(3);
