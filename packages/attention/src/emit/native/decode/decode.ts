/**
 * The decode schedule: few query rows, many keys. One item is one split of keys for all rows of one key head: row
 * r = g * M + m is query row m of the g-th query head that shares the key head.
 *
 * Splits lie at fixed positions, so a row's result depends on neither the number of threads nor the batch.
 */
import { fill, lowered } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { entry } from "../entry.ts";
import { combine } from "./combine.ts";

/** Keys of a score tile. */
export const DECODE_TILE = 128;

const scratch = `\
enum { $GROUP = 4 }; /* rows that share a pass over a tile of keys */
struct $scratch {
  float query[$GROUP][WIDE(D)] ALIGNED; /* zero beyond D */
  float tile[$GROUP][TILE] ALIGNED;
  float alpha[$GROUP], out[WIDE(DV)] ALIGNED;
  struct scaling scaling;
  struct run run;
  int32_t b, first_head, offset;
};
struct $partial { float most, sum, padding[14], out[WIDE(DV)]; };
_Static_assert(sizeof(struct $partial) == 64 + (DV + 15) / 16 * 64, "layout");

INLINE int32_t $head(const struct vigil_launch *L, const struct $scratch *w, int row) { return w->first_head + row / (int32_t)L->M; }
INLINE int32_t $query(const struct vigil_launch *L, int row) { return row % (int32_t)L->M; }`;

const adjust = `\
/* s = score(scale s), -inf where masked and beyond count; returns m' = max(m, s). Lanes are keys. */
static float $adjust(const struct vigil_launch *L, const struct $scratch *w, float *tile, int key, int count, int row, float most_before) {
  const int32_t b = w->b, h = $head(L, w, row), q = $query(L, row) + w->offset;
  (void)L, (void)key, (void)b, (void)h, (void)q;
  const float scale = w->scaling.natural;
  f32x most = v_set(most_before);
  (void)scale;
  for (int n = 0; n < count; n += LANES) {
    const i32x kv = key + n + v_count();
    f32x score = v_load(tile + n);
    i32x keep = n + v_count() < count;
    (void)kv;
    @score
    if (w->run.kind == RUN_PARTIAL) {
      @mask
    }
    score = v_choose(keep, score, v_set(-INFINITY));
    v_store(tile + n, score);
    most = v_larger(score, most);
  }
  return v_most(most);
}`;

/** Bytes of eight keys; none is read beyond the run. */
const bitLines = [
  "uint32_t bits = 0;",
  "for (int past = 0; past < LANES && n + past < count; past += 8) bits |= mask_byte(L, &w->run, key + n + past, $query(L, row)) << past;",
  "keep &= v_mask(bits);",
];

