/**
 * The forward schedule with products in f32: one item is up to 128 queries of one (batch, head), in panels.
 *
 * The text below is the kernel; `@name` stands for what depends on the spec.
 */
import { tileQueries } from "../abi.ts";
import { fill, hasMask, lowered } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { panelOf } from "../prelude/products.ts";
import { entry } from "../entry.ts";
import { keep } from "./keep.ts";

/** Keys of a score tile: forward walks a run in steps of this many, from the run's start. */
export const tileKeys = ({ spec }: KernelContext): number => {
  const size = Math.max(spec.D, spec.Dv);
  return size <= 128 ? 192 : size <= 256 ? 96 : 48;
};

const scratch = `\
struct $scratch {
  float query[PANELS][D * PANEL] ALIGNED, out[PANELS][DV * PANEL] ALIGNED; /* Q^T, O^T */
  f32x most[PANELS][NV], sum[PANELS][NV];
  float tile[TILE * PANEL] ALIGNED; /* S^T, then P^T */
  float keys[TILE * D] ALIGNED, values[TILE * DV] ALIGNED; /* where the tensors' rows are not floats without gaps */
  uint32_t keep[TILE]; /* partial tiles: a bit for each query */
  int alive_start, alive_end;
  struct scaling scaling;
  struct run run;
  int32_t b, h, first, last, offset;
};
INLINE i32x $positions(const struct $scratch *w, int row, int j) {
  return v_mini(row + j * LANES + v_count(), v_seti(w->last)) + (w->first + w->offset);
}`;

const adjust = `\
/* @title */
static void $adjust@masked(const struct vigil_launch *L, struct $scratch *w, float *tile, const uint32_t *keep, int key, int count, int row, f32x *most) {
  const int32_t b = w->b, h = w->h;
  @outside
  (void)L, (void)w, (void)keep, (void)key, (void)row, (void)b, (void)h;
  for (int n = 0; n < count; n++, tile += PANEL) {
    @perKey
    EACH_VECTOR {
      f32x score = v_load(tile + j * LANES);
      @inside
      most[j] = v_larger(score, most[j]);
    }
  }
}`;

function adjustFunction(context: KernelContext, masked: boolean): string {
  const score = lowered(context, context.spec.score, {
    laneAxis: "q",
    axes: { b: "b", h: "h", q: "q[j]", kv: "kv" },
    score: { logit: "logit", dot: "score", scale: "scale" },
  });
  const scored = score !== null;
  return fill(adjust, context, {
    title: `${scored ? "s = score(scale s)" : "s as it is"}${masked ? ", -inf where masked" : ""}; m' = max(m, s)`,
    masked: masked ? "_masked" : "",
    outside: scored
      ? [
          "const float scale = w->scaling.natural;",
          "i32x q[NV];",
          "EACH_VECTOR q[j] = $positions(w, row, j);",
          "(void)q;",
          ...score.outside,
        ]
      : [],
    perKey: scored ? ["const int32_t kv = key + n;", "(void)kv;", ...score.perKey] : [],
    inside: [
      ...(scored
        ? [
            "const f32x logit = score * scale;",
            ...score.inside,
            "(void)logit;",
            `score = ${score.result};`,
          ]
        : []),
      ...(masked
        ? ["score = v_choose(v_mask(keep[n] >> (j * LANES)), score, v_set(-INFINITY));"]
        : []),
      ...(scored || masked ? ["v_store(tile + j * LANES, score);"] : []),
    ],
  });
}

const weigh = `\
/* p = 2^(c (s - m')), in place; alpha = 2^(c (m - m')); l = alpha l + sum of p. Whether a maximum moved. */
static int $weigh(struct $scratch *w, int panel, float *tile, int count, const f32x *most, f32x *alpha) {
  const f32x factor = v_set(w->scaling.weight), floor = v_set(w->scaling.floor);
  f32x to[NV], sum[NV];
  int moved = 0;
  EACH_VECTOR {
    f32x before = w->most[panel][j];
    to[j] = v_reference(most[j]);
    alpha[j] = v_weight(before - to[j], factor, floor);
    moved |= v_any(before != most[j]);
    w->most[panel][j] = most[j];
    sum[j] = v_set(0.0f);
  }
  UNROLL(4) for (int n = 0; n < count; n++) EACH_VECTOR {
    f32x p = v_weight(v_load(tile + n * PANEL + j * LANES) - to[j], factor, floor);
    v_store(tile + n * PANEL + j * LANES, p);
    sum[j] += p;
  }
  EACH_VECTOR w->sum[panel][j] = moved ? v_fma(alpha[j], w->sum[panel][j], sum[j]) : w->sum[panel][j] + sum[j];
  return moved;
}`;

const panel = `\
static __attribute__((noinline)) void $scores(const float *keys, const float *query, float *tile, int count) { dot_tile(D, keys, query, tile, count); }
static __attribute__((noinline)) void $values(const float *values, const float *tile, float *out, const f32x *alpha, int count) { weigh_tile(DV, values, tile, out, alpha, count); }

/* One panel over one tile of keys. */
static void $panel(const struct vigil_launch *L, struct $scratch *w, int panel, const float *keys, const float *values, int key, int count) {
  const int row = panel * PANEL;
  const uint32_t *keep = w->keep;
  f32x most[NV], alpha[NV];
  @keep
  $scores(keys, w->query[panel], w->tile, count);
  EACH_VECTOR most[j] = w->most[panel][j];
  @adjust
  int moved = $weigh(w, panel, w->tile, count, most, alpha);
  $values(values, w->tile, w->out[panel], moved ? alpha : NULL, count);
}`;

