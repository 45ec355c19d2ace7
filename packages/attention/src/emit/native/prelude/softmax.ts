/**
 * Online softmax in base 2 (Milakov & Gimelshein 2018), and where the scale goes.
 *
 * Dot products are kept as they are: folding the scale into the queries would round every element. With a score function,
 * scores become natural logits, scale * dot, before it sees them. Without one, nobody sees them: the tile holds dot products
 * times the scale's sign, so that their maximum is the maximum, and |scale| is multiplied in together with log2(e) where
 * weights are taken: 2^(c (s - m)), c = |scale| log2(e). The difference comes before the product: it is exact where it
 * matters, for scores near the maximum. Scales next to 0 are no divisors: they are multiplied in at once.
 */
export const softmax: string = `\
struct scaling { float dot, natural, size, weight, floor; };
static UNUSED struct scaling scaling_of(float scale, int has_score) {
  struct scaling s = { 1.0f, scale, 1.0f, LOG2E, NATURAL_FLOOR };
  if (has_score) return s;
  int is_small = fabsf(scale) < 0x1p-100f;
  s.dot = is_small ? scale : copysignf(1.0f, scale);
  s.size = is_small ? 1.0f : fabsf(scale);
  s.weight = (float)((double)s.size * 1.4426950408889634);
  s.floor = -127.0f / s.weight;
  return s;
}
/* What scores are taken relative to: the maximum, or 0 where every score so far is -Infinity. */
INLINE f32x v_reference(f32x most) { return v_and(most != -INFINITY, most); }

/*
 * The end of rows, from the maximum, what weights are relative to (the same, or close to it), and sum: out = O * factor, lse, max. A sink joins here and nowhere else:
 * l' = l e^(m - m') + e^(sink - m'), m' = max(m, sink). A row with neither keys nor a sink gives out = 0, lse = -Infinity;
 * a NaN among its scores makes all three NaN.
 */
struct finished { f32x factor, lse, max; };
INLINE struct finished v_finish(f32x most, f32x to, f32x sum, float size, float sink) {
  struct finished done;
  done.max = v_choose(v_nan(sum), sum, most * size);
  to = to * size;
  f32x joint = v_reference(v_larger(to, v_set(sink)));
  f32x alpha = v_natural(to - joint);
  sum = v_fma(sum, alpha, v_natural(sink - joint));
  done.factor = v_choose(sum == 0.0f, v_set(0.0f), alpha / sum);
  done.lse = joint + v_log(sum);
  return done;
}
INLINE float sink_of(const struct vigil_launch *L, int32_t h) { return L->sinks == NULL ? -INFINITY : L->sinks[h]; }
`;
