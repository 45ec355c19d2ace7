/** What a block mask is built from: a mask function as verdicts on boxes and as single answers. */
import { compileElement } from "../ir/evaluate.ts";
import type { CaptureValues, Expression, Node } from "../ir/types.ts";
import type { BoxList } from "./box-list.ts";
import { IntervalBatch } from "./interval-batch.ts";

/** A mask function at one (batch, head); positions are absolute. */
export interface Decider {
  /**
   * Writes a verdict on every box. MAYBE is always allowed; NEVER and ALWAYS agree with `attends`
   * on each element of the box.
   */
  decide(boxes: BoxList): void;
  attends(q: number, kv: number): boolean;
}

/**
 * Compiles the mask once, when it is first asked for; each call of the result sets (batch, head) for the one decider that
 * all calls share.
 */
export function createDeciders(
  { root }: Expression,
  captures: CaptureValues,
): (b: number, h: number) => Decider {
  let made: ((b: number, h: number) => Decider) | null = null;
  return (b, h) => {
    made ??= compileDecider(root, captures);
    return made(b, h);
  };
}

function compileDecider(root: Node, captures: CaptureValues): (b: number, h: number) => Decider {
  const batch = new IntervalBatch(root, captures);
  const element = compileElement(root, captures);
  let batchElement = 0;
  let head = 0;
  const decider: Decider = {
    decide: (boxes) => batch.decide(boxes),
    attends: (q, kv) => element(batchElement, head, q, kv, 0) === true,
  };
  return (b, h) => {
    batchElement = b;
    head = h;
    batch.setHead(b, h);
    return decider;
  };
}
