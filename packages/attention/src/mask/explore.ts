/**
 * Explores a box down to rectangles that hold one value: intervals decide what they can, elements
 * the rest.
 *
 * Breadth first, so that all parts of the box are seen early; boxes of a few elements are evaluated
 * one by one.
 */
import { ALWAYS, MAYBE } from "../ir/intervals.ts";
import { BoxList } from "./box-list.ts";
import type { Decider } from "./decide.ts";

/** Boxes of at most this many elements are cheaper to evaluate than to cut. */
const FEW_ELEMENTS = 16;

/**
 * A rectangle in which every element has this value, both ends included; true ends the exploration.
 */
export type RectangleVisitor = (
  value: boolean,
  q0: number,
  q1: number,
  kv0: number,
  kv1: number,
) => boolean;

/** A box known to be undecided is told apart completely, unless `visit` ends it. */
export type Explorer = (
  q0: number,
  q1: number,
  kv0: number,
  kv1: number,
  visit: RectangleVisitor,
) => boolean;

export function createExplorer(decider: Decider): Explorer {
  const lists = [new BoxList(), new BoxList()] as const;

  const eachElement: Explorer = (q0, q1, kv0, kv1, visit) => {
    for (let q = q0; q <= q1; q++) {
      for (let kv = kv0; kv <= kv1; kv++) {
        if (visit(decider.attends(q, kv), q, q, kv, kv)) return true;
      }
    }
    return false;
  };

  /** Visits the decided boxes; cuts the others in four, into `next`. */
  const cut = (boxes: BoxList, next: BoxList, visit: RectangleVisitor): boolean => {
    next.length = 0;
    for (let at = 0; at < boxes.length; at++) {
      const q0 = boxes.q0[at] ?? 0;
      const q1 = boxes.q1[at] ?? 0;
      const kv0 = boxes.kv0[at] ?? 0;
      const kv1 = boxes.kv1[at] ?? 0;
      const verdict = boxes.verdict[at];
      if (verdict !== MAYBE) {
        if (visit(verdict === ALWAYS, q0, q1, kv0, kv1)) return true;
      } else if ((q1 - q0 + 1) * (kv1 - kv0 + 1) <= FEW_ELEMENTS) {
        if (eachElement(q0, q1, kv0, kv1, visit)) return true;
      } else {
        pushQuarters(next, q0, q1, kv0, kv1);
      }
    }
    return false;
  };

  return (q0, q1, kv0, kv1, visit) => {
    let [boxes, next] = lists;
    boxes.length = 0;
    boxes.push(q0, q1, kv0, kv1);
    boxes.verdict[0] = MAYBE;
    while (boxes.length > 0) {
      if (cut(boxes, next, visit)) return true;
      decider.decide(next);
      [boxes, next] = [next, boxes];
    }
    return false;
  };
}

function pushQuarters(list: BoxList, q0: number, q1: number, kv0: number, kv1: number): void {
  const q = q0 + ((q1 - q0) >> 1);
  const kv = kv0 + ((kv1 - kv0) >> 1);
  const wide = kv < kv1;
  list.push(q0, q, kv0, kv);
  if (wide) list.push(q0, q, kv + 1, kv1);
  if (q === q1) return;
  list.push(q + 1, q1, kv0, kv);
  if (wide) list.push(q + 1, q1, kv + 1, kv1);
}
