/**
 * The CPU's tile registers: 8 of 16 rows of 64 bytes. Here tiles 0 to 3 hold sums, 4 to 7 operands.
 *
 * As assembly, because the compilers' own functions do not tell them what memory is read. For tests, plain C.
 */
import type { NativeTarget } from "../abi.ts";

const real = `\
#define tile_zero(n) __asm__ volatile("tilezero %%tmm" #n ::)
#define tile_load(n, from, stride) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #n ::"r"(from), "r"((int64_t)(stride)) : "memory")
#define tile_store(n, to, stride) __asm__ volatile("tilestored %%tmm" #n ", (%0,%1,1)" ::"r"(to), "r"((int64_t)(stride)) : "memory")
/* c[i][j] += sum over pairs of a[i][pair] * b[pair][j], of bf16 */
#define tile_dot(c, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #c ::)
static UNUSED void tiles_begin(void) {
  struct { uint8_t palette, start, reserved[14]; uint16_t bytes[16]; uint8_t rows[16]; } config ALIGNED = { .palette = 1 };
  for (int n = 0; n < 8; n++) config.bytes[n] = 64, config.rows[n] = 16;
  __asm__ volatile("ldtilecfg %0" ::"m"(config));
}
static UNUSED void tiles_end(void) { __asm__ volatile("tilerelease" ::); }
`;

const emulated = `\
static __thread union { float f[16][16]; uint16_t h[16][32]; } tiles[8];
static UNUSED void tile_zero(int n) { memset(&tiles[n], 0, sizeof tiles[n]); }
static UNUSED void tile_load(int n, const void *from, int64_t stride) { for (int i = 0; i < 16; i++) memcpy(tiles[n].f[i], (const char *)from + i * stride, 64); }
static UNUSED void tile_store(int n, void *to, int64_t stride) { for (int i = 0; i < 16; i++) memcpy((char *)to + i * stride, tiles[n].f[i], 64); }
static float tile_float(uint16_t h) { union { uint32_t w; float f; } u = { .w = (uint32_t)h << 16 }; return u.f; }
/* c[i][j] += sum over pairs of a[i][pair] * b[pair][j], of bf16 */
static UNUSED void tile_dot(int c, int a, int b) {
  for (int i = 0; i < 16; i++) for (int pair = 0; pair < 16; pair++) for (int half = 0; half < 2; half++) {
    float own = tile_float(tiles[a].h[i][2 * pair + half]);
    for (int j = 0; j < 16; j++) tiles[c].f[i][j] += own * tile_float(tiles[b].h[pair][2 * j + half]);
  }
}
static UNUSED void tiles_begin(void) { memset(tiles, 0xff, sizeof tiles); }
static UNUSED void tiles_end(void) { }
`;

const plainExp2 = `\
/* 2^y, y at most 0 but for rounding; -Infinity gives 0, NaN stays. */
INLINE f32x v_exp2(f32x y) { return v_weight(y, v_set(1.0f), v_set(-127.0f)); }
`;

const fastExp2 = `\
/* 2^y, y at most 0 but for rounding; -Infinity gives 0, NaN stays. Minimax on [0, 1), exactly 1 at 0; relative error 9.4e-8. */
INLINE f32x v_exp2(f32x y) {
  f32x f = (f32x)_mm512_reduce_ps((__m512)y, 1);
  f32x p = v_fma(v_set(0.0018671301659196615f), f, v_set(0.009017029777169228f));
  p = v_fma(p, f, v_set(0.05579991266131401f));
  p = v_fma(p, f, v_set(0.24016444385051727f));
  p = v_fma(p, f, v_set(0.6931512951850891f));
  return (f32x)_mm512_scalef_ps((__m512)v_fma(p, f, v_set(1.0f)), (__m512)y);
}
`;

/** Pairs of bf16 in one word, the first below. */
const pairs = `\
/* The upper halves of two vectors of weights, rounded: low in each word, and high. */
INLINE i32x v_pairs(f32x low, f32x high) {
  u32x a = (u32x)low + 0x8000, b = (u32x)high + 0x8000;
  return (i32x)((a >> 16) | (b & 0xffff0000u));
}
INLINE i32x v_round_pairs(f32x low, f32x high) { return (i32x)(bf16_round(low) | bf16_round(high) << 16); }
INLINE void v_storei(void *to, i32x x) { *(i32x_near *)to = x; }
`;

export function tiles({ isa, emulate }: NativeTarget): string {
  if (isa !== "amx") return "";
  return [...(emulate === true ? [emulated, plainExp2] : [real, fastExp2]), pairs].join("\n");
}
