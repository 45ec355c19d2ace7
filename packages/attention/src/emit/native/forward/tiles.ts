/**
 * The forward schedule in bf16 on the CPU's tiles: 64 queries at a time in two halves of 32, which take turns. While one
 * half's products run on the tiles, the other takes its exponentials.
 *
 *     A: max | B: values(before), scores(now)   with A's exponentials | B: max | A: values(now), scores(next)   with B's ...
 *
 * Keys are processed in groups of 32, at multiples of 32. Rows of a group that lie outside the run are masked.
 */
import { fill, hasMask, lowered } from "../context.ts";
import type { KernelContext } from "../context.ts";
import { entry } from "../entry.ts";
import { packTiles } from "./tile-pack.ts";

/** Keys of one block. */
export const blockKeys = ({ spec }: KernelContext): number =>
  Math.max(spec.D, spec.Dv) <= 128 ? 256 : 128;

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

const scratch = `\
/* Keys start .. start + count - 1, multiples of 32; where it is edged, \`keep\` has a bit for each query that attends to a key. */
struct $block {
  int32_t start, count;
  int edged;
  uint32_t keep[2][BLOCK];
};
/* 32 queries. */
struct $half {
  uint32_t query[WIDE / 32][2][256] ALIGNED; /* pairs of d */
  float out[WIDE_V * 32] ALIGNED; /* O^T */
  float score[BLOCK * 32] ALIGNED; /* S^T; then P^T, a pair of keys in the place of its first */
  f32x most[2], before[2], sum[2], to[2]; /* before: what scores are taken relative to; to: -c before */
  int row, active, which;
};
struct $scratch {
  struct $half half[2];
  struct $block block[2];
  struct scaling scaling;
  struct run run;
  struct runs runs;
  int32_t at; /* the first key of the run that is not in a block yet */
  int32_t b, h, first, last, offset;
  const uint16_t *keys, *values; /* values: [group of 32 keys][WIDE_V][32] */
  int64_t key_row;
  f32x factor;
};
INLINE i32x $positions(const struct $scratch *w, int row, int j) {
  return v_mini(row + j * LANES + v_count(), v_seti(w->last)) + (w->first + w->offset);
}`;

const stages = `\
/* p = 2^(c s - c m') of keys k .. k + n - 1 of one half, n even; l += p. */
INLINE void $exponentials(struct $half *Y, f32x factor, int k, int n) {
  const f32x to0 = Y->to[0], to1 = Y->to[1];
  f32x sum0 = Y->sum[0], sum1 = Y->sum[1];
  UNROLL(2) for (int i = k; i < k + n; i += 2) {
    float *s = Y->score + i * 32;
    f32x a = v_exp2(v_fma(v_load(s), factor, to0)), b = v_exp2(v_fma(v_load(s + 32), factor, to0));
    f32x c = v_exp2(v_fma(v_load(s + 16), factor, to1)), d = v_exp2(v_fma(v_load(s + 48), factor, to1));
    sum0 += a + b, sum1 += c + d;
    v_storei(s, v_pairs(a, b)), v_storei(s + 16, v_pairs(c, d));
  }
  Y->sum[0] = sum0, Y->sum[1] = sum1;
}

/* S^T of 32 keys. */
INLINE void $scores(const struct $scratch *w, const struct $half *X, int32_t start, int k) {
  const uint16_t *keys = w->keys + (start + k) * w->key_row;
  const int64_t stride = w->key_row * 2;
  tile_zero(0); tile_zero(1); tile_zero(2); tile_zero(3);
  UNROLL(4) for (int d = 0; d < WIDE / 32; d++) {
    tile_load(4, keys + d * 32, stride); tile_load(6, X->query[d][0], 64);
    tile_dot(0, 4, 6);
    tile_load(7, X->query[d][1], 64);
    tile_dot(1, 4, 7);
    tile_load(5, keys + 16 * w->key_row + d * 32, stride);
    tile_dot(2, 5, 6); tile_dot(3, 5, 7);
  }
}
/* Tiles 0 to 3 as 32 rows of 32. */
INLINE void $store(float *to) {
  tile_store(0, to, 128); tile_store(1, to + 16, 128); tile_store(2, to + 16 * 32, 128); tile_store(3, to + 16 * 32 + 16, 128);
}

/* @title: 32 keys of a block, from number k. */
static void $adjust@masked(const struct vigil_launch *L, const struct $scratch *w, struct $half *X, const struct $block *block, int k) {
  const int32_t b = w->b, h = w->h;
  float *at = X->score + k * 32;
  const uint32_t *keep = block->keep[X->which] + k;
  f32x most[2] = { X->most[0], X->most[1] };
  @outside
  (void)L, (void)keep, (void)b, (void)h;
  @unroll for (int n = 0; n < 32; n++, at += 32) {
    @perKey
    EACH_VECTOR {
      f32x score = v_load(at + j * LANES);
      @inside
      most[j] = v_larger(score, most[j]);
    }
  }
  X->most[0] = most[0], X->most[1] = most[1];
}`;

