/** Where a panel's running values lie, and what one pass over a score tile hands to the next. */
import { op } from "./asm/expression.ts";
import type { V128 } from "./asm/expression.ts";
import type { FunctionBuilder, Local } from "./asm/function.ts";

/** From the address of a panel's state: maximum and sum of its 8 rows. */
export const STATE = { maximum: 0, sum: 32, bytes: 64 } as const;

/** Within `ScratchLayout.own`: 8 floats each. */
export const OWN = { maximum: 0, alpha: 32, divisor: 64, lse: 96, bytes: 128 } as const;

/** What scores are taken relative to: the maximum, or 0 where every score so far is -Infinity. */
export const reference = (f: FunctionBuilder, maximum: Local<"v128">): V128 =>
  op("v128.andnot", maximum, op("f32x4.eq", maximum, f.lanes(-Infinity)));
