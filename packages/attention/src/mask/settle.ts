/**
 * Settles boxes that intervals leave undecided: whether each holds only true, only false, or both.
 *
 * Most boxes that a boundary crosses show both at two opposite corners, and a finely patterned box
 * shows both at some points spread over it; a point is a box too, so all boxes are looked at in one
 * batch. What is left is explored, until one true and one false have been seen.
 */
import { ALWAYS, MAYBE, NEVER } from "../ir/intervals.ts";
import { BoxList } from "./box-list.ts";
import type { Decider } from "./decide.ts";
import { createExplorer, type Explorer } from "./explore.ts";

/**
 * Replaces each MAYBE in `boxes.verdict` that is not a mixture; those that stay hold both values.
 */
export type Settler = (boxes: BoxList) => void;

/** Where to look: fractions of the way from q0 to q1, and from kv0 to kv1. */
interface Point {
  readonly down: number;
  readonly right: number;
}

/** Points that fill the box evenly without lying on lines, so that no period hides between them. */
const spread = (count: number): readonly Point[] =>
  Array.from({ length: count }, (_, i) => ({
    down: (i + 0.5) / count,
    right: (i * 0.6180339887) % 1,
  }));

/** One look after another, at the boxes that the looks before have not shown to be mixtures. */
const LOOKS: readonly (readonly Point[])[] = [
  [
    { down: 0, right: 1 },
    { down: 1, right: 0 },
  ],
  [
    { down: 0, right: 0 },
    { down: 1, right: 1 },
  ],
  spread(32),
];

/** What a point with verdict NEVER, ALWAYS or MAYBE adds to what its box has shown. */
const SHOWS: readonly number[] = [1, 2, 0];
const BOTH = 3;

export function createSettler(decider: Decider): Settler {
  const points = new BoxList();
  const explore = createExplorer(decider);

  /** Returns the boxes of `open`, by number, that are not yet known to be mixtures. */
  const look = (
    boxes: BoxList,
    open: Int32Array,
    shown: Uint8Array,
    at: readonly Point[],
  ): Int32Array => {
    points.length = 0;
    for (const box of open) {
      const q0 = boxes.q0[box] ?? 0;
      const kv0 = boxes.kv0[box] ?? 0;
      const height = (boxes.q1[box] ?? 0) - q0;
      const width = (boxes.kv1[box] ?? 0) - kv0;
      for (const { down, right } of at) {
        const q = q0 + Math.round(height * down);
        const kv = kv0 + Math.round(width * right);
        points.push(q, q, kv, kv);
      }
    }
    decider.decide(points);
    let next = 0;
    return open.filter((box) => {
      let seen = shown[box] ?? 0;
      for (const end = next + at.length; next < end; next++) {
        seen |= SHOWS[points.verdict[next] ?? MAYBE] ?? 0;
      }
      shown[box] = seen;
      return seen !== BOTH;
    });
  };

  return (boxes) => {
    const shown = new Uint8Array(boxes.length);
    let open = boxes.numbersOf(MAYBE);
    for (const at of LOOKS) open = look(boxes, open, shown, at);
    for (const box of open) boxes.verdict[box] = settled(boxes, box, explore);
  };
}

function settled(boxes: BoxList, at: number, explore: Explorer): number {
  const { q0, q1, kv0, kv1 } = boxes;
  let seen = 0;
  explore(q0[at] ?? 0, q1[at] ?? 0, kv0[at] ?? 0, kv1[at] ?? 0, (value) => {
    seen |= value ? 2 : 1;
    return seen === BOTH;
  });
  return seen === BOTH ? MAYBE : seen === 2 ? ALWAYS : NEVER;
}
