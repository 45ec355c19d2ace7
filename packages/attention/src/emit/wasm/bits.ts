/** The block mask's bits: where they lie. */
import { i32, op } from "./asm/expression.ts";
import type { I32 } from "./asm/expression.ts";
import type { FunctionBuilder } from "./asm/function.ts";
import { param } from "./context.ts";
import type { KernelContext } from "./context.ts";
import { plus, times } from "./lanes.ts";

/** Address of the byte that has key `key`, of the run being walked, for row 0 of its block. */
export function blockBytes(context: KernelContext, f: FunctionBuilder, key: I32): I32 {
  const { registers } = context;
  const past = f.let("past", op("i32.sub", key, registers.runStart));
  const blockKv = param(context, "blockKv");
  const block = plus(op("i32.div_u", past, blockKv), registers.runBits);
  const bytesPerBlock = op("i32.shr_u", times(param(context, "blockQ"), blockKv), i32(3));
  const column = op("i32.shr_u", op("i32.rem_u", past, blockKv), i32(3));
  return plus(param(context, "bitsAt"), plus(times(block, bytesPerBlock), column));
}

/** Bytes from row 0 of a block to query row `row`, counted from the block's or any earlier block's first row. */
export function lineBytes(context: KernelContext, row: I32): I32 {
  const inBlock = op("i32.rem_u", row, param(context, "blockQ"));
  return op("i32.shr_u", times(inBlock, param(context, "blockKv")), i32(3));
}
