/** LANES rows of LANES floats, rows to columns, in registers. */
import type { NativeTarget } from "../abi.ts";
import { lanesOf } from "../abi.ts";

const eight = `\
INLINE void v_transpose(f32x *r) {
  __m256 t[8], u[8];
  UNROLL(4) for (int n = 0; n < 4; n++) {
    t[2 * n] = _mm256_unpacklo_ps((__m256)r[2 * n], (__m256)r[2 * n + 1]);
    t[2 * n + 1] = _mm256_unpackhi_ps((__m256)r[2 * n], (__m256)r[2 * n + 1]);
  }
  UNROLL(2) for (int n = 0; n < 2; n++) {
    u[4 * n] = _mm256_shuffle_ps(t[4 * n], t[4 * n + 2], 0x44);
    u[4 * n + 1] = _mm256_shuffle_ps(t[4 * n], t[4 * n + 2], 0xee);
    u[4 * n + 2] = _mm256_shuffle_ps(t[4 * n + 1], t[4 * n + 3], 0x44);
    u[4 * n + 3] = _mm256_shuffle_ps(t[4 * n + 1], t[4 * n + 3], 0xee);
  }
  UNROLL(4) for (int n = 0; n < 4; n++) {
    r[n] = (f32x)_mm256_permute2f128_ps(u[n], u[n + 4], 0x20);
    r[n + 4] = (f32x)_mm256_permute2f128_ps(u[n], u[n + 4], 0x31);
  }
}`;

const sixteen = `\
INLINE void v_transpose(f32x *r) {
  __m512 t[16], u[16];
  UNROLL(8) for (int n = 0; n < 8; n++) {
    t[2 * n] = _mm512_unpacklo_ps((__m512)r[2 * n], (__m512)r[2 * n + 1]);
    t[2 * n + 1] = _mm512_unpackhi_ps((__m512)r[2 * n], (__m512)r[2 * n + 1]);
  }
  UNROLL(4) for (int n = 0; n < 4; n++) {
    u[4 * n] = _mm512_shuffle_ps(t[4 * n], t[4 * n + 2], 0x44);
    u[4 * n + 1] = _mm512_shuffle_ps(t[4 * n], t[4 * n + 2], 0xee);
    u[4 * n + 2] = _mm512_shuffle_ps(t[4 * n + 1], t[4 * n + 3], 0x44);
    u[4 * n + 3] = _mm512_shuffle_ps(t[4 * n + 1], t[4 * n + 3], 0xee);
  }
  UNROLL(4) for (int n = 0; n < 4; n++) {
    t[n] = _mm512_shuffle_f32x4(u[n], u[n + 4], 0x88);
    t[n + 4] = _mm512_shuffle_f32x4(u[n], u[n + 4], 0xdd);
    t[n + 8] = _mm512_shuffle_f32x4(u[n + 8], u[n + 12], 0x88);
    t[n + 12] = _mm512_shuffle_f32x4(u[n + 8], u[n + 12], 0xdd);
  }
  UNROLL(4) for (int n = 0; n < 4; n++) {
    r[n] = (f32x)_mm512_shuffle_f32x4(t[n], t[n + 8], 0x88);
    r[n + 8] = (f32x)_mm512_shuffle_f32x4(t[n], t[n + 8], 0xdd);
    r[n + 4] = (f32x)_mm512_shuffle_f32x4(t[n + 4], t[n + 12], 0x88);
    r[n + 12] = (f32x)_mm512_shuffle_f32x4(t[n + 4], t[n + 12], 0xdd);
  }
}`;

const plain = `\
INLINE void v_transpose(f32x *r) {
  float all[LANES][LANES] ALIGNED;
  for (int n = 0; n < LANES; n++) v_store(all[n], r[n]);
  for (int n = 0; n < LANES; n++) for (int m = 0; m < LANES; m++) r[n][m] = all[m][n];
}`;

export const transpose = (target: NativeTarget): string =>
  lanesOf(target) === 8 ? eight : target.emulate === true ? plain : sixteen;