const keepLines = [
  "if (w->run.kind == RUN_PARTIAL) {",
  "  $keep(L, w, key, count, row);",
  "  if (w->alive_start >= w->alive_end) return;",
  "  key += w->alive_start, count = w->alive_end - w->alive_start;",
  "  keep += w->alive_start, keys += w->alive_start * D, values += w->alive_start * DV;",
  "}",
];

function panelFunction(context: KernelContext): string {
  const call = (name: string): string => `${name}(L, w, w->tile, keep, key, count, row, most);`;
  const adjustLines = hasMask(context)
    ? [`if (w->run.kind == RUN_PARTIAL) ${call("$adjust_masked")}`, `else ${call("$adjust")}`]
    : [call("$adjust")];
  return fill(panel, context, { keep: hasMask(context) ? keepLines : [], adjust: adjustLines });
}

const item = `\
/* All panels over all tiles of one run: a tile of keys and values stays in the cache while the panels pass over it. */
static void $run(const struct vigil_launch *L, struct $scratch *w, const @type_t *key, const @type_t *value) {
  const int panels = w->last / PANEL + 1;
  for (int32_t at = w->run.start; at < w->run.end; at += TILE) {
    const int count = w->run.end - at < TILE ? w->run.end - at : TILE;
    const float *keys = w->keys, *values = w->values;
    @place
    for (int panel = 0; panel < panels; panel++) $panel(L, w, panel, keys, values, at, count);
  }
}

static void $finish(const struct vigil_launch *L, struct $scratch *w) {
  @type_t *out = (@type_t *)L->out + w->b * L->outB + w->h * L->outH + w->first * L->outRow;
  const int64_t rows = (w->b * L->Hq + w->h) * L->M + w->first;
  for (int row = 0, panel = 0; row <= w->last; row += PANEL, panel++) {
    f32x factor[NV];
    EACH_VECTOR {
      struct finished done = v_finish(w->most[panel][j], w->most[panel][j], w->sum[panel][j], w->scaling.size, sink_of(L, w->h));
      factor[j] = done.factor;
      for (int lane = 0, own = row + j * LANES; lane < LANES && own <= w->last; lane++, own++) {
        if (L->lse != NULL) L->lse[rows + own] = done.lse[lane];
        if (L->max != NULL) L->max[rows + own] = done.max[lane];
      }
    }
    @type_unpack(out, L->outRow, w->out[panel], DV, row, w->last, factor);
  }
}

static void $item(const struct vigil_launch *L, struct $scratch *w, const int32_t *record) {
  w->b = record[0], w->h = record[1], w->first = record[2], w->last = record[3] - 1;
  w->offset = L->queryOffset[w->b];
  w->scaling = scaling_of(L->scale, @hasScore);
  const int64_t group = w->h * L->Hkv / L->Hq;
  const @type_t *query = (const @type_t *)L->query + w->b * L->queryB + w->h * L->queryH + w->first * L->queryRow;
  const @type_t *key = (const @type_t *)L->key + w->b * L->keyB + group * L->keyH;
  const @type_t *value = (const @type_t *)L->value + w->b * L->valueB + group * L->valueH;
  for (int row = 0, panel = 0; row <= w->last; row += PANEL, panel++) {
    @type_pack(w->query[panel], query, L->queryRow, D, row, w->last, w->scaling.dot);
    memset(w->out[panel], 0, sizeof w->out[panel]);
    EACH_VECTOR w->most[panel][j] = v_set(-INFINITY), w->sum[panel][j] = v_set(0.0f);
  }
  struct runs runs;
  runs_begin(&runs, L, w->b, w->h, w->first);
  while (runs_next(&runs, &w->run, 0, INT32_MAX)) $run(L, w, key, value);
  $finish(L, w);
}`;

/** How a tile's rows become floats without gaps. */
const placeLines = (type: string): readonly string[] =>
  type === "f32"
    ? [
        "if (L->keyRow == D) keys = key + (int64_t)at * D;",
        "else f32_rows(w->keys, key + at * L->keyRow, L->keyRow, D, count);",
        "if (L->valueRow == DV) values = value + (int64_t)at * DV;",
        "else f32_rows(w->values, value + at * L->valueRow, L->valueRow, DV, count);",
      ]
    : [
        `${type}_rows(w->keys, key + at * L->keyRow, L->keyRow, D, count);`,
        `${type}_rows(w->values, value + at * L->valueRow, L->valueRow, DV, count);`,
      ];

export function emitForward(context: KernelContext): string {
  const { spec, target } = context;
  const masked = hasMask(context);
  return [
    `#define D ${spec.D}`,
    `#define DV ${spec.Dv}`,
    `#define TILE ${tileKeys(context)}`,
    `#define PANELS ${tileQueries(spec, target) / panelOf(target)}`,
    fill(scratch, context, {}),
    ...(masked ? [keep(context)] : []),
    adjustFunction(context, false),
    ...(masked ? [adjustFunction(context, true)] : []),
    fill(weigh, context, {}),
    panelFunction(context),
    fill(item, context, {
      type: spec.dtype,
      place: placeLines(spec.dtype),
      hasScore: spec.score === null ? "0" : "1",
    }),
    entry(context, { packs: false, combines: false, tiles: false }),
    "#undef D\n#undef DV\n#undef TILE\n#undef PANELS",
  ].join("\n\n");
}
