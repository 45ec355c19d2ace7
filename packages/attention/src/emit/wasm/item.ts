/** What forward and decode items have in common: which tensors' parts they read, and which runs of keys. */
import { RUN_STRIDE } from "../../mask/block-mask.ts";
import { i32, load, op, select } from "./asm/expression.ts";
import type { I32 } from "./asm/expression.ts";
import type { FunctionBuilder, Local } from "./asm/function.ts";
import { param } from "./context.ts";
import type { KernelContext } from "./context.ts";
import { plus, times, wordAt } from "./lanes.ts";

/** Element `batch` of a vector with one word per batch element. */
const perBatch = (context: KernelContext, name: "queryOffsetAt" | "kvLengthAt"): I32 =>
  load("i32.load", plus(param(context, name), times(context.registers.batch, 4)));

export const kvLength = (context: KernelContext): I32 => perBatch(context, "kvLengthAt");

/** Sets `keys`, `values` and `offset` for the batch element and this key head. */
export function setPlane(context: KernelContext, f: FunctionBuilder, keyHead: I32): void {
  const { registers, spec } = context;
  const head = plus(times(registers.batch, param(context, "Hkv")), keyHead);
  const row = f.let("keyRow", times(head, param(context, "N")));
  f.do(registers.keys.set(plus(param(context, "keyAt"), times(row, spec.D * 4))));
  f.do(registers.values.set(plus(param(context, "valueAt"), times(row, spec.Dv * 4))));
  f.do(registers.offset.set(perBatch(context, "queryOffsetAt")));
}

/** Row number, over all heads and batch elements, of query row `row` of this (batch, head). */
export function globalRow(context: KernelContext, row: I32): I32 {
  const { registers } = context;
  const head = plus(times(registers.batch, param(context, "Hq")), registers.head);
  return plus(times(head, param(context, "M")), row);
}

export interface RunLocals {
  readonly start: Local<"i32">;
  readonly end: Local<"i32">;
  /** `FULL` or `PARTIAL`. */
  readonly kind: Local<"i32">;
}

/** 0 where the mask is the same for all of them, else the number itself. */
const orOnly = (length: I32, own: I32): I32 => select(op("i32.eq", length, i32(1)), i32(0), own);

/**
 * Each run of keys that query row `row` of this (batch, head) attends to, by rising key: of the block mask, or all
 * keys as one full run where there is none.
 */
export function eachRun(
  context: KernelContext,
  f: FunctionBuilder,
  row: I32,
  body: (run: RunLocals) => void,
): void {
  const { registers } = context;
  const run = {
    start: f.local("i32", "start"),
    end: f.let("end", kvLength(context)),
    kind: f.local("i32", "kind"),
  };
  const [at, stop] = [f.local("i32", "run"), f.let("stop", i32(RUN_STRIDE * 4))];
  const masked = op("i32.ne", param(context, "rowStartAt"), i32(0));
  f.set(run.start, i32(0));
  f.set(at, i32(0));
  f.if(masked, () => {
    const plane = plus(
      times(orOnly(param(context, "maskB"), registers.batch), param(context, "maskH")),
      orOnly(param(context, "maskH"), registers.head),
    );
    const block = op("i32.div_u", row, param(context, "blockQ"));
    const index = f.let("index", plus(times(plane, param(context, "maskRows")), block));
    const entry = plus(param(context, "rowStartAt"), times(index, 4));
    const runAddress = (word: number): I32 =>
      plus(param(context, "runsAt"), times(wordAt(entry, word), RUN_STRIDE * 4));
    f.set(at, runAddress(0));
    f.set(stop, runAddress(1));
  });
  f.countUp("runs", at, stop, RUN_STRIDE * 4, () => {
    f.if(masked, () => {
      f.set(run.start, wordAt(at, 0));
      f.set(run.end, wordAt(at, 1));
      f.set(run.kind, wordAt(at, 2));
      f.do(registers.runStart.set(run.start));
      f.do(registers.runBits.set(wordAt(at, 3)));
    });
    body(run);
  });
}

/** Decode: sets the head of row `row` of the key head, and `query` to its number within the head. */
export function setRow(
  context: KernelContext,
  f: FunctionBuilder,
  row: I32,
  query: Local<"i32">,
): void {
  const { registers } = context;
  const M = param(context, "M");
  f.do(registers.head.set(plus(registers.firstHead, op("i32.div_u", row, M))));
  f.set(query, op("i32.rem_u", row, M));
}
