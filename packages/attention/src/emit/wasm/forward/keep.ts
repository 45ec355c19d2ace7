/**
 * Which scores of a partial tile stay: lane masks [key][8], and the first and last key that any lane attends to.
 *
 * The mask is evaluated before anything else, so that keys which no query of the panel attends to cost no products: inside a
 * partial block the work follows the mask to a panel's width of 8 queries.
 */
import { i32, load, op, replaceLane, select, store } from "../asm/expression.ts";
import type { I32, V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { internalError } from "../../../errors.ts";
import { QUERY_LANES } from "../abi.ts";
import { blockBytes, lineBytes } from "../bits.ts";
import { HALVES, PANEL_ROW, scratchAt } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { plus } from "../lanes.ts";
import { Lowering } from "../lower/lowering.ts";
import { queryPositions } from "./pack.ts";

const params = { key: "i32", count: "i32", row: "i32" } as const;

type Params = { readonly [K in keyof typeof params]: Local<"i32"> };

/** `keep(key, count, row)`: by the mask function, or by the block mask's bits. */
export function keepFunction(context: KernelContext): FunctionBuilder {
  const { module, spec, registers } = context;
  return module.function("keep", params, (f, given) => {
    f.do(registers.aliveStart.set(given.count));
    f.do(registers.aliveEnd.set(i32(0)));
    if (spec.maskBits) keepByBits(context, f, given);
    else keepByFunction(context, f, given);
    return undefined;
  });
}

interface KeyMasks {
  /** Where the key's masks go. */
  readonly at: I32;
  /** The key's number in the tile. */
  readonly n: I32;
  /** One for each half of the panel. */
  readonly masks: readonly Local<"v128">[];
}

/** Stores the masks of one key, and widens the range that is alive. */
function keepKey(
  { registers }: KernelContext,
  f: FunctionBuilder,
  { at, n, masks }: KeyMasks,
): void {
  masks.forEach((mask, half) => f.do(store("v128.store", at, mask, half * 16)));
  const { aliveStart, aliveEnd } = registers;
  const anyMask = masks.reduce<V128>((any, mask) => op("v128.or", any, mask), f.words(0));
  f.if(op("v128.any_true", anyMask), () => {
    f.do(aliveStart.set(select(op("i32.lt_u", n, aliveStart), n, aliveStart)));
    f.do(aliveEnd.set(plus(n, 1)));
  });
}

function keepByFunction(
  context: KernelContext,
  f: FunctionBuilder,
  { key, count, row }: Params,
): void {
  const { spec, registers } = context;
  const at = f.let("at", scratchAt(context, "keep"));
  const n = f.local("i32", "n");
  if (spec.mask === null) throw internalError("a kernel without a mask keeps everything");
  const lowering = new Lowering(context, f, spec.mask.root, {
    laneAxis: "q",
    lanes: queryPositions(f, context, row),
    scalars: { b: registers.batch, h: registers.head, kv: key },
  });
  lowering.hoist(["kv"]);
  f.countUp("keys", n, count, 1, () => {
    keepKey(context, f, { at, n, masks: lowering.root() });
    f.set(key, plus(key, 1));
    f.set(at, plus(at, PANEL_ROW));
  });
}

/** Keys of one byte of bits; blocks are multiples of it. */
const BYTE = 8;

function keepByBits(context: KernelContext, f: FunctionBuilder, { key, count, row }: Params): void {
  const { registers } = context;
  const [at, n] = [f.let("at", scratchAt(context, "keep")), f.local("i32", "n")];
  const lines = Array.from({ length: QUERY_LANES }, (_, lane) => {
    const own = f.let(`line${lane}`, plus(row, lane));
    const clamped = select(op("i32.lt_u", own, registers.last), own, registers.last);
    f.set(own, lineBytes(context, plus(registers.first, clamped)));
    return own;
  });
  const stop = f.local("i32", "stop");
  const bytes = f.local("i32", "bytes");
  const masks = HALVES.map((half) => f.local("v128", `bits${half}`));
  const start = f.local("i32", "start");
  f.countUp("bytes", start, count, BYTE, () => {
    f.set(bytes, blockBytes(context, f, plus(key, start)));
    masks.forEach((mask, half) =>
      f.set(mask, gatherBytes(f, bytes, lines.slice(half * 4, half * 4 + 4))),
    );
    const end = plus(start, BYTE);
    f.set(n, start);
    f.set(stop, select(op("i32.lt_u", end, count), end, count));
    f.countUp("keys", n, stop, 1, () => {
      const lowest = (mask: V128): V128 =>
        op("i32x4.shr_s", op("i32x4.shl", mask, i32(31)), i32(31));
      const kept = masks.map((mask, half) => f.let(`kept${half}`, lowest(mask)));
      keepKey(context, f, { at, n, masks: kept });
      for (const mask of masks) f.set(mask, op("i32x4.shr_u", mask, i32(1)));
      f.set(at, plus(at, PANEL_ROW));
    });
  });
}

function gatherBytes(f: FunctionBuilder, base: I32, lines: readonly I32[]): V128 {
  return lines.reduce<V128>(
    (bytes, line, lane) => replaceLane("i32x4", bytes, lane, load("i32.load8_u", plus(base, line))),
    f.words(0),
  );
}
