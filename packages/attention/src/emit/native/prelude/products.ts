/**
 * The two products in f32, as register tiles: ROWS elements, broadcast, by one panel of queries (NV vectors).
 *
 * S^T = K Q^T: rows are keys, summed over d. O^T = V^T P^T: rows are columns of V, summed over keys. With 32 registers
 * 12 x 2 accumulators leave room for the rest, with 16 registers 6 x 2; a panel of 2 vectors divides a mask's blocks evenly.
 */
import { lanesOf } from "../abi.ts";
import type { NativeTarget } from "../abi.ts";

/** Vectors of queries side by side. */
export const VECTORS = 2;

export const panelOf = (target: NativeTarget): number => VECTORS * lanesOf(target);

/** Keys, or columns of V, of the largest register tile. */
export const rowsOf = (target: NativeTarget): number => (lanesOf(target) === 16 ? 12 : 6);

const text = `\
#define PANEL (NV * LANES)
#define EACH_VECTOR UNROLL(2) for (int j = 0; j < NV; j++)

INLINE void dot_rows(const int rows, const int width, const float *key, const float *query, float *tile) {
  f32x sum[ROWS][NV];
  UNROLL(12) for (int i = 0; i < rows; i++) EACH_VECTOR sum[i][j] = v_set(0.0f);
  UNROLL(4) for (int d = 0; d < width; d++, query += PANEL) {
    f32x q[NV];
    EACH_VECTOR q[j] = v_load(query + j * LANES);
    UNROLL(12) for (int i = 0; i < rows; i++) {
      f32x k = v_set(key[i * width + d]);
      EACH_VECTOR sum[i][j] = v_fma(k, q[j], sum[i][j]);
    }
  }
  UNROLL(12) for (int i = 0; i < rows; i++) EACH_VECTOR v_store(tile + i * PANEL + j * LANES, sum[i][j]);
}
/* Scores of \`count\` keys: as many large tiles as there are; the rest in small ones, which may overlap. */
INLINE void dot_tile(const int width, const float *key, const float *query, float *tile, int count) {
  int n = 0;
  for (; n + ROWS <= count; n += ROWS) dot_rows(ROWS, width, key + n * width, query, tile + n * PANEL);
  for (; n < count && count >= FEW; n += FEW) {
    int from = n + FEW <= count ? n : count - FEW;
    dot_rows(FEW, width, key + from * width, query, tile + from * PANEL);
  }
  for (; n < count; n++) dot_rows(1, width, key + n * width, query, tile + n * PANEL);
}

/* Rescaling what earlier tiles summed costs no pass of its own; where no maximum moved, alpha is NULL. */
INLINE void weigh_columns(const int columns, const int width, const float *value, const float *weight, float *out, const f32x *alpha, int count) {
  f32x sum[ROWS][NV];
  UNROLL(12) for (int i = 0; i < columns; i++) EACH_VECTOR sum[i][j] = v_load(out + i * PANEL + j * LANES);
  if (alpha != NULL) UNROLL(12) for (int i = 0; i < columns; i++) EACH_VECTOR sum[i][j] *= alpha[j];
  UNROLL(4) for (int n = 0; n < count; n++, value += width, weight += PANEL) {
    f32x p[NV];
    EACH_VECTOR p[j] = v_load(weight + j * LANES);
    UNROLL(12) for (int i = 0; i < columns; i++) {
      f32x v = v_set(value[i]);
      EACH_VECTOR sum[i][j] = v_fma(v, p[j], sum[i][j]);
    }
  }
  UNROLL(12) for (int i = 0; i < columns; i++) EACH_VECTOR v_store(out + i * PANEL + j * LANES, sum[i][j]);
}
/* All columns, in groups as even as can be. */
INLINE void weigh_tile(const int width, const float *value, const float *weight, float *out, const f32x *alpha, int count) {
  const int groups = (width + ROWS - 1) / ROWS, few = width / groups, more = width % groups;
  int v = 0;
  for (; v < more * (few + 1); v += few + 1) weigh_columns(few + 1, width, value + v, weight, out + v * PANEL, alpha, count);
  for (; v < width; v += few) weigh_columns(few, width, value + v, weight, out + v * PANEL, alpha, count);
}
`;

export const products = (target: NativeTarget): string =>
  [
    `#define NV ${VECTORS}`,
    `#define ROWS ${rowsOf(target)}`,
    `#define FEW ${rowsOf(target) / 3}`,
    text,
  ].join("\n");
