/** What the variants on images and videos share: windows along one axis, and orders of the tokens of a grid. */
import { rangeError } from "../errors.ts";
import { checkInteger } from "./validate.ts";

/**
 * Whether `kv` lies in the window of `2 * half + 1` around `q`, along an axis of `length`. Near the border the window moves
 * inwards instead of shrinking, so that every query has as many keys. Captured by masks, so it has no free variables.
 */
export const inWindow = (q: number, kv: number, length: number, half: number): boolean =>
  Math.abs(Math.min(Math.max(q, half), length - 1 - half) - kv) <= half;

/** Half of an odd window, without its middle. @throws TypeError, RangeError  not odd, or longer than the axis */
export function halfOf(name: string, window: number, length: number): number {
  checkInteger(name, window, { least: 1, most: length, remedy: "make the window fit the grid" });
  if (window % 2 === 1) return (window - 1) / 2;
  const remedy = `write ${window - 1} or ${window + 1}, which have the query in their middle`;
  throw rangeError({ name, expected: "an odd integer", got: String(window), remedy });
}

/** How often `part` fits into `whole`. @throws TypeError, RangeError  not an integer, or it leaves a rest */
export function timesIn(name: string, part: number, whole: number): number {
  checkInteger(name, part, { least: 1, most: whole });
  if (whole % part === 0) return whole / part;
  const remedy = "pad the grid to whole tiles";
  throw rangeError({ name, expected: `a divisor of ${whole}`, got: String(part), remedy });
}

/** Pixels of a grid in the order of a key, as row-major pixel numbers. */
function sortedPixels(pixels: number, keyOf: (pixel: number) => number): Int32Array {
  const keys = Float64Array.from({ length: pixels }, (_, pixel) => keyOf(pixel));
  return Int32Array.from(keys.keys()).sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
}

/**
 * Tile by tile, row-major in each: element i is the row-major pixel number of the token at position i. Permute
 * tokens by it before `natten2dTiled` and `slidingTile2d`, so that neighbours share blocks.
 *
 * @throws TypeError, RangeError  the tile does not divide the grid
 */
export function tiledOrder(
  [height, width]: readonly [number, number],
  [tileHeight, tileWidth]: readonly [number, number],
): Int32Array {
  timesIn("tile height", tileHeight, height);
  const across = timesIn("tile width", tileWidth, width);
  return sortedPixels(height * width, (pixel) => {
    const [y, x] = [Math.floor(pixel / width), pixel % width];
    const tile = Math.floor(y / tileHeight) * across + Math.floor(x / tileWidth);
    return (tile * tileHeight + (y % tileHeight)) * tileWidth + (x % tileWidth);
  });
}

/** Bits of the row and column taken in turns; below 2^26 positions per axis. */
function mortonCode(y: number, x: number): number {
  let code = 0;
  for (let bit = 0; bit < 26; bit++) {
    code += (Math.floor(x / 2 ** bit) % 2) * 4 ** bit;
    code += (Math.floor(y / 2 ** bit) % 2) * 2 * 4 ** bit;
  }
  return code;
}

/**
 * Along the Z-curve: element i is the row-major pixel number of the token at position i. Any height and width.
 *
 * @see Morton, "A computer oriented geodetic data base" (1966)
 */
export function mortonOrder([height, width]: readonly [number, number]): Int32Array {
  checkInteger("height", height, { least: 1 });
  checkInteger("width", width, { least: 1 });
  return sortedPixels(height * width, (pixel) =>
    mortonCode(Math.floor(pixel / width), pixel % width),
  );
}
