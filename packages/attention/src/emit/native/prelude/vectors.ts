/**
 * Vectors of LANES floats, on the compilers' own vector types: operators are elementwise, comparisons give 0 and -1.
 *
 * Functions exist where an operator does not: as AVX-512 or AVX2 intrinsics, or, to run 16 lanes on a machine that has
 * 8, as pairs of AVX2 ones.
 */
import type { NativeTarget } from "../abi.ts";
import { lanesOf } from "../abi.ts";

const types = (lanes: number): string => `\
#define LANES ${lanes}
#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL(n) _Pragma(VIGIL_TEXT(GCC unroll n))
#define VIGIL_TEXT(x) #x
#define UNUSED __attribute__((unused))
#define ALIGNED __attribute__((aligned(64)))
typedef float f32x __attribute__((vector_size(4 * LANES)));
typedef int32_t i32x __attribute__((vector_size(4 * LANES)));
typedef uint32_t u32x __attribute__((vector_size(4 * LANES)));
typedef uint16_t u16x __attribute__((vector_size(2 * LANES)));
typedef double f64x __attribute__((vector_size(4 * LANES))); /* half as many */
typedef float f32x_near __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t i32x_near __attribute__((vector_size(4 * LANES), aligned(4)));
typedef uint16_t u16x_near __attribute__((vector_size(2 * LANES), aligned(2)));

INLINE f32x v_load(const float *from) { return *(const f32x_near *)from; }
INLINE i32x v_loadi(const int32_t *from) { return *(const i32x_near *)from; }
INLINE u16x v_load16(const uint16_t *from) { return *(const u16x_near *)from; }
INLINE void v_store(float *to, f32x x) { *(f32x_near *)to = x; }
INLINE void v_store16(uint16_t *to, u16x x) { *(u16x_near *)to = x; }
INLINE f32x v_tofloat(i32x x) { return __builtin_convertvector(x, f32x); }
`;

/** The functions that the rest is written with, for one native vector type. */
interface Native {
  readonly lanes: number;
  readonly f32: string;
  readonly i32: string;
  readonly f64: string;
  readonly prefix: string;
  readonly bits: (mask: string) => string;
  readonly choose: (mask: string, a: string, b: string) => string;
  readonly round: (x: string, mode: string) => string;
  readonly gather: (base: string, index: string) => string;
}

const avx2: Native = {
  lanes: 8,
  f32: "__m256",
  i32: "__m256i",
  f64: "__m256d",
  prefix: "_mm256",
  bits: (mask) => `(uint32_t)_mm256_movemask_ps((__m256)(${mask}))`,
  choose: (mask, a, b) => `_mm256_blendv_ps((__m256)(${b}), (__m256)(${a}), (__m256)(${mask}))`,
  round: (x, mode) => `_mm256_round_ps((__m256)(${x}), ${mode})`,
  gather: (base, index) => `_mm256_i32gather_ps(${base}, (__m256i)(${index}), 4)`,
};

const avx512: Native = {
  lanes: 16,
  f32: "__m512",
  i32: "__m512i",
  f64: "__m512d",
  prefix: "_mm512",
  bits: (mask) => `(uint32_t)_mm512_movepi32_mask((__m512i)(${mask}))`,
  choose: (mask, a, b) =>
    `_mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)(${mask})), (__m512)(${b}), (__m512)(${a}))`,
  round: (x, mode) => `_mm512_roundscale_ps((__m512)(${x}), ${mode})`,
  gather: (base, index) => `_mm512_i32gather_ps((__m512i)(${index}), ${base}, 4)`,
};

interface Shape {
  readonly result: "f32x" | "i32x";
  readonly params: readonly ["f32x" | "i32x", string][];
  readonly comment?: string;
}

/** Each function: its signature, and its value in one native vector type. */
type Form = readonly [name: string, shape: Shape, value: (n: Native, ...args: string[]) => string];

const floats = (...names: string[]): Shape => ({
  result: "f32x",
  params: names.map((name) => ["f32x", name]),
});
const words = (...names: string[]): Shape => ({
  result: "i32x",
  params: names.map((name) => ["i32x", name]),
});
const chosen: Shape = {
  result: "f32x",
  params: [
    ["i32x", "mask"],
    ["f32x", "a"],
    ["f32x", "b"],
  ],
};
const noted = (shape: Shape, comment: string): Shape => ({ ...shape, comment });

const forms: readonly Form[] = [
  [
    "v_fma",
    noted(floats("a", "b", "c"), "a * b + c, rounded once"),
    (n, a, b, c) => `${n.prefix}_fmadd_ps(${a}, ${b}, ${c})`,
  ],
  [
    "v_larger",
    noted(floats("a", "b"), "b where either is NaN"),
    (n, a, b) => `${n.prefix}_max_ps(${a}, ${b})`,
  ],
  [
    "v_smaller",
    noted(floats("a", "b"), "b where either is NaN"),
    (n, a, b) => `${n.prefix}_min_ps(${a}, ${b})`,
  ],
  ["v_sqrt", floats("a"), (n, a) => `${n.prefix}_sqrt_ps(${a})`],
  ["v_floor", floats("a"), (n, a) => n.round(a, "_MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC")],
  ["v_ceil", floats("a"), (n, a) => n.round(a, "_MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC")],
  ["v_trunc", floats("a"), (n, a) => n.round(a, "_MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC")],
  ["v_choose", noted(chosen, "a where the mask is set, else b"), (n, m, a, b) => n.choose(m, a, b)],
  ["v_mini", words("a", "b"), (n, a, b) => `${n.prefix}_min_epi32(${a}, ${b})`],
  ["v_maxi", words("a", "b"), (n, a, b) => `${n.prefix}_max_epi32(${a}, ${b})`],
];

