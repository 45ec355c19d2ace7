import { PARAM, QUERY_LANES, TILE_QUERIES } from "./abi.ts";
import { atomicAdd, call, f32, i32, load, op, perform, select, store } from "./asm/expression.ts";
import type { I32 } from "./asm/expression.ts";
import type { FunctionBuilder } from "./asm/function.ts";
import type { KernelContext } from "./context.ts";
import { div, floatAt, mul, plus, times, wordAt } from "./lanes.ts";
import { scoresFunction, valuesFunction } from "./microkernel.ts";
import { packFunction, scatterFunction, unpackFunction } from "./pack.ts";
import { LOG2_E, OWN, STATE, maximumFunction, weighFunction } from "./softmax.ts";

const panelRow = 32;

function productFunctions(context: KernelContext) {
  const scores = [6, 5, 1].map((rows) => scoresFunction(context, rows));
  const { Dv } = context.spec;
  const values = splitRows(Dv).map(([rows, groups]) => ({ rows, groups, fn: valuesFunction(context, rows, groups) }));
  return { scores, values };
}
export function splitRows(n: number): [number, number][] {
  const fives = (6 - (n % 6)) % 6;
  if (fives * 5 <= n) return ([[6, (n - fives * 5) / 6], [5, fives]] as [number, number][]).filter(([, g]) => g > 0);
  return ([[6, Math.floor(n / 6)], [n % 6, 1]] as [number, number][]).filter(([, g]) => g > 0);
}

