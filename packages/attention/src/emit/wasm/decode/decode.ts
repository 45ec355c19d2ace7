/**
 * The decode schedule: few query rows, many keys. One item is one split of keys for all rows of one key head: row
 * r = g * M + m is query row m of the g-th query head that shares the key head.
 *
 *     item      for each group of up to 4 rows that share a row of blocks: m = -inf, l = 0, O = 0
 *     group       for each run of keys within the split, for each tile of keys:
 *     tile          dots       s = q . k, two rows at a time
 *                   adjustRow  score function, mask, maximum
 *                   weighRow   p = 2^(s - m), alpha
 *                   weighted   O = alpha O + p V, two rows at a time
 *     combine   (in combine.ts) merges the items' (m, l, O) of each row
 *
 * Splits lie at fixed positions, so a row's result depends on neither the number of threads nor the batch.
 */
import { PARTIAL } from "../../../mask/block-mask.ts";
import { COMBINE_WORDS, ITEM_WORDS, partialBytes } from "../abi.ts";
import { call, f32, i32, load, op, perform, select, store } from "../asm/expression.ts";
import type { Callee, I32 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { combineFunction } from "./combine.ts";
import { param, scratchAt } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { dotsFunction, tileRowBytes, weightedFunction } from "./products.ts";
import { adjustRowFunction, PARTIAL_AT, weighRowFunction } from "./softmax.ts";
import { eachRun, setPlane, setRow } from "../item.ts";
import { plus, times, wordAt } from "../lanes.ts";
import { dotFactor } from "../scale.ts";
import { ticketFunction } from "../tickets.ts";

/** Rows that share a pass over a tile of keys. */
const GROUP_ROWS = 4;

export function emitDecode(context: KernelContext): void {
  const tile = tileFunction(context);
  const group = groupFunction(context, tile);
  const item = itemFunction(context, group);
  ticketFunction(
    context,
    "run",
    { ticket: "ticket", count: "itemCount", recordsAt: "itemsAt", recordWords: ITEM_WORDS },
    item,
  );
  ticketFunction(
    context,
    "combine",
    {
      ticket: "combineTicket",
      count: "combineCount",
      recordsAt: "combinesAt",
      recordWords: COMBINE_WORDS,
    },
    combineFunction(context),
  );
}

const tileParams = {
  row: "i32",
  rows: "i32",
  key: "i32",
  count: "i32",
  kind: "i32",
  partial: "i32",
} as const;

type TileParams = { readonly [K in keyof typeof tileParams]: Local<"i32"> };

interface TilePlace extends TileParams {
  readonly context: KernelContext;
  readonly f: FunctionBuilder;
  /** The score tile, and an alpha per row. */
  readonly tile: Local<"i32">;
  readonly alphas: Local<"i32">;
}

/** `tile(row, rows, key, count, kind, partial)`: rows from number `row` over `count` keys from number `key`. */
function tileFunction(context: KernelContext): FunctionBuilder {
  const multiply = productPasses(context);
  const soften = softmaxPass(context);
  return context.module.function("tile", tileParams, (f, params) => {
    const [tile, alphas] = [
      f.let("tile", scratchAt(context, "tile")),
      f.let("alphas", scratchAt(context, "own")),
    ];
    const place = { context, f, tile, alphas, ...params };
    multiply.scores(place);
    soften(place);
    multiply.values(place);
    return undefined;
  });
}

/** Runs `two` for each pair of rows, and `one` for an odd last row; `n` counts rows. */
function inPairs({ f, rows }: TilePlace, n: Local<"i32">, one: () => void, two: () => void): void {
  f.set(n, i32(0));
  f.countUp("pairs", n, rows, 2, () => {
    f.if(op("i32.lt_u", plus(n, 1), rows), two, one);
  });
}

interface ProductPasses {
  scores(place: TilePlace): void;
  values(place: TilePlace): void;
}

function productPasses(context: KernelContext): ProductPasses {
  const { spec, registers } = context;
  const dots = { one: dotsFunction(context, 1), two: dotsFunction(context, 2) };
  const weighted = {
    one: weightedFunction(context, 1, partialBytes(spec)),
    two: weightedFunction(context, 2, partialBytes(spec)),
  };
  return {
    scores(place) {
      const { f, row, key, count, tile } = place;
      const [n, factor] = [f.local("i32", "n"), f.let("factor", dotFactor(context))];
      const at = f.let("at", plus(registers.keys, times(key, spec.D * 4)));
      const last = f.let("last", plus(at, times(plus(count, -1), spec.D * 4)));
      const run = (callee: Callee) => (): void => {
        const query = plus(registers.queries, times(plus(row, n), spec.D * 4));
        const to = plus(tile, times(n, tileRowBytes(context)));
        f.do(perform(callee, at, last, query, to, plus(to, times(count, 4)), factor));
      };
      inPairs(place, n, run(dots.one), run(dots.two));
    },
    values(place) {
      const { f, key, count, tile, alphas, partial } = place;
      const n = f.local("i32", "n");
      const value = f.let("value", plus(registers.values, times(key, spec.Dv * 4)));
      const run = (callee: Callee) => (): void => {
        const weights = plus(tile, times(n, tileRowBytes(context)));
        const out = plus(plus(partial, times(n, partialBytes(spec))), PARTIAL_AT.out);
        const alpha = plus(alphas, times(n, 4));
        const [first, second] = [load("f32.load", alpha), load("f32.load", alpha, 4)];
        f.do(perform(callee, value, weights, out, first, second, count));
      };
      inPairs(place, n, run(weighted.one), run(weighted.two));
    },
  };
}

function softmaxPass(context: KernelContext): (place: TilePlace) => void {
  const { spec } = context;
  const adjust = adjustRowFunction(context, false);
  const adjustMasked =
    spec.mask !== null || spec.maskBits ? adjustRowFunction(context, true) : null;
  const weigh = weighRowFunction(context);
  return ({ f, tile, alphas, row, rows, key, count, kind, partial }) => {
    const n = f.local("i32", "n");
    const [query, maximum] = [f.local("i32", "query"), f.local("f32", "maximum")];
    f.set(n, i32(0));
    f.countUp("rows", n, rows, 1, () => {
      setRow(context, f, plus(row, n), query);
      const scores = plus(tile, times(n, tileRowBytes(context)));
      const own = f.let("partialRow", plus(partial, times(n, partialBytes(spec))));
      const before = load("f32.load", own, PARTIAL_AT.maximum);
      const adjustWith = (callee: Callee): void =>
        f.set(maximum, call("f32", callee, scores, key, count, query, before));
      if (adjustMasked === null) adjustWith(adjust);
      else
        f.if(
          op("i32.eq", kind, i32(PARTIAL)),
          () => adjustWith(adjustMasked),
          () => adjustWith(adjust),
        );
      const alpha = call("f32", weigh, scores, count, own, maximum);
      f.do(store("f32.store", plus(alphas, times(n, 4)), alpha));
    });
  };
}

const groupParams = { row: "i32", rows: "i32", start: "i32", end: "i32", partial: "i32" } as const;

/** `group(row, rows, start, end, partial)`: rows that share a row of blocks, over the keys of one split. */
function groupFunction(context: KernelContext, tile: Callee): FunctionBuilder {
  const { module } = context;
  return module.function("group", groupParams, (f, { row, rows, start, end, partial }) => {
    clearPartials(context, f, partial, rows);
    const [query, count, kept] = [
      f.local("i32", "query"),
      f.local("i32", "count"),
      f.local("i32", "kept"),
    ];
    setRow(context, f, row, query);
    eachRun(context, f, query, (run) => {
      f.note("the part of the run that lies in the split");
      f.set(run.start, select(op("i32.gt_u", run.start, start), run.start, start));
      f.set(kept, select(op("i32.lt_u", run.end, end), run.end, end));
      f.countUp("tiles", run.start, kept, context.tile, () => {
        f.set(count, op("i32.sub", kept, run.start));
        f.set(count, select(op("i32.lt_u", count, i32(context.tile)), count, i32(context.tile)));
        f.do(perform(tile, row, rows, run.start, count, run.kind, partial));
      });
    });
    return undefined;
  });
}

/** m = -inf, l = 0, O = 0. */
function clearPartials({ spec }: KernelContext, f: FunctionBuilder, partial: I32, rows: I32): void {
  const at = f.let("at", partial);
  const end = f.let("end", plus(partial, times(rows, partialBytes(spec))));
  f.countUp("clear", at, end, 16, () => f.do(store("v128.store", at, f.lanes(0))));
  f.set(at, partial);
  f.countUp("empty", at, end, partialBytes(spec), () =>
    f.do(store("f32.store", at, f32(-Infinity), PARTIAL_AT.maximum)),
  );
}

/** Rows of one key head: query rows times the query heads that share it. */
const rowCount = (context: KernelContext): I32 =>
  times(op("i32.div_u", param(context, "Hq"), param(context, "Hkv")), param(context, "M"));

/** `item(record, ticket)`: all rows of one key head over one split. */
function itemFunction(context: KernelContext, group: Callee): FunctionBuilder {
  const { module, registers, spec } = context;
  return module.function("item", { record: "i32", ticket: "i32" }, (f, { record, ticket }) => {
    f.do(registers.batch.set(wordAt(record, 0)));
    setGroupOfHeads(context, f, wordAt(record, 1));
    setPlane(context, f, wordAt(record, 1));
    const total = f.let("total", rowCount(context));
    const [row, rows] = [f.local("i32", "row"), f.local("i32", "rows")];
    const partial = f.let("partial", partialAt(context, times(ticket, total)));
    f.while("groups", op("i32.lt_u", row, total), () => {
      f.set(rows, sharedRows(context, f, row, total));
      f.do(perform(group, row, rows, wordAt(record, 2), wordAt(record, 3), partial));
      f.set(row, plus(row, rows));
      f.set(partial, plus(partial, times(rows, partialBytes(spec))));
    });
    return undefined;
  });
}

/** Sets the first query head of the key head, and where its queries lie. */
function setGroupOfHeads(context: KernelContext, f: FunctionBuilder, keyHead: I32): void {
  const { registers, spec } = context;
  const shared = op("i32.div_u", param(context, "Hq"), param(context, "Hkv"));
  f.do(registers.firstHead.set(times(keyHead, shared)));
  const head = plus(times(registers.batch, param(context, "Hq")), registers.firstHead);
  const row = times(head, param(context, "M"));
  f.do(registers.queries.set(plus(param(context, "queryAt"), times(row, spec.D * 4))));
}

/** Address of partial result number `n`. */
const partialAt = (context: KernelContext, n: I32): I32 =>
  plus(param(context, "partialsAt"), times(n, partialBytes(context.spec)));

/** How many rows from `row` on, at most `GROUP_ROWS`, lie in the same row of blocks of the same head's mask. */
function sharedRows(context: KernelContext, f: FunctionBuilder, row: I32, total: I32): I32 {
  const left = f.let("left", op("i32.sub", total, row));
  f.set(left, select(op("i32.lt_u", left, i32(GROUP_ROWS)), left, i32(GROUP_ROWS)));
  const M = param(context, "M");
  f.if(op("i32.ne", param(context, "rowStartAt"), i32(0)), () => {
    f.note(
      "masked: rows stay within a block, and within a head unless all heads share the mask and the block",
    );
    const query = f.let("inHead", op("i32.rem_u", row, M));
    const blockQ = param(context, "blockQ");
    const inBlock = f.let("inBlock", op("i32.sub", blockQ, op("i32.rem_u", query, blockQ)));
    const inHead = op("i32.sub", M, query);
    const oneForAll = op(
      "i32.and",
      op("i32.eq", param(context, "maskH"), i32(1)),
      op("i32.le_u", M, blockQ),
    );
    const limit = f.let("limit", select(op("i32.lt_u", inBlock, inHead), inBlock, inHead));
    f.set(limit, select(oneForAll, left, limit));
    f.set(left, select(op("i32.lt_u", left, limit), left, limit));
  });
  return left;
}
