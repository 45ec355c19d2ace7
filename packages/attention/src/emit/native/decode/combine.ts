/**
 * The end of decode: each row's partial results, in the order of their keys, become one.
 *
 *     m = max m_i,   l = sum of l_i 2^(c (m_i - m)),   O = sum of O_i 2^(c (m_i - m))
 *
 * A split in which the row attends to nothing (m_i = -inf, l_i = 0, O_i = 0) changes no bit.
 */
import { fill } from "../context.ts";
import type { KernelContext } from "../context.ts";

const template = `\
/* The partial results of one row: \`count\` of them, \`step\` apart. */
static void $combine_row(const struct vigil_launch *L, struct $scratch *w, const struct $partial *partial, int64_t step, int count, int row) {
  const int32_t h = $head(L, w, row), query = $query(L, row);
  float most = -INFINITY, sum = 0.0f;
  for (int n = 0; n < count; n++) most = partial[n * step].most > most ? partial[n * step].most : most;
  const f32x to = v_reference(v_set(most));
  memset(w->out, 0, sizeof w->out);
  for (int n = 0; n < count; n++) {
    const struct $partial *own = &partial[n * step];
    const f32x alpha = v_weight(own->most - to, v_set(w->scaling.weight), v_set(w->scaling.floor));
    sum += own->sum * alpha[0];
    for (int v = 0; v < DV; v += LANES) v_store(w->out + v, v_fma(alpha, v_load(own->out + v), v_load(w->out + v)));
  }
  const struct finished done = v_finish(v_set(most), v_set(most), v_set(sum), w->scaling.size, sink_of(L, h));
  @type_t *out = (@type_t *)L->out + w->b * L->outB + h * L->outH + query * L->outRow;
  for (int v = 0; v < DV; v += LANES) {
    f32x value = v_load(w->out + v) * done.factor;
    if (v + LANES <= DV) @type_store(out + v, value);
    else @type_store_some(out + v, value, DV - v);
  }
  const int64_t at = (w->b * L->Hq + h) * L->M + query;
  if (L->lse != NULL) L->lse[at] = done.lse[0];
  if (L->max != NULL) L->max[at] = done.max[0];
}

static void $combine(const struct vigil_launch *L, struct $scratch *w, const int32_t *record) {
  const int32_t total = (int32_t)(L->Hq / L->Hkv * L->M);
  w->b = record[0], w->first_head = (int32_t)(L->Hq / L->Hkv) * record[1];
  w->scaling = scaling_of(L->scale, @hasScore);
  const struct $partial *partial = (const struct $partial *)L->partials + (int64_t)record[2] * total;
  for (int row = 0; row < total; row++) $combine_row(L, w, partial + row, total, record[3], row);
}`;

export const combine = (context: KernelContext): string =>
  fill(template, context, {
    type: context.spec.dtype,
    hasScore: context.spec.score === null ? "0" : "1",
  });
