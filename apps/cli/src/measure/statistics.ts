/** The two statistics that a noisy machine leaves standing: the minimum and the median. */

export const minimum = (values: readonly number[]): number =>
  values.reduce((least, value) => Math.min(least, value), Infinity);

/** NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** To a number of significant digits, so that JSON carries figures and not noise. */
export const rounded = (value: number, digits = 4): number => Number(value.toPrecision(digits));

export const roundedOrNull = (value: number | null, digits = 4): number | null =>
  value === null ? null : rounded(value, digits);
