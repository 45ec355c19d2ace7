/**
 * The forward schedule in bf16 on the CPU's tiles: 32 queries at a time, in two vectors. While a block of keys has its exponentials
 * taken, the tiles compute the values' product of the block before, and the scores of the block after.
 *
 * What 32 queries need (queries, output, scores of two blocks) stays in the first-level cache. Keys are processed in groups
 * of 32, at multiples of 32; rows of a group that lie outside the run are masked.
 */
import { fill, hasMask, lowered } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { entry } from "../entry.ts";
import { packTiles } from "./tile-pack.ts";

/** Keys of one block. */
export const blockKeys = ({ spec }: KernelContext): number =>
  Math.max(spec.D, spec.Dv) <= 64 ? 64 : 128;

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

const scratch = `\
/* Keys start .. start + count - 1, multiples of 32; where it is edged, \`keep\` has a bit for each query that attends to a key. */
struct $block {
  int32_t start, count;
  int edged;
  float *score; /* S^T; then P^T, a pair of keys in the place of its first */
  uint32_t keep[BLOCK];
};
struct $scratch {
  uint32_t query[WIDE / 32][2][256] ALIGNED; /* Q^T, pairs of d */
  float out[WIDE_V * 32] ALIGNED; /* O^T */
  float score[2][BLOCK * 32] ALIGNED;
  struct $block block[3];
  f32x most[2], before[2], sum[2], to[2], alpha[2]; /* before: what scores are taken relative to; to: -c before */
  int moved;
  f32x factor;
  struct scaling scaling;
  struct run run;
  struct runs runs;
  int32_t at; /* the first key of the run that is not in a block yet */
  int32_t b, h, first, last, offset, row; /* row: the first of the 32 */
  i32x q[2]; /* positions; spare lanes repeat the item's last row */
  const uint16_t *keys, *values; /* values: [group of 32 keys][WIDE_V][32] */
  int64_t key_row;
};`;

const exponentials = `\
/* p = 2^(c s - c m') of keys k .. k + n - 1, n even; l += p. */
INLINE void $exponentials(struct $scratch *w, const struct $block *block, int k, int n) {
  const f32x factor = w->factor, to0 = w->to[0], to1 = w->to[1];
  f32x sum0 = w->sum[0], sum1 = w->sum[1];
  UNROLL(2) for (int i = k; i < k + n; i += 2) {
    float *s = block->score + i * 32;
    f32x a = v_exp2(v_fma(v_load(s), factor, to0)), b = v_exp2(v_fma(v_load(s + 32), factor, to0));
    f32x c = v_exp2(v_fma(v_load(s + 16), factor, to1)), d = v_exp2(v_fma(v_load(s + 48), factor, to1));
    sum0 += a + b, sum1 += c + d;
    v_storei(s, v_pairs(a, b)), v_storei(s + 16, v_pairs(c, d));
  }
  w->sum[0] = sum0, w->sum[1] = sum1;
}`;

const adjust = `\
/* @title: keys k .. k + count - 1 of a block. */
static void $adjust@masked(const struct vigil_launch *L, struct $scratch *w, const struct $block *block, int k, int count) {
  const int32_t b = w->b, h = w->h;
  float *at = block->score + k * 32;
  const uint32_t *keep = block->keep + k;
  f32x most[2] = { w->most[0], w->most[1] };
  @outside
  (void)L, (void)keep, (void)b, (void)h;
  @unroll for (int n = 0; n < count; n++, at += 32) {
    @perKey
    EACH_VECTOR {
      f32x score = v_load(at + j * LANES);
      @inside
      most[j] = v_larger(score, most[j]);
    }
  }
  w->most[0] = most[0], w->most[1] = most[1];
}`;

