/** The storage types: vectors and single elements to and from float; to 16 bits nearest, ties to even, NaN stays NaN. */
import type { NativeTarget } from "../abi.ts";
import { lanesOf } from "../abi.ts";

const halfVector = (target: NativeTarget): string => {
  if (lanesOf(target) === 8) {
    return `\
INLINE f32x f16_load(const f16_t *from) { return (f32x)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)); }
INLINE void f16_store(f16_t *to, f32x x) { _mm_storeu_si128((__m128i *)to, _mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT)); }`;
  }
  return target.emulate === true
    ? `\
INLINE f32x f16_load(const f16_t *from) {
  union pair r;
  for (int n = 0; n < 2; n++) r.f[n] = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from + n));
  return r.v;
}
INLINE void f16_store(f16_t *to, f32x x) {
  for (int n = 0; n < 2; n++) _mm_storeu_si128((__m128i *)to + n, _mm256_cvtps_ph(P(x).f[n], _MM_FROUND_TO_NEAREST_INT));
}`
    : `\
INLINE f32x f16_load(const f16_t *from) { return (f32x)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)from)); }
INLINE void f16_store(f16_t *to, f32x x) { _mm256_storeu_si256((__m256i *)to, _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT)); }`;
};

const vectorLoads = `\
typedef float f32_t;
typedef uint16_t bf16_t, f16_t;
INLINE f32x f32_load(const f32_t *from) { return v_load(from); }
INLINE void f32_store(f32_t *to, f32x x) { v_store(to, x); }
INLINE f32x bf16_load(const bf16_t *from) { return (f32x)(__builtin_convertvector(v_load16(from), u32x) << 16); }
/* The upper halves of floats, rounded. */
INLINE u32x bf16_round(f32x x) {
  u32x w = (u32x)x, rounded = (w + 0x7fff + ((w >> 16) & 1)) >> 16, quiet = w >> 16 | 0x40;
  return (u32x)v_choosei(v_nan(x), (i32x)quiet, (i32x)rounded);
}
#ifdef __AVX512BF16__
INLINE void bf16_store(bf16_t *to, f32x x) { _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh((__m512)x)); }
#else
INLINE void bf16_store(bf16_t *to, f32x x) { v_store16(to, __builtin_convertvector(bf16_round(x), u16x)); }
#endif`;

/** Parts of a row at its end, fewer than LANES elements, and rows as a whole. */
const rows = ["f32", "bf16", "f16"].map(
  (type) => `\
INLINE f32x ${type}_load_some(const ${type}_t *from, int count) {
  ${type}_t all[LANES] ALIGNED = { 0 };
  for (int n = 0; n < count; n++) all[n] = from[n];
  return ${type}_load(all);
}
INLINE void ${type}_store_some(${type}_t *to, f32x x, int count) {
  ${type}_t all[LANES] ALIGNED;
  ${type}_store(all, x);
  for (int n = 0; n < count; n++) to[n] = all[n];
}
/* Rows of \`width\` elements, \`stride\` apart, as floats without gaps. */
INLINE void ${type}_rows(float *to, const ${type}_t *from, int64_t stride, int width, int count) {
  for (int n = 0; n < count; n++, from += stride, to += width) {
    int d = 0;
    for (; d + LANES <= width; d += LANES) v_store(to + d, ${type}_load(from + d));
    if (d < width) f32_store_some(to + d, ${type}_load_some(from + d, width - d), width - d);
  }
}`,
);

export const elements = (target: NativeTarget): string =>
  [vectorLoads, halfVector(target), ...rows].join("\n");
