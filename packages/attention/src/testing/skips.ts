/** What a target cannot do, as data: each row is a reason and the cases that it excuses. Empty is best. */
import type { Target } from "../runtime/device.ts";
import type { Case } from "./cases.ts";

export interface Skip {
  readonly target: Target;
  /** For people: what is missing, and where it would be added. */
  readonly reason: string;
  readonly applies: (one: Case) => boolean;
}

export const skips: readonly Skip[] = [];
