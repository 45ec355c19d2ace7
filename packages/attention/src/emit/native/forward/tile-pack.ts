/** What tiles are loaded from: queries and values turned, so that pairs along the summed axis are neighbours. */
import { fill } from "../context.ts";
import type { KernelContext } from "../context.ts";

const template = `\
/* 32 elements of a row from column d, as 16 words; zero from \`width\` on. */
INLINE f32x $words(const uint16_t *row, int d, int width) {
  uint16_t some[32] ALIGNED = { 0 };
  if (d + 32 <= width) return v_load((const float *)(row + d));
  for (int n = 0; d + n < width; n++) some[n] = row[d + n];
  return v_load((const float *)some);
}

/* Q^T of 32 rows: [d / 32][vector][pair of d][query]. A factor other than 1 is -1, or so small that it leaves nothing. */
static void $pack_queries(const struct vigil_launch *L, struct $scratch *w) {
  const uint16_t *query = (const uint16_t *)L->query + w->b * L->queryB + w->h * L->queryH + w->first * L->queryRow;
  for (int d = 0; d < WIDE; d += 32) for (int j = 0; j < 2; j++) {
    f32x r[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      int own = w->row + j * LANES + lane;
      r[lane] = $words(query + (own < w->last ? own : w->last) * L->queryRow, d, D);
    }
    v_transpose(r);
    for (int n = 0; n < LANES; n++) {
      if (w->scaling.dot != 1.0f) {
        f32x low = (f32x)((u32x)r[n] << 16), high = (f32x)((u32x)r[n] & 0xffff0000u);
        r[n] = (f32x)v_round_pairs(low * w->scaling.dot, high * w->scaling.dot);
      }
      v_store((float *)w->query[d / 32][j] + n * LANES, r[n]);
    }
  }
}

/* V^T of 32 keys: [v][key]; zero from \`count\` keys on. */
static void $pack_values(uint16_t *to, const uint16_t *value, int64_t stride, int count) {
  for (int v = 0; v < WIDE_V; v += 16) {
    f32x r[LANES];
    for (int n = 0; n < LANES; n++) {
      const uint16_t *first = value + 2 * n * stride + v;
      uint16_t rows[2][16] ALIGNED = { 0 };
      if (2 * n + 1 < count && v + 16 <= DV) {
        r[n] = (f32x)(__builtin_convertvector(v_load16(first), u32x) | __builtin_convertvector(v_load16(first + stride), u32x) << 16);
        continue;
      }
      for (int half = 0; half < 2 && 2 * n + half < count; half++)
        for (int i = 0; i < 16 && v + i < DV; i++) rows[half][i] = first[half * stride + i];
      r[n] = (f32x)(__builtin_convertvector(v_load16(rows[0]), u32x) | __builtin_convertvector(v_load16(rows[1]), u32x) << 16);
    }
    v_transpose(r);
    for (int n = 0; n < LANES; n++) v_store((float *)(to + (v + n) * 32), r[n]);
  }
}

static void $pack(const struct vigil_launch *L, const struct $scratch *w, const int32_t *record) {
  const int64_t b = record[0], h = record[1], plane = (b * L->Hkv + h) * ((L->N + 31) & ~31);
  const int32_t length = L->kvLength[b];
  (void)w;
  for (int32_t key = record[2]; key < record[3]; key += 32) {
    const int count = length - key < 32 ? (length > key ? length - key : 0) : 32;
    const uint16_t *value = (const uint16_t *)L->value + b * L->valueB + h * L->valueH + key * L->valueRow;
    $pack_values(L->packedValues + (plane + key) * WIDE_V, value, L->valueRow, count);
    if (L->packedKeys == NULL) continue;
    const uint16_t *from = (const uint16_t *)L->key + b * L->keyB + h * L->keyH + key * L->keyRow;
    uint16_t *to = L->packedKeys + (plane + key) * WIDE;
    for (int n = 0; n < 32; n++, to += WIDE, from += L->keyRow) {
      if (n < count) memcpy(to, from, 2 * D);
      memset(to + (n < count ? D : 0), 0, 2 * (n < count ? WIDE - D : WIDE));
    }
  }
}`;

export const packTiles = (context: KernelContext): string => fill(template, context, {});