const pipeline = `\
INLINE void $adjust_block(const struct vigil_launch *L, const struct $scratch *w, struct $half *X, const struct $block *block, int k) {
  @adjust
}

/*
 * The maximum of a block is known. What scores are taken relative to follows it only where a lane's grew by more than 2^8:
 * weights may be that large, and what earlier blocks summed is seldom rescaled.
 */
static void $settle(const struct $scratch *w, struct $half *X) {
  i32x grew[2];
  f32x alpha[2];
  EACH_VECTOR grew[j] = (X->most[j] - X->before[j]) * w->factor > 8.0f;
  if (!v_any(grew[0] | grew[1])) return;
  EACH_VECTOR {
    X->to[j] = v_choose(grew[j], -(X->most[j] * w->factor), X->to[j]);
    alpha[j] = v_choose(grew[j], v_exp2(v_fma(X->before[j], w->factor, X->to[j])), v_set(1.0f));
    X->before[j] = v_choose(grew[j], X->most[j], X->before[j]);
    X->sum[j] *= alpha[j];
  }
  for (int v = 0; v < WIDE_V; v++) EACH_VECTOR {
    float *out = X->out + v * 32 + j * LANES;
    v_store(out, alpha[j] * v_load(out));
  }
}

/* O^T += V^T P^T of X over block \`done\`, then S^T of X for block \`next\`; between them the exponentials of Y for block \`now\`. */
static void $stage(const struct vigil_launch *L, const struct $scratch *w, struct $half *X, const struct $block *done, const struct $block *next, struct $half *Y, const struct $block *now) {
  const f32x factor = w->factor;
  const int all = now != NULL && Y->active ? now->count : 0;
  int k = 0;
  if (done != NULL && X->active) for (int v = 0; v < WIDE_V; v += 32) {
    float *out = X->out + v * 32;
    tile_load(0, out, 128); tile_load(1, out + 16, 128); tile_load(2, out + 16 * 32, 128); tile_load(3, out + 16 * 32 + 16, 128);
    for (int g = 0; g < done->count / 32; g++) {
      const uint16_t *values = w->values + ((int64_t)done->start + g * 32) * WIDE_V + v * 32;
      tile_load(4, values, 64); tile_load(6, X->score + g * 1024, 256);
      tile_dot(0, 4, 6);
      tile_load(7, X->score + g * 1024 + 16, 256);
      tile_dot(1, 4, 7);
      tile_load(5, values + 16 * 32, 64);
      tile_dot(2, 5, 6); tile_dot(3, 5, 7);
      if (k + STEP <= all) $exponentials(Y, factor, k, STEP), k += STEP;
    }
    $store(out);
  }
  if (next != NULL && X->active) {
    for (int n = 0; n < next->count; n += 32) {
      /* Tiles are stored when they are done, and read back when they have been stored: other work lies between. */
      $scores(w, X, next->start, n);
      if (k + 16 <= all) $exponentials(Y, factor, k, 16), k += 16;
      $store(X->score + n * 32);
      if (n > 0) $adjust_block(L, w, X, next, n - 32);
    }
  }
  for (; k < all; k += 2) $exponentials(Y, factor, k, 2);
  if (next != NULL && X->active) $adjust_block(L, w, X, next, next->count - 32);
}

/* A and B take turns over all blocks that any of their queries attends to. */
static void $blocks(const struct vigil_launch *L, struct $scratch *w) {
  struct $half *A = &w->half[0], *B = &w->half[1];
  struct $block *before = NULL, *now = $next(L, w, &w->block[0]);
  if (now == NULL) return;
  $stage(L, w, A, NULL, now, B, NULL);
  int slot = 1;
  while (now != NULL) {
    struct $block *free_slot = &w->block[slot];
    $settle(w, A);
    $stage(L, w, B, before, now, A, now);
    $settle(w, B);
    struct $block *next = $next(L, w, free_slot);
    $stage(L, w, A, now, next, B, now);
    before = now, now = next, slot ^= 1;
  }
  $stage(L, w, B, before, NULL, A, NULL);
}`;