export function forward(context: KernelContext): void {
  const { module, spec, registers: r, layout, tile } = context;
  const { scores, values } = productFunctions(context);
  const maximum = maximumFunction(context);
  const weigh = weighFunction(context);
  const pack = packFunction(context);
  const unpack = unpackFunction(context);
  const scatter = scatterFunction(context);
  const at = (off: number): I32 => plus(r.scratch, off);
  const scoreTile = module.function("scoreTile", { panel: "i32", key: "i32", count: "i32" }, (f, { panel, key, count }) => {
    const t = f.let("t", at(layout.tile));
    const fives = f.let("fives", op("i32.rem_u", op("i32.sub", i32(6), op("i32.rem_u", count, i32(6))), i32(6)));
    f.set(fives, select(op("i32.gt_u", times(fives, 5), count), i32(0), fives));
    const sixes = f.let("sixes", op("i32.div_u", op("i32.sub", count, times(fives, 5)), i32(6)));
    const ones = f.let("ones", op("i32.sub", op("i32.sub", count, times(fives, 5)), times(sixes, 6)));
    [[6, sixes], [5, fives], [1, ones]].forEach(([rows, n], i) => {
      const groups = n as I32; const R = rows as number;
      f.if(groups, () => {
        f.do(perform(scores[i] as FunctionBuilder, key, panel, t, groups));
        f.set(key, plus(key, times(groups, R * spec.D * 4)));
        f.set(t, plus(t, times(groups, R * panelRow)));
      });
    });
    return undefined;
  });
  const panelTile = module.function("panelTile", { panel: "i32", k0: "i32", count: "i32" }, (f, { panel, k0, count }) => {
    const q = f.let("q", plus(at(layout.query), times(panel, spec.D * panelRow)));
    const state = f.let("state", plus(at(layout.state), times(panel, STATE.bytes)));
    const own = f.let("own", at(layout.own));
    const end = f.let("end", plus(at(layout.tile), times(count, panelRow)));
    f.do(perform(scoreTile, q, plus(r.keys, times(k0, spec.D * 4)), count));
    f.do(perform(maximum, at(layout.tile), end, state, own));
    f.do(perform(weigh, at(layout.tile), end, state, own));
    const out = f.let("out", plus(at(layout.out), times(panel, spec.Dv * panelRow)));
    const v = f.let("v", plus(r.values, times(k0, spec.Dv * 4)));
    let done = 0;
    for (const { rows, groups, fn } of values) {
      f.do(perform(fn, plus(v, done * 4), at(layout.tile), plus(out, done * panelRow), plus(own, OWN.alpha), count));
      done += rows * groups;
    }
    return undefined;
  });
  const item = module.function("item", { record: "i32" }, (f, { record }) => {
    const p = r.params;
    const word = (w: keyof typeof PARAM): I32 => wordAt(p, PARAM[w]);
    f.do(r.batch.set(wordAt(record, 0)));
    f.do(r.head.set(wordAt(record, 1)));
    f.do(r.first.set(wordAt(record, 2)));
    f.do(r.last.set(op("i32.sub", wordAt(record, 3), i32(1))));
    const hkv = f.let("hkv", op("i32.div_u", times(r.head, word("Hkv")), word("Hq")));
    const kvRow = f.let("kvRow", times(plus(times(r.batch, word("Hkv")), hkv), word("N")));
    f.do(r.keys.set(plus(word("keyAt"), times(kvRow, spec.D * 4))));
    f.do(r.values.set(plus(word("valueAt"), times(kvRow, spec.Dv * 4))));
    f.do(r.offset.set(load("i32.load", plus(word("queryOffsetAt"), times(r.batch, 4)))));
    const length = f.let("length", load("i32.load", plus(word("kvLengthAt"), times(r.batch, 4))));
    const row = f.let("row", plus(times(plus(times(r.batch, word("Hq")), r.head), word("M")), r.first));
    const panels = f.let("panels", op("i32.shr_u", plus(r.last, 8), i32(3)));
    const panel = f.local("i32", "panel");
    const base = f.let("base", plus(word("queryAt"), times(row, spec.D * 4)));
    const factor = spec.score === null ? op("f32.mul", floatAt(p, PARAM.scale), f32(LOG2_E)) : floatAt(p, PARAM.scale);
    f.countUp("pack", panel, panels, 1, () => {
      f.do(perform(pack, base, times(panel, QUERY_LANES), plus(at(layout.query), times(panel, spec.D * panelRow)), factor));
    });
    const c = f.let("c", at(layout.out));
    const e = f.let("e", plus(c, times(panels, spec.Dv * panelRow)));
    f.countUp("clear", c, e, 16, () => f.do(store("v128.store", c, f.lanes(0))));
    f.set(c, at(layout.state));
    f.set(e, plus(c, times(panels, STATE.bytes)));
    f.countUp("clearState", c, e, STATE.bytes, () => {
      for (const h of [0, 16]) {
        f.do(store("v128.store", c, f.lanes(-Infinity), STATE.maximum + h));
        f.do(store("v128.store", c, f.lanes(0), STATE.sum + h));
      }
    });
    const k0 = f.local("i32", "k0");
    const n = f.local("i32", "n");
    f.countUp("tiles", k0, length, tile, () => {
      f.set(n, op("i32.sub", length, k0));
      f.set(n, select(op("i32.lt_u", n, i32(tile)), n, i32(tile)));
      f.set(panel, i32(0));
      f.countUp("panels", panel, panels, 1, () => f.do(perform(panelTile, panel, k0, n)));
    });
    f.set(panel, i32(0));
    f.countUp("finish", panel, panels, 1, () => {
      const s = f.let("s", plus(at(layout.state), times(panel, STATE.bytes)));
      for (const h of [0, 16]) {
        f.do(store("v128.store", at(layout.own), div(f.lanes(1), load("v128.load", s, STATE.sum + h)), OWN.inverse + h));
      }
      f.do(perform(unpack, plus(word("outAt"), times(row, spec.Dv * 4)), times(panel, 8), plus(at(layout.out), times(panel, spec.Dv * panelRow)), at(layout.own + OWN.inverse)));
    });
    return undefined;
  });
  module.function("run", { params: "i32", scratch: "i32" }, (f, { params, scratch }) => {
    f.do(r.params.set(params));
    f.do(r.scratch.set(scratch));
    const ticket = f.local("i32", "ticket");
    f.loop("items", (again) => {
      if (context.target.shared) f.set(ticket, atomicAdd(params, i32(1)));
      else { f.set(ticket, wordAt(params, 0)); f.do(store("i32.store", params, plus(ticket, 1))); }
      f.if(op("i32.lt_u", ticket, wordAt(params, PARAM.itemCount)), () => {
        f.do(perform(item, plus(wordAt(params, PARAM.itemsAt), times(ticket, 16))));
        f.branch(again);
      });
    });
    return undefined;
  }, { exported: true });
  void [call, mul, TILE_QUERIES, scatter];
}