const pipeline = `\
INLINE void $adjust_any(const struct vigil_launch *L, struct $scratch *w, const struct $block *block, int k, int count) {
  if (block->edged) $adjust_masked(L, w, block, k, count);
  else $adjust(L, w, block, k, count);
}

/*
 * The maximum of a block is known. What scores are taken relative to follows it only where a lane's grew by more than 2^8:
 * weights may be that large, and what earlier blocks summed is seldom rescaled.
 */
static void $settle(struct $scratch *w) {
  i32x grew[2];
  EACH_VECTOR grew[j] = (w->most[j] - w->before[j]) * w->factor > 8.0f;
  w->moved = v_any(grew[0] | grew[1]);
  if (!w->moved) return;
  EACH_VECTOR {
    w->to[j] = v_choose(grew[j], -(w->most[j] * w->factor), w->to[j]);
    w->alpha[j] = v_choose(grew[j], v_exp2(v_fma(w->before[j], w->factor, w->to[j])), v_set(1.0f));
    w->before[j] = v_choose(grew[j], w->most[j], w->before[j]);
    w->sum[j] *= w->alpha[j];
  }
}

/* Tiles 0 to 3 as 32 rows of 32. */
INLINE void $store(float *to) {
  tile_store(0, to, 128); tile_store(1, to + 16, 128); tile_store(2, to + 16 * 32, 128); tile_store(3, to + 16 * 32 + 16, 128);
}

/* The four products of 32 columns: S^T of 32 keys += K Q^T. */
INLINE void $score_step(const struct $scratch *w, const uint16_t *keys, int d) {
  const int64_t stride = w->key_row * 2;
  tile_load(4, keys + d * 32, stride); tile_load(6, w->query[d][0], 64);
  tile_dot(0, 4, 6);
  tile_load(7, w->query[d][1], 64);
  tile_dot(1, 4, 7);
  tile_load(5, keys + 16 * w->key_row + d * 32, stride);
  tile_dot(2, 5, 6); tile_dot(3, 5, 7);
}

/* O^T += V^T P^T over block \`done\`, then S^T of block \`next\`; between them the exponentials of block \`now\`. */
static void $stage(const struct vigil_launch *L, struct $scratch *w, const struct $block *done, const struct $block *now, const struct $block *next) {
  const int all = now == NULL ? 0 : now->count;
  int k = 0;
  if (done != NULL) for (int v = 0; v < WIDE_V; v += 32) {
    float *out = w->out + v * 32;
    tile_load(0, out, 128); tile_load(1, out + 16, 128); tile_load(2, out + 16 * 32, 128); tile_load(3, out + 16 * 32 + 16, 128);
    for (int g = 0; g < done->count / 32; g++) {
      const uint16_t *values = w->values + ((int64_t)done->start + g * 32) * WIDE_V + v * 32;
      const float *weights = done->score + g * 1024;
      tile_load(4, values, 64); tile_load(6, weights, 256);
      tile_dot(0, 4, 6);
      tile_load(7, weights + 16, 256);
      tile_dot(1, 4, 7);
      tile_load(5, values + 16 * 32, 64);
      tile_dot(2, 5, 6); tile_dot(3, 5, 7);
      if (k + STEP <= all) $exponentials(w, now, k, STEP), k += STEP;
    }
    $store(out);
  }
  if (next != NULL) for (int n = 0; n < next->count; n += 32) {
    /* Tiles are stored when they are done, and read back when they have been stored: other work lies between. */
    tile_zero(0); tile_zero(1); tile_zero(2); tile_zero(3);
    UNROLL(16) for (int d = 0; d < STEPS; d++) {
      $score_step(w, w->keys + (next->start + n) * w->key_row, d);
      if (n > 0 && d % EVERY == 0 && d / EVERY * ADJUSTED < 32) $adjust_any(L, w, next, n - 32 + d / EVERY * ADJUSTED, ADJUSTED);
      if (k + WEIGHED <= all) $exponentials(w, now, k, WEIGHED), k += WEIGHED;
    }
    $store(next->score + n * 32);
  }
  for (; k < all; k += 2) $exponentials(w, now, k, 2);
  if (next != NULL) $adjust_any(L, w, next, next->count - 32, 32);
  if (done != NULL && now != NULL && w->moved) for (int v = 0; v < WIDE_V; v++) EACH_VECTOR {
    float *out = w->out + v * 32 + j * LANES;
    v_store(out, w->alpha[j] * v_load(out));
  }
}

/* All blocks that any of the 32 queries attends to. */
static void $blocks(const struct vigil_launch *L, struct $scratch *w) {
  const struct $block *done = NULL, *now = $next(L, w, 0);
  if (now != NULL) $stage(L, w, NULL, NULL, now);
  for (int turn = 1; now != NULL; turn++) {
    $settle(w);
    const struct $block *next = $next(L, w, turn);
    $stage(L, w, done, now, next);
    done = now, now = next;
  }
  if (done != NULL) $stage(L, w, done, NULL, NULL);
}`;

