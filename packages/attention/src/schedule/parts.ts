/**
 * A launch as boxes of (batch elements, key heads, query heads, query rows) that are computed one after another, so that
 * what lies in a device's memory at one time stays within a budget. Rows do not depend on each other: neither do results on the cut.
 */
import type { Shape } from "../runtime/device.ts";

/** Half-open ranges. Query heads [h0, h1) belong to key heads [g0, g1); several b or g mean all heads below them. */
export interface Part {
  readonly b0: number;
  readonly b1: number;
  readonly g0: number;
  readonly g1: number;
  readonly h0: number;
  readonly h1: number;
  /** Query rows. */
  readonly first: number;
  readonly last: number;
}

export const wholeLaunch = ({ B, Hkv, Hq, M }: Shape): Part => ({
  b0: 0,
  b1: B,
  g0: 0,
  g1: Hkv,
  h0: 0,
  h1: Hq,
  first: 0,
  last: M,
});

const middle = (start: number, end: number): number => (start + end) >> 1;

type Halves = readonly [Part, Part];

function halveRows(part: Part, rowStep: number): Halves | null {
  const row = Math.ceil(middle(part.first, part.last) / rowStep) * rowStep;
  if (row <= part.first || row >= part.last) return null;
  return [
    { ...part, last: row },
    { ...part, first: row },
  ];
}

/** Outermost axis first: whole heads keep their keys staged once. */
function halve(part: Part, group: number, rowStep: number): Halves | null {
  if (part.b1 - part.b0 > 1) {
    const b = middle(part.b0, part.b1);
    return [
      { ...part, b1: b },
      { ...part, b0: b },
    ];
  }
  if (part.g1 - part.g0 > 1) {
    const g = middle(part.g0, part.g1);
    return [
      { ...part, g1: g, h1: g * group },
      { ...part, g0: g, h0: g * group },
    ];
  }
  if (rowStep === 0) return null;
  if (part.h1 - part.h0 > 1) {
    const h = middle(part.h0, part.h1);
    return [
      { ...part, h1: h },
      { ...part, h0: h },
    ];
  }
  return halveRows(part, rowStep);
}

/**
 * Halves the launch until every part fits, or cannot be cut any further.
 *
 * @param rowStep  rows are cut at multiples of this; 0 keeps all rows of a key head together (decode)
 */
export function cutIntoParts(shape: Shape, rowStep: number, fits: (part: Part) => boolean): Part[] {
  const group = shape.Hq / shape.Hkv;
  const cut = (part: Part): Part[] => {
    const halves = fits(part) ? null : halve(part, group, rowStep);
    return halves === null ? [part] : halves.flatMap(cut);
  };
  return cut(wholeLaunch(shape));
}
