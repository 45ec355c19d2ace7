/**
 * The mathematical functions, on vectors.
 *
 * Algorithms and coefficients are those of the WebAssembly target (after Cephes and FDLIBM); `math.test.ts` holds the error of each against
 * float64, in units in the last place. Functions without a vector form go through libm in float64, lane by lane.
 */

/** 2^x for the softmax, in base 2; minimax on [-1/2, 1/2], relative error 9.1e-8, the constant term held at 1. */
const exponentials = `\
/* 1.5 * 2^23 + 127: a sum with it is rounded to an integer n, and has n + 127, the exponent field of 2^n, in its low bits. */
#define ROUNDING 12583039.0f
/* 2^f on [-1/2, 1/2] is 1 + f * this; relative error 9.1e-8, and exactly 1 at 0. */
INLINE f32x v_exp2tail(f32x f) {
  f32x p = v_fma(v_set(0.001326472731307149f), f, v_set(0.009671512991189957f));
  p = v_fma(p, f, v_set(0.05550733581185341f));
  p = v_fma(p, f, v_set(0.24022242426872253f));
  return v_fma(p, f, v_set(0.6931470036506653f));
}
/* 2^(factor * x), factor * x below 127. -Infinity and what would be below 2^-126.5 give 0, 0 gives exactly 1, NaN stays. */
INLINE f32x v_weight(f32x x, f32x factor, f32x floor) {
  x = v_larger(floor, x);
  f32x bits = v_fma(x, factor, v_set(ROUNDING));
  f32x f = v_fma(x, factor, v_set(ROUNDING) - bits);
  f32x power = (f32x)((i32x)bits << 23);
  return v_fma(v_exp2tail(f), f * power, power);
}
#define LOG2E 1.4426950408889634f
/* -127 / LOG2E */
#define NATURAL_FLOOR -88.02969193111305f
INLINE f32x v_natural(f32x x) { return v_weight(x, v_set(LOG2E), v_set(NATURAL_FLOOR)); }

/* value * 2^n, n from -252 to 254, by two factors: right also where the result is subnormal. */
INLINE f32x v_scale2(f32x value, i32x n) {
  i32x half = n >> 1;
  return value * (f32x)((half + 127) << 23) * (f32x)((n - half + 127) << 23);
}
/* x = n ln 2 + r: n + 127 in the low bits of *bits; returns e^r - 1. */
INLINE f32x v_reduced(f32x x, f32x *bits) {
  *bits = x * v_set(LOG2E) + v_set(ROUNDING);
  f32x n = *bits - v_set(ROUNDING);
  f32x r = v_fma(n, v_set(-0.693359375f), x);
  r = v_fma(n, v_set(2.1219444e-4f), r);
  f32x p = v_fma(v_set(1.98756915e-4f), r, v_set(1.3981999507e-3f));
  p = v_fma(p, r, v_set(8.3334519073e-3f));
  p = v_fma(p, r, v_set(4.1665795894e-2f));
  p = v_fma(p, r, v_set(1.6666665459e-1f));
  p = v_fma(p, r, v_set(5.0000001201e-1f));
  return v_fma(p, r * r, r);
}
/* Kept within [low, high]; NaN stays. */
INLINE f32x v_within(f32x x, float low, float high) { return v_smaller(v_set(high), v_larger(v_set(low), x)); }
INLINE i32x v_integer(f32x bits) { return (i32x)bits - (i32x)v_set(ROUNDING); }
INLINE f32x v_exp(f32x x) {
  f32x bits, rest = v_reduced(v_within(x, -105.0f, 89.0f), &bits);
  return v_scale2(rest + 1.0f, v_integer(bits));
}
/* e^x - 1 = 2^n * (e^r - 1 + (1 - 2^-n)) */
INLINE f32x v_expm1(f32x x) {
  f32x bits, rest = v_reduced(v_within(x, -18.0f, 89.0f), &bits);
  i32x n = v_integer(bits);
  f32x inverse = (f32x)((127 - v_mini(n, v_seti(127))) << 23);
  return v_scale2(rest + (1.0f - inverse), n);
}
/* a / d, d from 1 to 2^30, to 1 unit: where division is slow, an estimate and one correction. */
INLINE f32x v_quotient(f32x a, f32x d) {
#ifdef __AVX512F__
  f32x one = (f32x)_mm512_rcp14_ps((__m512)d), q = a * one;
  return v_fma(v_fma(-q, d, a), one, q);
#else
  return a / d;
#endif
}
/*
 * tanh x = t / (t + 1), t = (e^2x - 1) / 2 = 2^n (e^2r - 1) / 2 + (2^n - 1) / 2, 2x = n ln 2 + 2r: no cancellation, no second
 * branch near 0. The polynomial is that of (e^s - 1 - s) / s^2, in r = s / 2.
 */
INLINE f32x v_tanh(f32x x) {
  x = v_within(x, -9.5f, 9.5f);
  f32x bits = v_fma(x, v_set(2 * LOG2E), v_set(ROUNDING));
  f32x r = v_fma(bits - v_set(ROUNDING), v_set(-0.34657359027997264f), x);
  f32x p = v_fma(v_set(32 * 0.0013882459606975317f), r, v_set(16 * 0.008366846479475498f));
  p = v_fma(p, r, v_set(8 * 0.041667211800813675f));
  p = v_fma(p, r, v_set(4 * 0.16666540503501892f));
  p = v_fma(p, r, v_set(2 * 0.4999999701976776f));
  f32x power = (f32x)((i32x)bits << 23);
  f32x t = v_fma(v_fma(p, r * r, r), power, v_fma(power, v_set(0.5f), v_set(-0.5f)));
  return v_quotient(t, t + 1.0f);
}
`;

