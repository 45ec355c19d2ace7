/**
 * The forward schedule: one item is up to 128 queries of one (batch, head), in panels of 8.
 *
 *     item      pack Q^T; m = -inf, l = 0, O = 0
 *     tiles       for each run of keys, for each tile of keys, for each panel:
 *     panel         keep     partial runs: evaluate the mask; keys that nobody attends to drop out
 *                   scores   S^T = K Q^T
 *                   adjust   score function, mask, maximum
 *                   weigh    P^T = 2^(S - m), alpha
 *                   values   O^T = alpha O^T + V^T P^T
 *     item      finish; O^T / l to out, lse, max
 *
 * A tile of keys and values stays in the second-level cache while the item's panels pass over it.
 */
import { PARTIAL } from "../../../mask/block-mask.ts";
import { ITEM_WORDS, QUERY_LANES } from "../abi.ts";
import { i32, op, perform, select, store } from "../asm/expression.ts";
import type { Callee, I32 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { HALVES, PANEL_ROW, param, scratchAt } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { finishFunction } from "../finish.ts";
import { eachRun, globalRow, setPlane } from "../item.ts";
import { keepFunction } from "./keep.ts";
import { plus, times, wordAt } from "../lanes.ts";
import { scoreTileFunction, valueTileFunction } from "./products.ts";
import { packFunction, scatterFunction, unpackFunction } from "./pack.ts";
import { dotFactor } from "../scale.ts";
import { OWN, STATE } from "../state.ts";
import { adjustFunction, weighFunction } from "./softmax.ts";
import { ticketFunction } from "../tickets.ts";

export function emitForward(context: KernelContext): void {
  const panel = panelFunction(context);
  const tiles = tilesFunction(context, panel);
  const item = itemFunction(context, tiles);
  const queue = {
    ticket: "ticket",
    count: "itemCount",
    recordsAt: "itemsAt",
    recordWords: ITEM_WORDS,
  } as const;
  ticketFunction(context, "run", queue, item);
}

/** Where panel number `panel` lies in scratch. */
const panelParts = (context: KernelContext, panel: I32): { query: I32; out: I32; state: I32 } => ({
  query: plus(scratchAt(context, "query"), times(panel, context.spec.D * PANEL_ROW)),
  out: plus(scratchAt(context, "out"), times(panel, context.spec.Dv * PANEL_ROW)),
  state: plus(scratchAt(context, "state"), times(panel, STATE.bytes)),
});

/** `panel(panel, key, count, kind)`: one panel over one tile of keys. */
function panelFunction(context: KernelContext): FunctionBuilder {
  const { module, spec, registers } = context;
  const masks = spec.mask !== null || spec.maskBits;
  const keep = masks ? keepFunction(context) : null;
  const scores = scoreTileFunction(context);
  const adjust = adjustFunction(context, false);
  const adjustMasked = masks ? adjustFunction(context, true) : null;
  const weigh = weighFunction(context);
  const values = valueTileFunction(context);
  const params = { panel: "i32", key: "i32", count: "i32", kind: "i32" } as const;
  return module.function("panel", params, (f, { panel, key, count, kind }) => {
    const parts = panelParts(context, panel);
    const [query, state] = [f.let("query", parts.query), f.let("state", parts.state)];
    const [tile, own] = [
      f.let("tile", scratchAt(context, "tile")),
      f.let("own", scratchAt(context, "own")),
    ];
    const keptAt = f.let("keptAt", scratchAt(context, "keep"));
    const row = f.let("row", times(panel, QUERY_LANES));
    const end = f.local("i32", "end");
    const adjustWith = (callee: Callee): void =>
      f.do(perform(callee, tile, end, keptAt, state, own, key, row));
    f.block("done", (done) => {
      if (keep !== null) {
        f.if(op("i32.eq", kind, i32(PARTIAL)), () => {
          f.do(perform(keep, key, count, row));
          f.branch(done, op("i32.ge_u", registers.aliveStart, registers.aliveEnd));
          f.set(key, plus(key, registers.aliveStart));
          f.set(count, op("i32.sub", registers.aliveEnd, registers.aliveStart));
          f.set(keptAt, plus(keptAt, times(registers.aliveStart, PANEL_ROW)));
        });
      }
      f.set(end, plus(tile, times(count, PANEL_ROW)));
      f.do(perform(scores, plus(registers.keys, times(key, spec.D * 4)), query, tile, count));
      if (adjustMasked === null) adjustWith(adjust);
      else
        f.if(
          kind,
          () => adjustWith(adjustMasked),
          () => adjustWith(adjust),
        );
      f.do(perform(weigh, tile, end, state, own));
      const value = plus(registers.values, times(key, spec.Dv * 4));
      f.do(perform(values, value, tile, parts.out, plus(own, OWN.alpha), count));
    });
    return undefined;
  });
}

/** Panels of the item: its rows, rounded up to panels. */
const panelCount = ({ registers }: KernelContext): I32 =>
  op("i32.shr_u", plus(registers.last, QUERY_LANES), i32(3));

/** `tiles(start, end, kind)`: all panels over all tiles of one run. */
function tilesFunction(context: KernelContext, panelTile: Callee): FunctionBuilder {
  const params = { start: "i32", end: "i32", kind: "i32" } as const;
  return context.module.function("tiles", params, (f, { start, end, kind }) => {
    const panels = f.let("panels", panelCount(context));
    const [panel, count] = [f.local("i32", "panel"), f.local("i32", "count")];
    f.countUp("tiles", start, end, context.tile, () => {
      f.set(count, op("i32.sub", end, start));
      f.set(count, select(op("i32.lt_u", count, i32(context.tile)), count, i32(context.tile)));
      f.set(panel, i32(0));
      f.countUp("panels", panel, panels, 1, () =>
        f.do(perform(panelTile, panel, start, count, kind)),
      );
    });
    return undefined;
  });
}

function itemFunction(context: KernelContext, tiles: Callee): FunctionBuilder {
  const { module, registers } = context;
  const start = startFunction(context);
  const finish = endFunction(context);
  return module.function("item", { record: "i32", ticket: "i32" }, (f, { record }) => {
    f.do(registers.batch.set(wordAt(record, 0)));
    f.do(registers.head.set(wordAt(record, 1)));
    f.do(registers.first.set(wordAt(record, 2)));
    f.do(registers.last.set(plus(wordAt(record, 3), -1)));
    setPlane(
      context,
      f,
      op("i32.div_u", times(registers.head, param(context, "Hkv")), param(context, "Hq")),
    );
    f.do(perform(start));
    eachRun(context, f, registers.first, ({ start: from, end, kind }) =>
      f.do(perform(tiles, from, end, kind)),
    );
    f.do(perform(finish));
    return undefined;
  });
}

/** A loop over the item's panels. */
function eachPanel(
  context: KernelContext,
  f: FunctionBuilder,
  body: (panel: Local<"i32">) => void,
): void {
  const panels = f.let("panels", panelCount(context));
  const panel = f.local("i32", "panel");
  f.countUp("panels", panel, panels, 1, () => body(panel));
}

/** `start()`: packs the queries, and sets m = -inf, l = 0, O = 0. */
function startFunction(context: KernelContext): FunctionBuilder {
  const { module, spec, registers } = context;
  const pack = packFunction(context);
  return module.function("start", {}, (f) => {
    const row = globalRow(context, registers.first);
    const base = f.let("base", plus(param(context, "queryAt"), times(row, spec.D * 4)));
    const factor = f.let("factor", dotFactor(context));
    eachPanel(context, f, (panel) => {
      const { query, out, state } = panelParts(context, panel);
      f.do(perform(pack, base, times(panel, QUERY_LANES), query, factor));
      const at = f.let("at", state);
      for (const half of HALVES) {
        f.do(store("v128.store", at, f.lanes(-Infinity), STATE.maximum + half));
        f.do(store("v128.store", at, f.lanes(0), STATE.sum + half));
      }
      f.set(at, out);
      const end = f.let("end", plus(at, spec.Dv * PANEL_ROW));
      f.countUp("clear", at, end, PANEL_ROW, () => {
        for (const half of HALVES) f.do(store("v128.store", at, f.lanes(0), half));
      });
    });
    return undefined;
  });
}

/** `end()`: divides, and writes out, lse and max. */
function endFunction(context: KernelContext): FunctionBuilder {
  const { module, spec, registers } = context;
  const finish = finishFunction(context);
  const unpack = unpackFunction(context);
  const scatter = scatterFunction(context);
  return module.function("end", {}, (f) => {
    const row = f.let("row", globalRow(context, registers.first));
    const own = f.let("own", scratchAt(context, "own"));
    const base = f.let("base", plus(param(context, "outAt"), times(row, spec.Dv * 4)));
    const optional = (panel: I32, name: "lseAt" | "maxAt", from: number): void =>
      f.if(op("i32.ne", param(context, name), i32(0)), () => {
        const at = plus(param(context, name), times(row, 4));
        f.do(perform(scatter, at, times(panel, QUERY_LANES), plus(own, from)));
      });
    eachPanel(context, f, (panel) => {
      const { out, state } = panelParts(context, panel);
      f.do(perform(finish, state, own));
      f.do(perform(unpack, base, times(panel, QUERY_LANES), out, plus(own, OWN.divisor)));
      optional(panel, "lseAt", OWN.lse);
      optional(panel, "maxAt", OWN.maximum);
    });
    return undefined;
  });
}