function adjustFunction(context: KernelContext): string {
  const { spec } = context;
  const site = {
    laneAxis: "kv",
    axes: { b: "b", h: "h", q: "q", kv: "kv" },
    score: { logit: "logit", dot: "score", scale: "scale" },
  } as const;
  const score = lowered(context, spec.score, site);
  const mask = lowered(context, spec.mask, site);
  const scoped = (lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ["{", ...lines.map((line) => `  ${line}`), "}"];
  // Score and mask may declare the same names: each has a block of its own.
  const scoreLines = scoped(
    score === null
      ? []
      : [
          "const f32x logit = score * scale;",
          "(void)logit;",
          ...score.outside,
          ...score.inside,
          `score = ${score.result};`,
        ],
  );
  const maskLines =
    mask === null ? [] : [...mask.outside, ...mask.inside, `keep &= ${mask.result};`];
  return fill(adjust, context, {
    score: scoreLines,
    mask: spec.maskBits ? bitLines : maskLines,
  });
}

const tile = `\
/* p = 2^(c (s - m')), in place; alpha = 2^(c (m - m')); l = alpha l + sum of p. Returns alpha. */
static float $weigh(const struct $scratch *w, struct $partial *partial, float *tile, int count, float most) {
  const f32x factor = v_set(w->scaling.weight), floor = v_set(w->scaling.floor), to = v_reference(v_set(most));
  f32x sum = v_set(0.0f);
  const float alpha = v_weight(partial->most - to, factor, floor)[0];
  for (int n = 0; n < count; n += LANES) {
    f32x p = v_weight(v_load(tile + n) - to, factor, floor);
    v_store(tile + n, p);
    sum += p;
  }
  partial->most = most;
  partial->sum = fmaf(alpha, partial->sum, v_sum(sum));
  return alpha;
}

/* s[row][key] = q . k */
INLINE void $dots(const int keys, const int rows, const @type_t *key, int64_t stride, const struct $scratch *w, int at) {
  f32x sum[4][4];
  for (int i = 0; i < keys; i++) UNROLL(4) for (int r = 0; r < rows; r++) sum[i][r] = v_set(0.0f);
  for (int d = 0; d < D; d += LANES) {
    f32x k[4];
    UNROLL(4) for (int i = 0; i < keys; i++) k[i] = d + LANES <= D ? @type_load(key + i * stride + d) : @type_load_some(key + i * stride + d, D - d);
    UNROLL(4) for (int r = 0; r < rows; r++) {
      f32x q = v_load(w->query[r] + d);
      UNROLL(4) for (int i = 0; i < keys; i++) sum[i][r] = v_fma(q, k[i], sum[i][r]);
    }
  }
  UNROLL(4) for (int i = 0; i < keys; i++) UNROLL(4) for (int r = 0; r < rows; r++) ((struct $scratch *)w)->tile[r][at + i] = v_sum(sum[i][r]);
}
INLINE void $scores(const int rows, const @type_t *key, int64_t stride, struct $scratch *w, int count) {
  int n = 0;
  for (; n + 4 <= count; n += 4) $dots(4, rows, key + n * stride, stride, w, n);
  for (; n < count; n++) $dots(1, rows, key + n * stride, stride, w, n);
}

/* O[row][v..] = alpha O + p V, for a few vectors of columns. */
INLINE void $columns(const int vectors, const int rows, const @type_t *value, int64_t stride, const struct $scratch *w, struct $partial *partial, int v, int count) {
  f32x sum[4][4];
  UNROLL(4) for (int r = 0; r < rows; r++) UNROLL(4) for (int i = 0; i < vectors; i++) sum[r][i] = w->alpha[r] * v_load(partial[r].out + v + i * LANES);
  for (int n = 0; n < count; n++, value += stride) {
    f32x own[4];
    UNROLL(4) for (int i = 0; i < vectors; i++) {
      const int at = v + i * LANES;
      own[i] = at + LANES <= DV ? @type_load(value + at) : @type_load_some(value + at, DV - at);
    }
    UNROLL(4) for (int r = 0; r < rows; r++) UNROLL(4) for (int i = 0; i < vectors; i++) sum[r][i] = v_fma(v_set(w->tile[r][n]), own[i], sum[r][i]);
  }
  UNROLL(4) for (int r = 0; r < rows; r++) UNROLL(4) for (int i = 0; i < vectors; i++) v_store(partial[r].out + v + i * LANES, sum[r][i]);
}
INLINE void $values(const int rows, const @type_t *value, int64_t stride, const struct $scratch *w, struct $partial *partial, int count) {
  int v = 0;
  for (; v + 4 * LANES <= DV; v += 4 * LANES) $columns(4, rows, value, stride, w, partial, v, count);
  for (; v < DV; v += LANES) $columns(1, rows, value, stride, w, partial, v, count);
}`;

const group = `\
/* The passes for 1 to 4 rows; one number of rows is one copy of the products. */
static void $tile(const struct vigil_launch *L, struct $scratch *w, const @type_t *key, const @type_t *value, struct $partial *partial, int row, int rows, int at, int count) {
  key += at * L->keyRow, value += at * L->valueRow;
  if (rows == 1) $scores(1, key, L->keyRow, w, count);
  else if (rows == 2) $scores(2, key, L->keyRow, w, count);
  else $scores(4, key, L->keyRow, w, count);
  for (int r = 0; r < rows; r++) {
    float most = $adjust(L, w, w->tile[r], at, count, row + r, partial[r].most);
    w->alpha[r] = $weigh(w, &partial[r], w->tile[r], count, most);
  }
  if (rows == 1) $values(1, value, L->valueRow, w, partial, count);
  else if (rows == 2) $values(2, value, L->valueRow, w, partial, count);
  else if (rows == 3) $values(3, value, L->valueRow, w, partial, count);
  else $values(4, value, L->valueRow, w, partial, count);
}

/* How many rows from \`row\` on share its runs of keys. */
static int $together(const struct vigil_launch *L, const struct $scratch *w, int row, int total) {
  int rows = 1;
  for (; rows < $GROUP && row + rows < total; rows++) {
    if (L->rowStart == NULL) continue;
    if (L->maskH != 1 && $head(L, w, row + rows) != $head(L, w, row)) break;
    if ($query(L, row + rows) / L->blockQ != $query(L, row) / L->blockQ) break;
  }
  return rows;
}

static void $item(const struct vigil_launch *L, struct $scratch *w, int64_t n) {
  const int32_t *record = L->items + 4 * n;
  const int32_t group = record[1], total = (int32_t)(L->Hq / L->Hkv * L->M);
  w->b = record[0], w->first_head = (int32_t)(L->Hq / L->Hkv) * group, w->offset = L->queryOffset[w->b];
  w->scaling = scaling_of(L->scale, @hasScore);
  struct $partial *partial = (struct $partial *)L->partials + n * total;
  const @type_t *key = (const @type_t *)L->key + w->b * L->keyB + group * L->keyH;
  const @type_t *value = (const @type_t *)L->value + w->b * L->valueB + group * L->valueH;
  for (int row = 0, rows; row < total; row += rows, partial += rows) {
    rows = $together(L, w, row, total);
    memset(partial, 0, rows * sizeof *partial);
    for (int r = 0; r < rows; r++) {
      const @type_t *query = (const @type_t *)L->query + w->b * L->queryB + $head(L, w, row + r) * L->queryH + $query(L, row + r) * L->queryRow;
      partial[r].most = -INFINITY;
      for (int d = 0; d < D; d += LANES) v_store(w->query[r] + d, w->scaling.dot * (d + LANES <= D ? @type_load(query + d) : @type_load_some(query + d, D - d)));
    }
    struct runs runs;
    runs_begin(&runs, L, w->b, $head(L, w, row), $query(L, row));
    while (runs_next(&runs, &w->run, record[2], record[3])) {
      for (int at = w->run.start; at < w->run.end; at += TILE) {
        $tile(L, w, key, value, partial, row, rows, at, w->run.end - at < TILE ? w->run.end - at : TILE);
      }
    }
  }
}`;

export function emitDecode(context: KernelContext): string {
  const { spec } = context;
  const parts = { type: spec.dtype, hasScore: spec.score === null ? "0" : "1" };
  return [
    `#define D ${spec.D}`,
    `#define DV ${spec.Dv}`,
    `#define TILE ${DECODE_TILE}`,
    "#define WIDE(n) (((n) + 15) / 16 * 16)",
    fill(scratch, context, {}),
    adjustFunction(context),
    fill(tile, context, parts),
    fill(group, context, parts),
    combine(context),
    entry(context, { packs: false, combines: true, tiles: false }),
    "#undef D\n#undef DV\n#undef TILE\n#undef WIDE",
  ].join("\n\n");
}