const nativeType = (n: Native, type: "f32x" | "i32x"): string => (type === "f32x" ? n.f32 : n.i32);

function signature(name: string, { result, params, comment }: Shape): string {
  const list = params.map(([type, param]) => `${type} ${param}`).join(", ");
  const above = comment === undefined ? "" : `/* ${comment} */\n`;
  return `${above}INLINE ${result} ${name}(${list})`;
}

function whole(n: Native, [name, shape, value]: Form): string {
  const args = shape.params.map(([type, param]) => `(${nativeType(n, type)})${param}`);
  return `${signature(name, shape)} { return (${shape.result})${value(n, ...args)}; }`;
}

function paired(n: Native, [name, shape, value]: Form): string {
  const half = (at: number): string => {
    const args = shape.params.map(([type, param]) =>
      type === "f32x" ? `P(${param}).f[${at}]` : `P(${param}).i[${at}]`,
    );
    const cast = shape.result === "f32x" ? "f" : "i";
    return `r.${cast}[${at}] = (${nativeType(n, shape.result)})${value(n, ...args)};`;
  };
  const field = shape.result === "f32x" ? "v" : "w";
  return `${signature(name, shape)} { union pair r; ${half(0)} ${half(1)} return r.${field}; }`;
}

const pairType = `\
union pair { f32x v; i32x w; __m256 f[2]; __m256i i[2]; };
#define P(x) ((union pair){ .v = (f32x)(x) })`;

const bitsFunction = (value: string): string => `\
/* One bit for each lane whose mask is set. */
INLINE uint32_t v_bits(i32x mask) { return ${value}; }`;

/** The sanitizer does not see what a gather reads: it gets a loop. */
const gatherFunction = (body: string): string => `\
#ifdef __SANITIZE_ADDRESS__
INLINE f32x v_gather(const float *base, i32x index) { f32x r; for (int n = 0; n < LANES; n++) r[n] = base[index[n]]; return r; }
#else
INLINE f32x v_gather(const float *base, i32x index) { ${body} }
#endif`;

/** The sum of all lanes, halves first. */
const sums = `\
INLINE float v_sum8(__m256 a) {
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}`;

const sumOf = (isPaired: boolean, lanes: number): string => {
  const eight = isPaired
    ? "P(a).f[0] + P(a).f[1]"
    : lanes === 16
      ? "_mm256_add_ps(_mm512_castps512_ps256((__m512)a), _mm512_extractf32x8_ps((__m512)a, 1))"
      : "(__m256)a";
  return `${sums}\nINLINE float v_sum(f32x a) { return v_sum8(${eight}); }`;
};

/** What follows from the functions above, for any target. */
const derived = `\
INLINE f32x v_set(float x) { return x - (f32x){ 0 }; }
INLINE i32x v_seti(int32_t x) { return x - (i32x){ 0 }; }
INLINE i32x v_count(void) { i32x n; for (int lane = 0; lane < LANES; lane++) n[lane] = lane; return n; }
INLINE i32x v_choosei(i32x mask, i32x a, i32x b) { return (i32x)v_choose(mask, (f32x)a, (f32x)b); }
INLINE f32x v_and(i32x mask, f32x a) { return (f32x)(mask & (i32x)a); }
INLINE f32x v_abs(f32x a) { return (f32x)((i32x)a & 0x7fffffff); }
INLINE i32x v_nan(f32x a) { return a != a; }
/* Lanes whose bit is set. */
INLINE i32x v_mask(uint32_t bits) { const i32x own = (i32x)(1 << v_count()); return (v_seti((int32_t)bits) & own) == own; }
INLINE int v_any(i32x mask) { return v_bits(mask) != 0; }
INLINE float v_most(f32x a) { float most[LANES] ALIGNED; v_store(most, a);
  for (int step = LANES / 2; step > 0; step /= 2) for (int n = 0; n < step; n++) if (most[n + step] > most[n]) most[n] = most[n + step];
  return most[0]; }
`;

export function vectors(target: NativeTarget): string {
  const isPaired = lanesOf(target) === 16 && target.emulate === true;
  const n = lanesOf(target) === 16 && !isPaired ? avx512 : avx2;
  const bits = isPaired
    ? `${n.bits("P(mask).i[0]")} | ${n.bits("P(mask).i[1]")} << 8`
    : n.bits("mask");
  const gather = isPaired
    ? `union pair r; r.f[0] = ${n.gather("base", "P(index).i[0]")}; r.f[1] = ${n.gather("base", "P(index).i[1]")}; return r.v;`
    : `return (f32x)${n.gather("base", "index")};`;
  return [
    types(lanesOf(target)),
    ...(isPaired ? [pairType] : []),
    ...forms.map((form) => (isPaired ? paired(n, form) : whole(n, form))),
    bitsFunction(bits),
    gatherFunction(gather),
    sumOf(isPaired, lanesOf(target)),
    derived,
  ].join("\n");
}
