/** Numbers for people: three significant digits and a unit. */

const significant = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** Milliseconds, for example `0.12 ms`, `34.5 ms`, `1.20 s`. */
export const formatMs = (ms: number): string =>
  ms >= 1000 ? `${significant(ms / 1000)} s` : `${significant(ms)} ms`;

/** For example `42.1`; GFLOP/s or any other figure without a unit. */
export const formatFigure = (value: number): string => significant(value);

/** A share of one, for example `46.9 %`. */
export const formatPercent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** For example `3.42x`. */
export const formatRatio = (ratio: number): string => `${significant(ratio)}x`;

const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** For example `512 B`, `1.50 MiB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value.toFixed(0) : significant(value)} ${units[power] ?? "B"}`;
}

/** For example `1,048,576`. */
export const formatCount = (count: number): string => count.toLocaleString("en-US");

/** An error of a comparison, for example `1.2e-7`; exact zero is `0`. */
export const formatError = (error: number): string => (error === 0 ? "0" : error.toExponential(1));