const logarithms = `\
/* x = 2^e m, m in [sqrt(1/2), sqrt(2)), for positive finite x: e, m - 1, and log(m) - (m - 1). */
struct split { f32x exponent, x, tail; };
INLINE struct split v_split(f32x a) {
  i32x tiny = a < v_set(0x1p-126f);
  i32x bits = (i32x)v_choose(tiny, a * 0x1p25f, a);
  i32x whole = (bits - 0x3f3504f3) >> 23;
  struct split s;
  s.x = (f32x)(bits - (whole << 23)) - 1.0f;
  s.exponent = v_tofloat(whole) + v_and(tiny, v_set(-25.0f));
  f32x p = v_fma(v_set(7.0376836292e-2f), s.x, v_set(-1.151461031e-1f));
  p = v_fma(p, s.x, v_set(1.167699874e-1f));
  p = v_fma(p, s.x, v_set(-1.2420140846e-1f));
  p = v_fma(p, s.x, v_set(1.4249322787e-1f));
  p = v_fma(p, s.x, v_set(-1.6668057665e-1f));
  p = v_fma(p, s.x, v_set(2.0000714765e-1f));
  p = v_fma(p, s.x, v_set(-2.4999993993e-1f));
  p = v_fma(p, s.x, v_set(3.3333331174e-1f));
  f32x square = s.x * s.x;
  s.tail = v_fma(square, v_set(-0.5f), s.x * square * p);
  return s;
}
/* Negative arguments and NaN give NaN, 0 gives -Infinity, Infinity itself. */
INLINE f32x v_logedges(f32x a, f32x value) {
  f32x special = v_choose(a == 0.0f, v_set(-INFINITY), v_sqrt(a));
  return v_choose((a > 0.0f) & (a < INFINITY), value, special);
}
INLINE f32x v_log(f32x a) {
  struct split s = v_split(a);
  f32x low = v_fma(s.exponent, v_set(-2.1219444e-4f), s.tail);
  return v_logedges(a, v_fma(s.exponent, v_set(0.693359375f), s.x + low));
}
INLINE f32x v_log2(f32x a) {
  struct split s = v_split(a);
  const f32x part = v_set(0.44269504088896340736f);
  return v_logedges(a, s.exponent + (s.x + (s.tail + v_fma(s.x, part, s.tail * part))));
}
INLINE f32x v_log10(f32x a) {
  struct split s = v_split(a);
  const f32x e_high = v_set(4.3359375e-1f), e_low = v_set(7.00731903251827651129e-4f);
  f32x sum = s.tail * e_low;
  sum = v_fma(s.x, e_low, sum);
  sum = v_fma(s.exponent, v_set(2.48745663981195213739e-4f), sum);
  sum = v_fma(s.tail, e_high, sum);
  sum = v_fma(s.x, e_high, sum);
  return v_logedges(a, v_fma(s.exponent, v_set(3.0078125e-1f), sum));
}
/* log(1 + x) = log(u) + (x - (u - 1)) / u, u = 1 + x rounded */
INLINE f32x v_log1p(f32x x) {
  f32x u = x + 1.0f, lost = (x - (u - 1.0f)) / u;
  return v_log(u) + v_and((u > 0.0f) & (u < INFINITY), lost);
}
`;

