/**
 * The end of decode: each row's partial results, in the order of their keys, become one.
 *
 *     m = max m_i,   l = sum of l_i 2^(c (m_i - m)),   O = sum of O_i 2^(c (m_i - m))
 *
 * A split in which the row attends to nothing (m_i = -inf, l_i = 0, O_i = 0) changes no bit.
 */
import { partialBytes } from "../abi.ts";
import { extractLane, f32, i32, load, op, perform, select, store } from "../asm/expression.ts";
import type { F32, I32 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { emitterOf, param, scratchAt } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { PARTIAL_AT } from "./softmax.ts";
import { finishFunction } from "../finish.ts";
import { globalRow, setRow } from "../item.ts";
import { div, plus, splat, sub, times, wordAt } from "../lanes.ts";
import { exponentialInPlace } from "../math/exp.ts";
import { weightOf } from "../scale.ts";
import { OWN, reference, STATE } from "../state.ts";

/** The row's partial results: the first, the end, and bytes from one to the next. */
interface Partials {
  readonly first: I32;
  readonly end: Local<"i32">;
  readonly step: Local<"i32">;
}

/** A pass over the partial results of one row. */
function eachPartial(
  f: FunctionBuilder,
  name: string,
  partials: Partials,
  body: (at: Local<"i32">) => void,
): void {
  const at = f.let("at", partials.first);
  f.while(name, op("i32.lt_u", at, partials.end), () => {
    body(at);
    f.set(at, plus(at, partials.step));
  });
}

function largestMaximum(f: FunctionBuilder, partials: Partials): Local<"f32"> {
  const maximum = f.let("maximum", f32(-Infinity));
  eachPartial(f, "maxima", partials, (at) => {
    const own: F32 = load("f32.load", at, PARTIAL_AT.maximum);
    f.set(maximum, select(op("f32.gt", own, maximum), own, maximum));
  });
  return maximum;
}

/** Adds up l and O; O in scratch, l returned. */
function sumPartials(
  context: KernelContext,
  f: FunctionBuilder,
  partials: Partials,
  maximum: F32,
): Local<"f32"> {
  const { spec, fma } = context;
  const e = emitterOf(context, f);
  const sum = f.let("sum", f32(0));
  const to = f.let("reference", reference(f, f.let("max", splat(maximum))));
  const [out, from] = [f.let("out", scratchAt(context, "out")), f.local("i32", "from")];
  const end = f.let("outEnd", plus(out, spec.Dv * 4));
  f.countUp("clear", out, end, 16, () => f.do(store("v128.store", out, f.lanes(0))));
  eachPartial(f, "sums", partials, (at) => {
    const own = load("v128.load32_splat", at, PARTIAL_AT.maximum);
    const x = f.let("x", sub(own, to));
    const alpha = f.let("alpha", exponentialInPlace(e, x, weightOf(context, f)));
    const part = op(
      "f32.mul",
      load("f32.load", at, PARTIAL_AT.sum),
      extractLane("f32x4", alpha, 0),
    );
    f.set(sum, op("f32.add", sum, part));
    f.set(out, scratchAt(context, "out"));
    f.set(from, plus(at, PARTIAL_AT.out));
    f.countUp("columns", out, end, 16, () => {
      f.do(store("v128.store", out, fma(alpha, load("v128.load", from), load("v128.load", out))));
      f.set(from, plus(from, 16));
    });
  });
  return sum;
}

/** O / `divisor` to the output row. */
function writeRow(context: KernelContext, f: FunctionBuilder, row: I32, divisor: F32): void {
  const { Dv } = context.spec;
  const whole = Dv - (Dv % 4);
  const from = f.let("from", scratchAt(context, "out"));
  const to = f.let("to", plus(param(context, "outAt"), times(row, Dv * 4)));
  const by = f.let("by", divisor);
  const divisors = f.let("divisors", splat(by));
  const end = f.let("end", plus(to, whole * 4));
  f.countUp("write", to, end, 16, () => {
    f.do(store("v128.store", to, div(load("v128.load", from), divisors)));
    f.set(from, plus(from, 16));
  });
  for (let d = 0; d < Dv - whole; d++) {
    f.do(store("f32.store", to, op("f32.div", load("f32.load", from, d * 4), by), d * 4));
  }
}

/** `row(first, end, step, row)`: combines one row; `registers.head` is its head, `row` its number within it. */
function rowFunction(context: KernelContext): FunctionBuilder {
  const { module } = context;
  const finish = finishFunction(context);
  const params = { first: "i32", end: "i32", step: "i32", row: "i32" } as const;
  return module.function("row", params, (f, { first, end, step, row }) => {
    const partials = { first, end, step };
    const maximum = largestMaximum(f, partials);
    const sum = sumPartials(context, f, partials, maximum);
    const [state, own] = [
      f.let("state", scratchAt(context, "state")),
      f.let("own", scratchAt(context, "own")),
    ];
    f.do(store("f32.store", state, maximum, STATE.maximum));
    f.do(store("f32.store", state, sum, STATE.sum));
    f.do(perform(finish, state, own));
    const number = f.let("number", globalRow(context, row));
    writeRow(context, f, number, load("f32.load", own, OWN.divisor));
    for (const [name, from] of [["lseAt", OWN.lse] as const, ["maxAt", OWN.maximum] as const]) {
      const base = param(context, name);
      f.if(op("i32.ne", base, i32(0)), () =>
        f.do(store("f32.store", plus(base, times(number, 4)), load("f32.load", own, from))),
      );
    }
    return undefined;
  });
}

/** `combineItem(record, ticket)`: all rows of one (batch, key head). */
export function combineFunction(context: KernelContext): FunctionBuilder {
  const { module, registers, spec } = context;
  const combineRow = rowFunction(context);
  return module.function("combineItem", { record: "i32", ticket: "i32" }, (f, { record }) => {
    f.do(registers.batch.set(wordAt(record, 0)));
    const shared = f.let("shared", op("i32.div_u", param(context, "Hq"), param(context, "Hkv")));
    f.do(registers.firstHead.set(times(wordAt(record, 1), shared)));
    const total = f.let("total", times(shared, param(context, "M")));
    const step = f.let("step", times(total, partialBytes(spec)));
    const first = f.let(
      "first",
      plus(param(context, "partialsAt"), times(wordAt(record, 2), step)),
    );
    const length = f.let("length", times(wordAt(record, 3), step));
    const [row, query] = [f.local("i32", "row"), f.local("i32", "query")];
    f.countUp("rows", row, total, 1, () => {
      setRow(context, f, row, query);
      f.do(perform(combineRow, first, plus(first, length), step, query));
      f.set(first, plus(first, partialBytes(spec)));
    });
    return undefined;
  });
}
