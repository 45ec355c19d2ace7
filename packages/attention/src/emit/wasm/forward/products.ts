/**
 * The two matrix products, on panels of 8 queries.
 *
 *     scores   S^T[k][8] = sum over d of K[k][d] * Q^T[d][8]
 *     values   O^T[v][8] = alpha[8] * O^T[v][8] + sum over k of V[k][v] * P^T[k][8]
 *
 * K and V are read where they lie, one element broadcast to four lanes at a time; only the queries are packed. A kernel
 * of `rows` rows keeps rows x 2 accumulators: 6 rows need 12, which with two vectors of the panel and one broadcast
 * element are the 15 registers that V8 has on x64. Measured on Zen 3, as a share of the 128-bit FMA peak: 6 rows 0.93 to
 * 0.95, 5 rows 0.95 to 0.97, 4 rows 0.96, 4 rows of 12 queries 0.49 (spills), 12 rows of 4 queries 0.83.
 */
import { i32, load, op, perform, select, store } from "../asm/expression.ts";
import type { I32, V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { PANEL_ROW } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { mul, plus, times } from "../lanes.ts";

type Accumulators = readonly (readonly [Local<"v128">, Local<"v128">])[];

const accumulators = (f: FunctionBuilder, rows: number): Accumulators =>
  Array.from({ length: rows }, (_, row) => [
    f.local("v128", `acc${row}lo`),
    f.local("v128", `acc${row}hi`),
  ]);

interface Step {
  readonly f: FunctionBuilder;
  readonly fma: KernelContext["fma"];
  readonly acc: Accumulators;
  /** The panel's two vectors of this step. */
  readonly panel: readonly [Local<"v128">, Local<"v128">];
  readonly element: Local<"v128">;
}

/** acc[row] += element(row) * panel for one step of the inner dimension. */
function outerProduct(
  step: Step,
  panelAt: I32,
  offset: number,
  element: (row: number) => V128,
): void {
  const { f, fma, acc, panel } = step;
  f.set(panel[0], load("v128.load", panelAt, offset));
  f.set(panel[1], load("v128.load", panelAt, offset + 16));
  acc.forEach(([lo, hi], row) => {
    f.set(step.element, element(row));
    f.set(lo, fma(step.element, panel[0], lo));
    f.set(hi, fma(step.element, panel[1], hi));
  });
}

function newStep(f: FunctionBuilder, fma: KernelContext["fma"], rows: number): Step {
  return {
    f,
    fma,
    acc: accumulators(f, rows),
    panel: [f.local("v128", "panelLo"), f.local("v128", "panelHi")],
    element: f.local("v128", "element"),
  };
}

function storeRows(step: Step, at: I32): void {
  step.acc.forEach(([lo, hi], row) => {
    step.f.do(store("v128.store", at, lo, row * PANEL_ROW));
    step.f.do(store("v128.store", at, hi, row * PANEL_ROW + 16));
  });
}

/**
 * Steps of the inner dimension in one round of a loop.
 *
 * Each step has one address of its own, and its rows are constant offsets from it: V8 cannot fold an offset into a
 * broadcasting load, but it computes each once per round if all steps have the same. A step of 6 rows is then 22 instructions
 * for 12 multiply-adds (from 27 and 29), which a core whose other hyperthread is busy feels: 0.70 and 0.70 of peak from
 * 0.66 and 0.62 (noop, D = 64 and 128, N = 1024; medians of paired rounds).
 */
const UNROLL = 8;

/** `scores<rows>(key, panel, tile, groups)`: `groups` times `rows` keys from address `key`, into the score tile. */
function scoresFunction({ module, spec, fma }: KernelContext, rows: number): FunctionBuilder {
  const { D } = spec;
  const params = { key: "i32", panel: "i32", tile: "i32", groups: "i32" } as const;
  return module.function(`scores${rows}`, params, (f, { key, panel, tile, groups }) => {
    const step = newStep(f, fma, rows);
    const at = f.local("i32", "at");
    const whole = D - (D % UNROLL);
    const column = f.local("i32", "column");
    const product = (d: number): void => {
      f.set(column, plus(key, d * 4));
      outerProduct(step, at, d * PANEL_ROW, (row) =>
        load("v128.load32_splat", column, row * D * 4),
      );
    };
    f.note(`S^T: ${rows} keys by 8 queries, summed over d`);
    f.loop("group", (nextGroup) => {
      for (const acc of step.acc.flat()) f.set(acc, f.lanes(0));
      f.set(at, panel);
      if (whole > 0) {
        const end = f.let("end", plus(panel, whole * PANEL_ROW));
        f.loop("d", (again) => {
          for (let d = 0; d < UNROLL; d++) product(d);
          f.set(key, plus(key, UNROLL * 4));
          f.set(at, plus(at, UNROLL * PANEL_ROW));
          f.branch(again, op("i32.lt_u", at, end));
        });
      }
      for (let d = 0; d < D - whole; d++) product(d);
      storeRows(step, tile);
      f.set(key, plus(key, (rows * D - whole) * 4));
      f.set(tile, plus(tile, rows * PANEL_ROW));
      f.branch(nextGroup, f.tee(groups, op("i32.sub", groups, i32(1))));
    });
    return undefined;
  });
}

/**
 * `values<rows>(value, weights, out, alpha, count)`: `groups` times `rows` rows of O^T from address `out`; V from address
 * `value`, P^T from `weights`, `count` keys, at least 1.
 */
function valuesFunction(
  { module, spec, fma }: KernelContext,
  rows: number,
  groups: number,
): FunctionBuilder {
  const { Dv } = spec;
  const params = { value: "i32", weights: "i32", out: "i32", alpha: "i32", count: "i32" } as const;
  return module.function(`values${rows}`, params, (f, { value, weights, out, alpha, count }) => {
    const step = newStep(f, fma, rows);
    const [k, p] = [f.local("i32", "k"), f.local("i32", "p")];
    const end = f.let("end", plus(weights, op("i32.shl", count, i32(5))));
    const rest = f.let("rest", op("i32.and", count, i32(UNROLL - 1)));
    const rounds = f.let("rounds", op("i32.sub", end, op("i32.shl", rest, i32(5))));
    const stop = f.let("stop", plus(value, groups * rows * 4));
    const key = f.local("i32", "key");
    const product = (n: number): void => {
      f.set(key, plus(k, n * Dv * 4));
      outerProduct(step, p, n * PANEL_ROW, (row) => load("v128.load32_splat", key, row * 4));
    };
    const keys = (name: string, until: I32, steps: number): void =>
      f.countUp(name, p, until, steps * PANEL_ROW, () => {
        for (let n = 0; n < steps; n++) product(n);
        f.set(k, plus(k, steps * Dv * 4));
      });
    f.note(`O^T: ${rows} columns of V by 8 queries, summed over keys`);
    f.loop("group", (nextGroup) => {
      scaleRows(step, out, alpha);
      f.set(p, weights);
      f.set(k, value);
      keys("keys", rounds, UNROLL);
      keys("last", end, 1);
      storeRows(step, out);
      f.set(out, plus(out, rows * PANEL_ROW));
      f.branch(nextGroup, op("i32.lt_u", f.tee(value, plus(value, rows * 4)), stop));
    });
    return undefined;
  });
}

/** acc = alpha * O^T: the rescaling of what earlier tiles summed costs no pass of its own. */
function scaleRows({ f, acc, panel }: Step, out: I32, alpha: I32): void {
  f.set(panel[0], load("v128.load", alpha, 0));
  f.set(panel[1], load("v128.load", alpha, 16));
  acc.forEach(([lo, hi], row) => {
    f.set(lo, mul(panel[0], load("v128.load", out, row * PANEL_ROW)));
    f.set(hi, mul(panel[1], load("v128.load", out, row * PANEL_ROW + 16)));
  });
}

/**
 * Rows of the largest kernel. One row less is the next; any number from rows * (rows - 1) on is a sum of the two. Without fused
 * multiply-adds, a product needs a register of its own.
 */
const mostRows = ({ target }: KernelContext): number => (target.relaxed ? 6 : 5);

/** `scoreTile(key, panel, tile, count)`: the scores of `count` keys from address `key`. */
export function scoreTileFunction(context: KernelContext): FunctionBuilder {
  const { module, spec } = context;
  const most = mostRows(context);
  const kernels = [most, most - 1, 1].map((rows) => ({
    rows,
    kernel: scoresFunction(context, rows),
  }));
  const params = { key: "i32", panel: "i32", tile: "i32", count: "i32" } as const;
  return module.function("scoreTile", params, (f, { key, panel, tile, count }) => {
    f.note(
      `count = ${most} a + ${most - 1} b, b as small as can be; where there are too few keys for that, ones`,
    );
    const small = f.let("small", op("i32.sub", i32(most), op("i32.rem_u", count, i32(most))));
    f.set(small, op("i32.rem_u", small, i32(most)));
    f.set(small, select(op("i32.gt_u", times(small, most - 1), count), i32(0), small));
    const rest = f.let("rest", op("i32.sub", count, times(small, most - 1)));
    const large = f.let("large", op("i32.div_u", rest, i32(most)));
    const ones = f.let("ones", op("i32.sub", rest, times(large, most)));
    const groups = [large, small, ones];
    kernels.forEach(({ rows, kernel }, n) => {
      const some = groups[n] ?? ones;
      f.if(some, () => {
        f.do(perform(kernel, key, panel, tile, some));
        f.set(key, plus(key, times(some, rows * spec.D * 4)));
        f.set(tile, plus(tile, times(some, rows * PANEL_ROW)));
      });
    });
    return undefined;
  });
}

interface Rows {
  readonly rows: number;
  readonly groups: number;
}

/** Rows of kernels and how many of each make up n: as above, with one kernel of fewer rows for what is left. */
function splitRows(n: number, most: number): readonly Rows[] {
  const small = (most - (n % most)) % most;
  const isExact = small * (most - 1) <= n;
  const parts = isExact
    ? [
        { rows: most, groups: (n - small * (most - 1)) / most },
        { rows: most - 1, groups: small },
      ]
    : [
        { rows: most, groups: Math.floor(n / most) },
        { rows: n % most, groups: 1 },
      ];
  return parts.filter(({ groups }) => groups > 0);
}

/** `valueTile(value, weights, out, alpha, count)`: all Dv columns. */
export function valueTileFunction(context: KernelContext): FunctionBuilder {
  const { module, spec } = context;
  const parts = splitRows(spec.Dv, mostRows(context)).map((part) => ({
    ...part,
    kernel: valuesFunction(context, part.rows, part.groups),
  }));
  const params = { value: "i32", weights: "i32", out: "i32", alpha: "i32", count: "i32" } as const;
  return module.function("valueTile", params, (f, { value, weights, out, alpha, count }) => {
    let done = 0;
    for (const { rows, groups, kernel } of parts) {
      f.do(
        perform(kernel, plus(value, done * 4), weights, plus(out, done * PANEL_ROW), alpha, count),
      );
      done += rows * groups;
    }
    return undefined;
  });
}