/** Lanes of float64: half as many as a vector has. */
const wide = `\
typedef int32_t i32x_half __attribute__((vector_size(2 * LANES)));
typedef float f32x_half __attribute__((vector_size(2 * LANES)));
typedef int64_t i64x __attribute__((vector_size(4 * LANES)));
union halves { f32x v; i32x w; f32x_half f[2]; i32x_half i[2]; };
INLINE f64x w_choose(i64x mask, f64x a, f64x b) { return (f64x)((mask & (i64x)a) | (~mask & (i64x)b)); }
/* Nearest integer, ties to even, for |x| below 2^51. */
INLINE f64x w_nearest(f64x x) { const double magic = 0x1.8p52; return (x + magic) - magic; }
INLINE i32x_half w_toint(f64x x) { return __builtin_convertvector(x, i32x_half); }
INLINE f64x w_float(f32x_half x) { return __builtin_convertvector(x, f64x); }
INLINE f64x w_int(i32x_half x) { return __builtin_convertvector(x, f64x); }
`;

const trigonometry = `\
/* For functions without a vector form, and for arguments beyond a vector form's reach. */
#define ON_LANES(name) INLINE f32x lanes_##name(f32x x) { f32x r; for (int n = 0; n < LANES; n++) r[n] = (float)name((double)x[n]); return r; }
#define ON_LANES_2(name) INLINE f32x lanes_##name(f32x x, f32x y) { f32x r; for (int n = 0; n < LANES; n++) r[n] = (float)name((double)x[n], (double)y[n]); return r; }
ON_LANES(sin) ON_LANES(cos) ON_LANES(tan) ON_LANES(asin) ON_LANES(acos) ON_LANES(atan) ON_LANES(sinh) ON_LANES(cosh)
ON_LANES(asinh) ON_LANES(acosh) ON_LANES(atanh) ON_LANES(cbrt) ON_LANES_2(atan2) ON_LANES_2(hypot) ON_LANES_2(fmod)
/* x = n pi/2 + r, reduced in float64 (pi/2 in two parts, the first of 33 bits): exact enough up to |x| = 2^20. */
struct quadrant { i32x n; f32x sine, cosine; };
INLINE struct quadrant v_quadrant(f32x x) {
  union halves in = { .v = x }, n, r;
  for (int half = 0; half < 2; half++) {
    f64x wide = w_float(in.f[half]), turns = w_nearest(wide * 0.63661977236758134308);
    n.i[half] = w_toint(turns);
    r.f[half] = __builtin_convertvector(wide - turns * 1.57079632673412561417 - turns * 6.07710050650619224932e-11, f32x_half);
  }
  struct quadrant q = { .n = n.w };
  f32x square = r.v * r.v;
  f32x p = v_fma(v_set(-1.9515295891e-4f), square, v_set(8.3321608736e-3f));
  p = v_fma(p, square, v_set(-1.6666654611e-1f));
  q.sine = v_fma(square * r.v, p, r.v);
  p = v_fma(v_set(2.443315711809948e-5f), square, v_set(-1.388731625493765e-3f));
  p = v_fma(p, square, v_set(4.166664568298827e-2f));
  q.cosine = v_fma(square, v_set(-0.5f), v_set(1.0f)) + square * square * p;
  return q;
}
/* The sine of quadrant n: sine or cosine by the lowest bit, negated by the next. */
INLINE f32x v_turned(struct quadrant q, int by) {
  i32x turn = q.n + by;
  f32x value = v_choose((turn & 1) != 0, q.cosine, q.sine);
  return (f32x)((i32x)value ^ (turn << 30 & INT32_MIN));
}
INLINE int v_beyond(f32x x) { return v_any(v_abs(x) > 0x1p20f); }
INLINE f32x v_sin(f32x x) { return v_beyond(x) ? lanes_sin(x) : v_turned(v_quadrant(x), 0); }
INLINE f32x v_cos(f32x x) { return v_beyond(x) ? lanes_cos(x) : v_turned(v_quadrant(x), 1); }
INLINE f32x v_tan(f32x x) {
  if (v_beyond(x)) return lanes_tan(x);
  struct quadrant q = v_quadrant(x);
  i32x odd = (q.n & 1) != 0;
  return v_choose(odd, -q.cosine, q.sine) / v_choose(odd, q.sine, q.cosine);
}
`;

