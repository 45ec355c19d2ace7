import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry, GalleryShape } from "./gallery-entry.ts";
import { halfOf, inWindow, mortonOrder, timesIn } from "./neighbourhood.ts";
import { checkInteger } from "./validate.ts";

/** An image of height x width tokens, and the window around each. */
export interface Neighbourhood {
  /** Unit: tokens. */
  readonly height: number;
  /** Unit: tokens. */
  readonly width: number;
  /** Side of the window, odd, at most height and width. Unit: tokens. */
  readonly kernel: number;
}

function checkGrid({ height, width, kernel }: Neighbourhood): number {
  checkInteger("height", height, { least: 1 });
  checkInteger("width", width, { least: 1 });
  return halfOf("kernel", kernel, Math.min(height, width));
}

/**
 * Neighbourhood attention on an image, tokens row by row: each token sees the kernel x kernel tokens around it.
 *
 *   attends = |clamp(y_q) - y_kv| <= half  and  |clamp(x_q) - x_kv| <= half,   half = (kernel - 1) / 2
 *
 * At the border the window moves inwards, so that every token sees kernel^2 tokens. Row-major order spreads a window
 * over many blocks; `natten2dTiled` and `natten2dMorton` are the same attention on reordered tokens.
 *
 * @throws TypeError, RangeError  a length below 1, or a kernel that is even or does not fit
 * @see Hassani et al., "Neighborhood attention transformer" (2023)
 */
export function natten2d(grid: Neighbourhood): MaskMod {
  const half = checkGrid(grid);
  const { height, width } = grid;
  return maskMod(
    { height, width, half, inWindow },
    ({ height, width, half, inWindow }) =>
      ({ q, kv }) =>
        inWindow(Math.floor(q / width), Math.floor(kv / width), height, half) &&
        inWindow(q % width, kv % width, width, half),
  );
}

/**
 * Neighbourhood attention, tokens in `tiledOrder([height, width], [tile, tile])`: a window touches few tiles.
 *
 * @param tile  side of a tile, a divisor of height and width. Unit: tokens
 * @throws TypeError, RangeError  as `natten2d`, or a tile that does not divide the grid
 * @see Hassani et al., "Faster neighborhood attention" (2024), on token permutation
 */
export function natten2dTiled(grid: Neighbourhood & { readonly tile: number }): MaskMod {
  const half = checkGrid(grid);
  const { height, width, tile } = grid;
  timesIn("tile", tile, height);
  const across = timesIn("tile", tile, width);
  return maskMod(
    { height, width, half, tile, across, inWindow },
    ({ height, width, half, tile, across, inWindow }) => {
      const area = tile * tile;
      const rowOf = (at: number): number =>
        Math.floor(Math.floor(at / area) / across) * tile + Math.floor((at % area) / tile);
      const columnOf = (at: number): number =>
        (Math.floor(at / area) % across) * tile + (at % tile);
      return ({ q, kv }) =>
        inWindow(rowOf(q), rowOf(kv), height, half) &&
        inWindow(columnOf(q), columnOf(kv), width, half);
    },
  );
}

/**
 * Neighbourhood attention, tokens in `mortonOrder([height, width])`: blocks of any size are compact in both directions.
 *
 * @throws TypeError, RangeError  as `natten2d`
 * @see Morton, "A computer oriented geodetic data base" (1966), for the curve
 */
export function natten2dMorton(grid: Neighbourhood): MaskMod {
  const half = checkGrid(grid);
  const { height, width } = grid;
  const order = mortonOrder([height, width]);
  const rows = order.map((pixel) => Math.floor(pixel / width));
  const columns = order.map((pixel) => pixel % width);
  return maskMod(
    { rows, columns, height, width, half, inWindow },
    ({ rows, columns, height, width, half, inWindow }) =>
      ({ q, kv }) =>
        inWindow(rows[q], rows[kv], height, half) && inWindow(columns[q], columns[kv], width, half),
  );
}

/** The smallest square grid of whole 4 x 4 tiles that holds the lengths. */
function gridFor({ M, N }: GalleryShape): Neighbourhood & { readonly tile: number } {
  const side = 4 * Math.ceil(Math.sqrt(Math.max(M, N)) / 4);
  return { height: side, width: side, kernel: 3 + 2 * Math.floor(side / 16), tile: 4 };
}

const source = "Hassani et al. 2023, arXiv 2204.07143";

export const natten2dEntry: GalleryEntry = {
  name: "natten",
  title: "NATTEN 2D",
  kind: "mask",
  causal: false,
  source,
  make: (shape) => ({ mask: natten2d(gridFor(shape)) }),
};

export const natten2dTiledEntry: GalleryEntry = {
  name: "natten-tiled",
  title: "NATTEN 2D, tiled",
  kind: "mask",
  causal: false,
  source: "Hassani et al. 2024, arXiv 2403.04690",
  make: (shape) => ({ mask: natten2dTiled(gridFor(shape)) }),
};

export const natten2dMortonEntry: GalleryEntry = {
  name: "natten-morton",
  title: "NATTEN 2D, Morton order",
  kind: "mask",
  causal: false,
  source,
  make: (shape) => ({ mask: natten2dMorton(gridFor(shape)) }),
};

/* @__PURE__ */ drawWhenRun(import.meta, natten2dEntry, natten2dTiledEntry, natten2dMortonEntry);
