/**
 * Queries in, results out: rows of a tensor to and from panels, which hold PANEL of them side by side.
 *
 * A panel may have fewer rows of its own. Its spare lanes repeat the item's last row, in the query and in what score and mask
 * see; they are not written.
 */
export const panels: string = ["f32", "bf16", "f16"]
  .map(
    (type) => `\
/* Rows \`row\`.. of an item's queries, times factor, into [width][PANEL]. */
INLINE void ${type}_pack(float *panel, const ${type}_t *query, int64_t stride, const int width, int row, int last, float factor) {
  for (int j = 0; j < NV; j++) for (int d = 0; d < width; d += LANES) {
    f32x r[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      int own = row + j * LANES + lane;
      const ${type}_t *from = query + (own < last ? own : last) * stride + d;
      r[lane] = factor * (d + LANES <= width ? ${type}_load(from) : ${type}_load_some(from, width - d));
    }
    v_transpose(r);
    for (int n = 0; n < LANES && d + n < width; n++) v_store(panel + (d + n) * PANEL + j * LANES, r[n]);
  }
}
/* [width][PANEL] times the factors, into rows \`row\`.. to the item's last one. */
INLINE void ${type}_unpack(${type}_t *out, int64_t stride, const float *panel, const int width, int row, int last, const f32x *factor) {
  for (int j = 0; j < NV; j++) for (int d = 0; d < width; d += LANES) {
    f32x r[LANES];
    for (int n = 0; n < LANES; n++) r[n] = d + n < width ? v_load(panel + (d + n) * PANEL + j * LANES) * factor[j] : v_set(0.0f);
    v_transpose(r);
    for (int lane = 0; lane < LANES && row + j * LANES + lane <= last; lane++) {
      ${type}_t *to = out + (row + j * LANES + lane) * stride + d;
      if (d + LANES <= width) ${type}_store(to, r[lane]);
      else ${type}_store_some(to, r[lane], width - d);
    }
  }
}`,
  )
  .join("\n");