const powers = `\
/* log2 of m in [sqrt(1/2), sqrt(2)): 2/ln 2 * (t + t^3/3 + ... + t^11/11), t = (m - 1)/(m + 1); error below 1e-11. */
INLINE f64x w_log2(f64x m) {
  f64x t = (m - 1.0) / (m + 1.0), square = t * t;
  f64x sum = square * 0.26230818925253878 + 0.32059889797532518;
  sum = sum * square + 0.41219858311113237;
  sum = sum * square + 0.57707801635558534;
  sum = sum * square + 0.96179669392597560;
  return (sum * square + 2.88539008177792681) * t;
}
/* |a| ** b = 2^(b log2 |a|), 0 < |a| < Infinity, the logarithm and the product in float64. */
INLINE f32x v_powsize(f32x size, f32x b) {
  i32x tiny = size < v_set(0x1p-126f);
  i32x bits = (i32x)v_choose(tiny, size * 0x1p25f, size);
  i32x whole = (bits - 0x3f3504f3) >> 23;
  union halves mantissa = { .w = bits - (whole << 23) }, exponent = { .w = whole + (tiny & -25) }, by = { .v = b }, n, rest;
  for (int half = 0; half < 2; half++) {
    f64x y = w_float(by.f[half]) * (w_int(exponent.i[half]) + w_log2(w_float(mantissa.f[half])));
    y = w_choose(y < -250.0, (f64x){ 0 } - 250.0, w_choose(y > 250.0, (f64x){ 0 } + 250.0, y));
    f64x whole_y = w_nearest(y);
    n.i[half] = w_toint(whole_y);
    rest.f[half] = __builtin_convertvector(y - whole_y, f32x_half);
  }
  return v_scale2(v_fma(v_exp2tail(rest.v), rest.v, v_set(1.0f)), n.w);
}
INLINE f32x v_pow(f32x a, f32x b) {
  f32x size = v_abs(a);
  i32x regular = (size > 0.0f) & (size < INFINITY);
  /* Of 0 and Infinity: 0 or Infinity; NaN where either is NaN. */
  f32x edge = v_and((size > 0.0f) == (b > 0.0f), v_set(INFINITY));
  edge = v_choose(v_nan(size) | v_nan(b), v_set(NAN), edge);
  f32x value = v_choose(regular, v_powsize(size, b), edge);
  /* From 2^24 on every f32 is even. */
  i32x is_whole = v_trunc(b) == b, is_small = v_abs(b) < 0x1p24f;
  i32x odd = is_whole & is_small & (v_truncated(v_and(is_small, b)) << 31);
  value = (f32x)((i32x)value ^ (odd & (i32x)a & INT32_MIN));
  value = v_choose((a < 0.0f) & regular & ~is_whole, v_set(NAN), value);
  return v_choose(b == 0.0f, v_set(1.0f), value);
}
`;

