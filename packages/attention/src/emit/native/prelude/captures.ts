/** Reading captured tensors: every index is clamped before it becomes an address. */
export const captures: string = `\
INLINE float word_float(int64_t word) { union { int32_t w; float f; } u = { .w = (int32_t)word }; return u.f; }
INLINE int32_t s_clamp(int32_t index, int32_t length) { return index < 0 ? 0 : index < length ? index : length - 1; }
INLINE i32x v_clamp(i32x index, int32_t length) { return v_maxi(v_mini(index, v_seti(length - 1)), v_seti(0)); }
INLINE f32x gather_f32(const float *base, i32x index) { return v_gather(base, index); }
INLINE i32x gather_i32(const int32_t *base, i32x index) { return (i32x)v_gather((const float *)base, index); }
INLINE i32x gather_bool(const uint8_t *base, i32x index) {
  i32x r;
  for (int n = 0; n < LANES; n++) r[n] = -(base[index[n]] != 0);
  return r;
}
/* index rises by one from lane to lane, but for repeats at an edge: one load where the elements are neighbours that exist. */
INLINE int is_run(int32_t first, int32_t last, int32_t length) { return first >= 0 && last < length && last - first == LANES - 1; }
INLINE i32x rising_i32(const int32_t *row, i32x index, int32_t length) {
  return is_run(index[0], index[LANES - 1], length) ? v_loadi(row + index[0]) : gather_i32(row, v_clamp(index, length));
}
INLINE i32x falling_i32(const int32_t *row, i32x index, int32_t length) {
  if (!is_run(index[LANES - 1], index[0], length)) return gather_i32(row, v_clamp(index, length));
  i32x up = v_loadi(row + index[LANES - 1]), r;
  for (int n = 0; n < LANES; n++) r[n] = up[LANES - 1 - n];
  return r;
}
INLINE f32x rising_f32(const float *row, i32x index, int32_t length) { return (f32x)rising_i32((const int32_t *)row, index, length); }
INLINE f32x falling_f32(const float *row, i32x index, int32_t length) { return (f32x)falling_i32((const int32_t *)row, index, length); }
`;
