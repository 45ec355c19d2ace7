/**
 * Where a value is computed: as seldom as what it depends on allows.
 *
 *     head      b and h only               once per (batch, head)
 *     row       and q                      once per query row
 *     column    b, h and kv                once per key, shared by all rows
 *     tile      q and the tile's kvBase    once per row and tile: what is affine in kv starts there
 *     element   q and kv, or the score     once per score
 */

export const levels = ["head", "row", "column", "tile", "element"] as const;

export type Level = (typeof levels)[number];

/** As bits, so that what depends on two things is their union. */
const HEAD = 0;
const ROW = 1;
const COLUMN = 2;
const TILE = 4;
const ELEMENT = 8;

const bits: { readonly [K in Level]: number } = {
  head: HEAD,
  row: ROW,
  column: COLUMN,
  tile: TILE | ROW,
  element: ELEMENT,
};

const levelOf = (union: number): Level => {
  if (union === HEAD) return "head";
  if (union === ROW) return "row";
  if (union === COLUMN) return "column";
  return (union & ~(TILE | ROW)) === 0 ? "tile" : "element";
};

/** The most seldom level at which all of these are known. */
export const joinLevels = (some: readonly Level[]): Level =>
  levelOf(some.reduce((union, level) => union | bits[level], HEAD));

/** Levels whose values a level can read, most seldom first. */
export const known: { readonly [K in Level]: readonly Level[] } = {
  head: [],
  row: ["head"],
  column: ["head"],
  tile: ["head", "row"],
  element: ["head", "row", "column", "tile"],
};