const numbers = `\
/* Truncated, saturated; NaN is 0. */
INLINE i32x v_truncated(f32x x) {
  i32x inside = __builtin_convertvector(v_choose(v_abs(x) < 0x1p31f, x, v_set(0.0f)), i32x);
  inside = v_choosei(x >= 0x1p31f, v_seti(INT32_MAX), inside);
  return v_choosei(x <= -0x1p31f, v_seti(INT32_MIN), inside);
}
/* NaN if either is; -0 is less than 0. */
INLINE f32x v_min(f32x a, f32x b) {
  f32x least = (f32x)((i32x)v_smaller(a, b) | (i32x)v_smaller(b, a));
  return v_choose(v_nan(a) | v_nan(b), a + b, least);
}
INLINE f32x v_max(f32x a, f32x b) {
  f32x most = (f32x)((i32x)v_larger(a, b) & (i32x)v_larger(b, a));
  return v_choose(v_nan(a) | v_nan(b), a + b, most);
}
/* -1, 0 or 1; zeros and NaN are themselves. */
INLINE f32x v_sign(f32x a) {
  f32x one = (f32x)(((i32x)a & INT32_MIN) | (i32x)v_set(1.0f));
  return v_choose((a < 0.0f) | (a > 0.0f), one, a);
}
INLINE i32x v_signi(i32x a) { return (a < 0) - (a > 0); }
/* Halves go up: the rest a - floor(a) is exact, a + 1/2 need not be. */
INLINE f32x v_round(f32x a) {
  f32x below = v_floor(a);
  f32x sum = below + v_and(a - below >= 0.5f, v_set(1.0f));
  return (f32x)((i32x)sum | ((i32x)a & INT32_MIN));
}
/*
 * x / c by multiplications, where c has a plain reciprocal: right to the last place (Markstein). v_over, for arguments of
 * functions that are smooth, is right to two.
 */
INLINE float s_reciprocal(float c) { return fabsf(c) > 0x1p-60f && fabsf(c) < 0x1p60f ? 1.0f / c : 0.0f; }
INLINE f32x v_divide(f32x x, float c, float one) {
  if (one == 0.0f) return x / c;
  f32x q = x * one, rest = v_fma(-q, v_set(c), x);
  return v_choose(v_nan(rest), q, v_fma(rest, v_set(one), q));
}
INLINE f32x v_over(f32x x, float c, float one) { return one == 0.0f ? x / c : x * one; }
/* Quotients of integers, exact in float64; 0 where b is 0; -2^31 / -1 wraps. */
#define QUOTIENT(name, floored) \\
  INLINE i32x name(i32x a, i32x b) { \\
    union halves x = { .w = a }, y = { .w = v_choosei((b == 0) | (b == -1), v_seti(1), b) }, q; \\
    for (int half = 0; half < 2; half++) { \\
      f64x u = w_int(x.i[half]), v = w_int(y.i[half]), exact = u / v; \\
      q.i[half] = w_toint(exact); \\
      if (floored) q.i[half] += __builtin_convertvector(w_int(q.i[half]) > exact, i32x_half); \\
    } \\
    return v_choosei(b == -1, -a, q.w & (b != 0)); \\
  }
QUOTIENT(v_floordiv, 1)
QUOTIENT(v_truncdiv, 0)
INLINE i32x v_remi(i32x a, i32x b) { return (a - v_truncdiv(a, b) * b) & (b != 0); }
`;

export const math: string = [exponentials, logarithms, wide, numbers, trigonometry, powers].join(
  "\n",
);