const blocks = `\
/* A run's next block: at most BLOCK keys, at multiples of 32; those that lie outside the run, and that the mask leaves out, are not kept. */
static const struct $block *$next(const struct vigil_launch *L, struct $scratch *w, int turn) {
  struct $block *block = &w->block[turn % 3];
  block->score = w->score[turn % 2];
  (void)L;
  for (;;) {
    if (w->at >= w->run.end) {
      if (!runs_next(&w->runs, &w->run, 0, INT32_MAX)) return NULL;
      w->at = w->run.start;
    }
    const int32_t from = w->at, start = from & ~31, stop = w->run.end - start < BLOCK ? w->run.end : start + BLOCK;
    w->at = stop;
    block->start = start, block->count = (stop - start + 31) & ~31;
    block->edged = @partial from != start || (stop & 31) != 0;
    if (!block->edged) return block;
    for (int n = 0; n < block->count; n++) block->keep[n] = start + n >= from && start + n < stop ? UINT32_MAX : 0;
    @keep
    return block;
  }
}`;

const keepLines = [
  "if (w->run.kind == RUN_PARTIAL) {",
  "  int low = block->count, high = 0;",
  "  $keep(L, w, block, from - start, stop - start, &low, &high);",
  "  if (low >= high) continue;",
  "  /* Groups that nobody attends to drop out at both ends. */",
  "  low &= ~31, high = (high + 31) & ~31;",
  "  block->start += low, block->count = high - low;",
  "  memmove(block->keep, block->keep + low, (high - low) * sizeof *block->keep);",
  "}",
];

const keep = `\
/* Bits of the keys from .. to - 1 of a block, and the range that any query attends to. */
static void $keep(const struct vigil_launch *L, const struct $scratch *w, struct $block *block, int from, int to, int *low, int *high) {
  const int32_t b = w->b, h = w->h, key = block->start, row = w->row;
  @before
  (void)L, (void)b, (void)h, (void)row;
  for (int n = from; n < to; n++) {
    const int32_t kv = key + n;
    uint32_t bits = 0;
    (void)kv;
    @bits
    block->keep[n] = bits;
    if (bits == 0) continue;
    if (n < *low) *low = n;
    if (n + 1 > *high) *high = n + 1;
  }
}`;

const fromBits = {
  before: ["uint8_t bytes[32];"],
  bits: [
    "if (n == from || kv % 8 == 0) for (int lane = 0; lane < 32; lane++) {",
    "  int own = row + lane < w->last ? row + lane : w->last;",
    "  bytes[lane] = (uint8_t)mask_byte(L, &w->run, kv, w->first + own);",
    "}",
    "for (int lane = 0; lane < 32; lane++) bits |= (uint32_t)(bytes[lane] >> (kv - w->run.first) % 8 & 1) << lane;",
  ],
};

function keepFunction(context: KernelContext): string {
  if (context.spec.maskBits) return fill(keep, context, fromBits);
  const mask = lowered(context, context.spec.mask, {
    laneAxis: "q",
    axes: { b: "b", h: "h", q: "q[j]", kv: "kv" },
    score: null,
  });
  if (mask === null) return "";
  return fill(keep, context, {
    before: ["const i32x *const q = w->q;", "(void)q;", ...mask.outside],
    bits: [
      ...mask.perKey,
      "EACH_VECTOR {",
      ...mask.inside.map((line) => `  ${line}`),
      `  bits |= v_bits(${mask.result}) << (j * LANES);`,
      "}",
    ],
  });
}

function adjustFunction(context: KernelContext, masked: boolean): string {
  const score = lowered(context, context.spec.score, {
    laneAxis: "q",
    axes: { b: "b", h: "h", q: "q[j]", kv: "kv" },
    score: { logit: "logit", dot: "score", scale: "scale" },
  });
  const stored = "v_store(at + j * LANES, score);";
  const kept = "score = v_choose(v_mask(keep[n] >> (j * LANES)), score, v_set(-INFINITY));";
  return fill(adjust, context, {
    title: `${score === null ? "s as it is" : "s = score(scale s)"}${masked ? ", -inf where masked" : ""}; m' = max(m, s)`,
    masked: masked ? "_masked" : "",
    unroll: score === null ? "UNROLL(4)" : "UNROLL(1)",
    outside:
      score === null
        ? []
        : [
            "const float scale = w->scaling.natural;",
            "const i32x *const q = w->q;",
            "(void)q;",
            ...score.outside,
          ],
    perKey:
      score === null
        ? []
        : ["const int32_t kv = block->start + k + n;", "(void)kv;", ...score.perKey],
    inside: [
      ...(score === null
        ? []
        : [
            "const f32x logit = score * scale;",
            "(void)logit;",
            ...score.inside,
            `score = ${score.result};`,
          ]),
      ...(masked ? [kept] : []),
      ...(score !== null || masked ? [stored] : []),
    ],
  });
}