const blocks = `\
/* A run's next block: at most BLOCK keys, at multiples of 32; those that lie outside the run, and that the mask leaves out, are not kept. */
static struct $block *$next(const struct vigil_launch *L, struct $scratch *w, struct $block *block) {
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
    for (int x = 0; x < 2; x++) for (int n = 0; n < block->count; n++) block->keep[x][n] = start + n >= from && start + n < stop ? UINT32_MAX : 0;
    @keep
    return block;
  }
}`;

const keepLines = [
  "if (w->run.kind == RUN_PARTIAL) {",
  "  int low = block->count, high = 0;",
  "  for (int x = 0; x < 2 && w->half[x].active; x++) $keep(L, w, &w->half[x], block, from - start, stop - start, &low, &high);",
  "  if (low >= high) continue;",
  "  /* Groups that nobody attends to drop out at both ends. */",
  "  low &= ~31, high = (high + 31) & ~31;",
  "  block->start += low, block->count = high - low;",
  "  for (int x = 0; x < 2; x++) memmove(block->keep[x], block->keep[x] + low, (high - low) * 4);",
  "}",
];

const keep = `\
/* Bits of the keys low .. high - 1 of a block for one half; widens the range that is alive. */
static void $keep(const struct vigil_launch *L, const struct $scratch *w, const struct $half *X, struct $block *block, int from, int to, int *low, int *high) {
  const int32_t b = w->b, h = w->h, key = block->start, row = X->row;
  @before
  (void)L, (void)b, (void)h, (void)row;
  for (int n = from; n < to; n++) {
    const int32_t kv = key + n;
    uint32_t bits = 0;
    (void)kv;
    @bits
    block->keep[X->which][n] = bits;
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
    score: "",
  });
  if (mask === null) return "";
  return fill(keep, context, {
    before: [
      "i32x q[NV];",
      "EACH_VECTOR q[j] = $positions(w, row, j);",
      "(void)q;",
      ...mask.outside,
    ],
    bits: [
      ...mask.perKey,
      "EACH_VECTOR {",
      ...mask.inside.map((line) => `  ${line}`),
      `  bits |= v_bits(${mask.result}) << (j * LANES);`,
      "}",
    ],
  });
}

function stagesText(context: KernelContext, masked: boolean): string {
  const score = lowered(context, context.spec.score, {
    laneAxis: "q",
    axes: { b: "b", h: "h", q: "q[j]", kv: "kv" },
    score: "logit",
  });
  const [products = "", adjust = ""] = stages.split("\n/* @title");
  const text = masked ? `/* @title${adjust}` : `${products}\n/* @title${adjust}`;
  return fill(text, context, {
    title: `${score === null ? "s as it is" : "s = score(scale s)"}${masked ? ", -inf where masked" : ""}; m' = max(m, s)`,
    masked: masked ? "_masked" : "",
    outside:
      score === null
        ? ["(void)block, (void)w;"]
        : [
            "i32x q[NV];",
            "EACH_VECTOR q[j] = $positions(w, X->row, j);",
            "(void)q;",
            ...score.outside,
          ],
    unroll: score === null ? "UNROLL(4)" : "UNROLL(1)",
    perKey:
      score === null
        ? []
        : ["const int32_t kv = block->start + k + n;", "(void)kv;", ...score.perKey],
    inside: [
      ...(score === null
        ? []
        : [
            "const f32x logit = score * w->scaling.natural;",
            "(void)logit;",
            ...score.inside,
            `score = ${score.result};`,
          ]),
      ...(masked
        ? ["score = v_choose(v_mask(keep[n] >> (j * LANES)), score, v_set(-INFINITY));"]
        : []),
      ...(score !== null || masked ? ["v_store(at + j * LANES, score);"] : []),
    ],
  });
}

const item = `\
/* 64 rows of an item, from number \`row\`. */
static void $rows(const struct vigil_launch *L, struct $scratch *w, int row) {
  for (int x = 0; x < 2; x++) {
    struct $half *X = &w->half[x];
    X->row = row + x * 32, X->which = x, X->active = X->row <= w->last;
    if (!X->active) continue;
    $pack_queries(L, w, X);
    memset(X->out, 0, sizeof X->out);
    EACH_VECTOR X->most[j] = X->before[j] = v_set(-INFINITY), X->sum[j] = X->to[j] = v_set(0.0f);
  }
  runs_begin(&w->runs, L, w->b, w->h, w->first);
  w->at = w->run.end = 0;
  $blocks(L, w);
  uint16_t *out = (uint16_t *)L->out + w->b * L->outB + w->h * L->outH + w->first * L->outRow;
  const int64_t rows = (w->b * L->Hq + w->h) * L->M + w->first;
  for (int x = 0; x < 2 && w->half[x].active; x++) {
    struct $half *X = &w->half[x];
    f32x factor[NV];
    EACH_VECTOR {
      struct finished done = v_finish(X->most[j], X->before[j], X->sum[j], w->scaling.size, sink_of(L, w->h));
      factor[j] = done.factor;
      for (int lane = 0, own = X->row + j * LANES; lane < LANES && own <= w->last; lane++, own++) {
        if (L->lse != NULL) L->lse[rows + own] = done.lse[lane];
        if (L->max != NULL) L->max[rows + own] = done.max[lane];
      }
    }
    bf16_unpack(out, L->outRow, X->out, DV, X->row, w->last, factor);
  }
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
  for (int row = 0; row <= w->last; row += 64) $rows(L, w, row);
}`;

/** Keys whose exponentials come with one step of the values' products: half of a block's, over as many steps as there are. */
const stepOf = (wide: number): number => Math.max(2, Math.ceil(256 / wide) * 2);

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
  ] as const;
  return [
    constants.map(([name, value]) => `#define ${name} ${value}`).join("\n"),
    fill(scratch, context, {}),
    packTiles(context),
    stagesText(context, false),
    stagesText(context, true),
    keepFunction(context),
    fill(blocks, context, {
      partial: masked ? "w->run.kind == RUN_PARTIAL ||" : "",
      keep: masked ? keepLines.map((line) => line.replaceAll("$", () => `${context.symbol}_`)) : [],
    }),
    fill(pipeline, context, {
      adjust: [
        "if (block->edged) $adjust_masked(L, w, X, block, k);",
        "else $adjust(L, w, X, block, k);",
      ],
    }),
    fill(item, context, { hasScore: spec.score === null ? "0" : "1" }),
    entry(context, { packs: true, combines: false, tiles: true }),
    constants.map(([name]) => `#undef ${name}`).join("\n"),
  ].join("\n\n");
}
