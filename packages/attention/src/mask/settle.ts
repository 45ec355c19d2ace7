/**
 * Settles boxes that intervals leave undecided: whether each holds only true, only false, or both.
 *
 * Most boxes that a boundary crosses show both at their corners, and a corner is a box too. What is
 * left is explored, until one true and one false have been seen.
 */
import { ALWAYS, MAYBE, NEVER } from "../ir/intervals.ts";
import { BoxList } from "./box-list.ts";
import type { Decider } from "./decide.ts";
import { createExplorer, type Explorer } from "./explore.ts";

/**
 * Replaces each MAYBE in `boxes.verdict` that is not a mixture; those that stay hold both values.
 */
export type Settler = (boxes: BoxList) => void;

/** What a box has shown so far. */
const SEEN: readonly number[] = Object.values({ [NEVER]: 1, [ALWAYS]: 2, [MAYBE]: 0 });
const BOTH = 3;

export function createSettler(decider: Decider): Settler {
  const corners = new BoxList();
  const explore = createExplorer(decider);

  /**
   * Looks at two opposite corners of each box in `open` and returns those not yet known to be
   * mixtures.
   */
  const look = (
    boxes: BoxList,
    open: Int32Array,
    seen: Uint8Array,
    rising: boolean,
  ): Int32Array => {
    const { q0, q1 } = boxes;
    const [kvOfQ0, kvOfQ1] = rising ? [boxes.kv1, boxes.kv0] : [boxes.kv0, boxes.kv1];
    corners.length = 0;
    for (const at of open) {
      corners.push(q0[at] ?? 0, q0[at] ?? 0, kvOfQ0[at] ?? 0, kvOfQ0[at] ?? 0);
      corners.push(q1[at] ?? 0, q1[at] ?? 0, kvOfQ1[at] ?? 0, kvOfQ1[at] ?? 0);
    }
    decider.decide(corners);
    const { verdict } = corners;
    return open.filter((at, i) => {
      const both = (SEEN[verdict[2 * i] ?? MAYBE] ?? 0) | (SEEN[verdict[2 * i + 1] ?? MAYBE] ?? 0);
      seen[at] = (seen[at] ?? 0) | both;
      return seen[at] !== BOTH;
    });
  };

  return (boxes) => {
    const seen = new Uint8Array(boxes.length);
    const undecided = boxes.numbersOf(MAYBE);
    const mixedApart = look(boxes, undecided, seen, true);
    for (const at of look(boxes, mixedApart, seen, false)) {
      boxes.verdict[at] = settled(boxes, at, explore);
    }
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