const item = `\
/* 32 rows of an item, from w->row. */
static void $rows(const struct vigil_launch *L, struct $scratch *w) {
  $pack_queries(L, w);
  memset(w->out, 0, sizeof w->out);
  EACH_VECTOR w->q[j] = v_mini(w->row + j * LANES + v_count(), v_seti(w->last)) + (w->first + w->offset);
  EACH_VECTOR w->most[j] = w->before[j] = v_set(-INFINITY), w->sum[j] = w->to[j] = v_set(0.0f);
  runs_begin(&w->runs, L, w->b, w->h, w->first);
  w->at = w->run.end = 0;
  $blocks(L, w);
  uint16_t *out = (uint16_t *)L->out + w->b * L->outB + w->h * L->outH + w->first * L->outRow;
  const int64_t rows = (w->b * L->Hq + w->h) * L->M + w->first;
  f32x factor[NV];
  EACH_VECTOR {
    struct finished done = v_finish(w->most[j], w->before[j], w->sum[j], w->scaling.size, sink_of(L, w->h));
    factor[j] = done.factor;
    for (int lane = 0, own = w->row + j * LANES; lane < LANES && own <= w->last; lane++, own++) {
      if (L->lse != NULL) L->lse[rows + own] = done.lse[lane];
      if (L->max != NULL) L->max[rows + own] = done.max[lane];
    }
  }
  bf16_unpack(out, L->outRow, w->out, DV, w->row, w->last, factor);
}

static void $item(const struct vigil_launch *L, struct $scratch *w, const int32_t *record) {
  w->b = record[0], w->h = record[1], w->first = record[2], w->last = record[3] - 1;
  w->offset = L->queryOffset[w->b];
  w->scaling = scaling_of(L->scale, @hasScore);
  w->factor = v_set(w->scaling.weight);
  const int64_t group = w->h * L->Hkv / L->Hq, plane = (w->b * L->Hkv + group) * ((L->N + 31) & ~31);
  w->keys = L->packedKeys != NULL ? L->packedKeys + plane * WIDE : (const uint16_t *)L->key + w->b * L->keyB + group * L->keyH;
  w->key_row = L->packedKeys != NULL ? WIDE : L->keyRow;
  w->values = L->packedValues + plane * WIDE_V;
  for (w->row = 0; w->row <= w->last; w->row += 32) $rows(L, w);
}`;

/** Keys whose exponentials come with one step of the values' products: half of a block's, over as many steps as there are. */
const stepOf = (wide: number): number => Math.max(2, Math.ceil(256 / wide) * 2);

/** Per step of the scores' products of 32 keys: keys to adjust, of the 32 before, and exponentials to take, 16 in all. */
function scoreSteps(steps: number): Readonly<Record<string, number>> {
  // As many of the steps as divide 32 evenly.
  const shares = [32, 16, 8, 4, 2, 1].find((share) => share <= steps) ?? 1;
  const WEIGHED = Math.max(2, Math.ceil(8 / steps) * 2);
  return { STEPS: steps, EVERY: Math.floor(steps / shares), ADJUSTED: 32 / shares, WEIGHED };
}

export function emitForwardTiles(context: KernelContext): string {
  const { spec } = context;
  const masked = hasMask(context);
  const wide = { keys: roundUp(spec.D, 32), values: roundUp(spec.Dv, 32) };
  const constants = [
    ["D", spec.D],
    ["DV", spec.Dv],
    ["WIDE", wide.keys],
    ["WIDE_V", wide.values],
    ["BLOCK", blockKeys(context)],
    ["STEP", stepOf(wide.values)],
    ...Object.entries(scoreSteps(wide.keys / 32)),
  ] as const;
  return [
    constants.map(([name, value]) => `#define ${name} ${value}`).join("\n"),
    fill(scratch, context, {}),
    packTiles(context),
    fill(exponentials, context, {}),
    adjustFunction(context, false),
    adjustFunction(context, true),
    keepFunction(context),
    fill(blocks, context, {
      partial: masked ? "w->run.kind == RUN_PARTIAL ||" : "",
      keep: masked ? keepLines.map((line) => line.replaceAll("$", () => `${context.symbol}_`)) : [],
    }),
    fill(pipeline, context, {}),
    fill(item, context, { hasScore: spec.score === null ? "0" : "1" }),
    entry(context, { packs: true, combines: false, tiles: true }),
    constants.map(([name]) => `#undef ${name}`).join("\n"),
  ].join("\n\n");
}
