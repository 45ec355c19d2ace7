import { maskMod, type MaskMod } from "../api/mods.ts";
import { drawWhenRun } from "./draw.ts";
import type { GalleryEntry } from "./gallery-entry.ts";
import { halfOf, inWindow, timesIn } from "./neighbourhood.ts";

/** An image in tiles. Tokens come tile by tile: `tiledOrder`. */
export interface SlidingTile2d {
  /** Height and width. Unit: tokens. */
  readonly grid: readonly [number, number];
  /** Height and width of a tile; they divide the grid's. Unit: tokens. */
  readonly tile: readonly [number, number];
  /** Height and width of the window, odd. Unit: tiles. */
  readonly window: readonly [number, number];
}

/** A video in tiles: frames first, then as an image. */
export interface SlidingTile3d {
  readonly grid: readonly [number, number, number];
  readonly tile: readonly [number, number, number];
  readonly window: readonly [number, number, number];
}

/**
 * Sliding tile attention on an image: the tokens of a tile see whole tiles, those in a window around their own.
 *
 *   attends = tile(kv) in the window of tile(q), which moves inwards at the border
 *
 * With a block size of one tile every block is full or empty, so no score is ever masked.
 *
 * @throws TypeError, RangeError  a tile that does not divide the grid, or a window that is even or does not fit
 * @see Zhang et al., "Fast video generation with sliding tile attention" (2025)
 */
export function slidingTile2d({ grid, tile, window }: SlidingTile2d): MaskMod {
  const [down, across] = tilesOf(grid, tile);
  const [halfDown, halfAcross] = halvesOf(window, [down, across]);
  const tokens = tile[0] * tile[1];
  return maskMod(
    { down, across, halfDown, halfAcross, tokens, inWindow },
    ({ down, across, halfDown, halfAcross, tokens, inWindow }) =>
      ({ q, kv }) => {
        const query = Math.floor(q / tokens);
        const key = Math.floor(kv / tokens);
        return (
          inWindow(Math.floor(query / across), Math.floor(key / across), down, halfDown) &&
          inWindow(query % across, key % across, across, halfAcross)
        );
      },
  );
}

/**
 * Sliding tile attention on a video: as `slidingTile2d`, with windows in time too. Tokens come tile by tile, tiles frame-major.
 *
 * @throws TypeError, RangeError  a tile that does not divide the grid, or a window that is even or does not fit
 * @see Zhang et al., "Fast video generation with sliding tile attention" (2025)
 */
export function slidingTile3d({ grid, tile, window }: SlidingTile3d): MaskMod {
  const [deep, down, across] = tilesOf(grid, tile);
  const [halfDeep, halfDown, halfAcross] = halvesOf(window, [deep, down, across]);
  const tokens = tile[0] * tile[1] * tile[2];
  return maskMod(
    { deep, down, across, halfDeep, halfDown, halfAcross, tokens, inWindow },
    ({ deep, down, across, halfDeep, halfDown, halfAcross, tokens, inWindow }) => {
      const slice = down * across;
      return ({ q, kv }) => {
        const query = Math.floor(q / tokens);
        const key = Math.floor(kv / tokens);
        const queryRow = Math.floor((query % slice) / across);
        const keyRow = Math.floor((key % slice) / across);
        return (
          inWindow(Math.floor(query / slice), Math.floor(key / slice), deep, halfDeep) &&
          inWindow(queryRow, keyRow, down, halfDown) &&
          inWindow(query % across, key % across, across, halfAcross)
        );
      };
    },
  );
}

/** Tiles along each axis. */
const tilesOf = <Lengths extends readonly number[]>(grid: Lengths, tile: Lengths): Lengths =>
  grid.map((length, axis) =>
    timesIn(`tile[${axis}]`, tile[axis] ?? NaN, length),
  ) as unknown as Lengths;

/** Half windows along each axis. */
const halvesOf = <Lengths extends readonly number[]>(window: Lengths, tiles: Lengths): Lengths =>
  window.map((size, axis) =>
    halfOf(`window[${axis}]`, size, tiles[axis] ?? NaN),
  ) as unknown as Lengths;

const source = "Zhang et al. 2025, arXiv 2502.04507";

export const slidingTile2dEntry: GalleryEntry = {
  name: "sliding-tile-2d",
  title: "Sliding tile 2D",
  kind: "mask",
  causal: false,
  source,
  make: ({ M, N }) => {
    const across = Math.max(3, Math.ceil(Math.sqrt(Math.max(M, N)) / 2));
    const grid = [2 * across, 2 * across] as const;
    return { mask: slidingTile2d({ grid, tile: [2, 2], window: [3, 3] }) };
  },
};

export const slidingTile3dEntry: GalleryEntry = {
  name: "sliding-tile-3d",
  title: "Sliding tile 3D",
  kind: "mask",
  causal: false,
  source,
  make: ({ M, N }) => {
    const frames = 3 * Math.ceil(Math.max(M, N) / 72);
    const grid = [frames, 4, 6] as const;
    return { mask: slidingTile3d({ grid, tile: [1, 2, 2], window: [3, 1, 3] }) };
  },
};

/* @__PURE__ */ drawWhenRun(import.meta, slidingTile2dEntry, slidingTile3dEntry);
