/**
 * The two products of a warp, on 16 rows in the layout of mma.sync's accumulators: lane l holds rows l / 4 + 8 r, columns 8 j + 2 (l % 4) + e
 * as `fragment[4 j + 2 r + e]`, for r, e = 0, 1.
 *
 * 16-bit elements: m16n8k16 with float accumulation; weights are rounded to the dtype. f32: multiply-adds in the same layout
 * (tf32 would round operands to 11 bits, which no error budget of f32 allows).
 */
import type { FloatType } from "../../../tensor.ts";

const tensorCores = (type: "bf16" | "f16"): string => `\
__device__ __forceinline__ void loadMatrices(unsigned (&to)[4], unsigned from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
    : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(from) : "memory");
}
__device__ __forceinline__ void loadTransposed(unsigned (&to)[4], unsigned from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
    : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(from) : "memory");
}
// sum += a x b, 16 x 8 x 16
__device__ __forceinline__ void multiply(float* sum, const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.${type}.${type}.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
    : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ unsigned pack(float low, float high) {
  unsigned pair;
  asm("cvt.rn.${type}x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

// Tensor cores truncate as they accumulate, so long sums drift towards 0: where there are many, steps of 16 columns are summed two at a
// time, and those sums added up as floats are, rounded.
constexpr int STEPS = D_PADDED / 16, TOGETHER = STEPS <= 4 ? STEPS : 2;
// 16 rows of queries: in registers, where scores leave room for them.
constexpr bool HELD = D_PADDED <= 128 && KEYS <= 16;
struct Queries { unsigned at, held[HELD ? D_PADDED / 16 : 1][4]; };
__device__ __forceinline__ Queries queriesOf(unsigned rows, int lane) {
  Queries queries{rows + (lane & 15) * QUERY_ROW + (lane >> 4) * 16, {}};
  if constexpr (HELD) {
#pragma unroll
    for (int k = 0; k < D_PADDED / 16; k++) loadMatrices(queries.held[k], queries.at + k * 32);
  }
  return queries;
}
// scores[16 x KEYS] = queries [16][D] x keys [KEYS][D], transposed
__device__ __forceinline__ void scoresOf(float (&scores)[KEYS / 2], const Queries& queries, unsigned keys, int lane) {
  const int row = (lane & 7) + (lane >> 4) * 8, column = (lane >> 3 & 1) * 16;
#pragma unroll
  for (int j = 0; j < KEYS / 16; j++) {
    float* all = scores + 8 * j;
#pragma unroll
    for (int i = 0; i < 8; i++) all[i] = 0.f;
#pragma unroll(HELD || STEPS <= 8 ? STEPS : 2)
    for (int first = 0; first < STEPS; first += TOGETHER) {
      float sum[8] = {};
#pragma unroll
      for (int k = first; k < first + TOGETHER && k < STEPS; k++) {
        unsigned query[4] = {}, key[4];
        if constexpr (HELD) {
#pragma unroll
          for (int i = 0; i < 4; i++) query[i] = queries.held[k][i];
        } else {
          loadMatrices(query, queries.at + k * 32);
        }
        loadMatrices(key, keys + keyAt(row + 16 * j, column + 32 * k));
        multiply(sum, query, key[0], key[1]);
        multiply(sum + 4, query, key[2], key[3]);
      }
#pragma unroll
      for (int i = 0; i < 8; i++) all[i] += sum[i];
    }
  }
}
// result[16 x CHUNK] += weights [16][KEYS] x values [KEYS][CHUNK]
__device__ __forceinline__ void addValues(float (&result)[CHUNK / 2], const float (&weights)[KEYS / 2], unsigned values, int lane) {
  const int row = lane & 15, column = (lane >> 4) * 16;
#pragma unroll
  for (int k = 0; k < KEYS / 16; k++) {
    // The accumulator's fragment is the first operand's: nothing moves between lanes.
    const float* w = weights + 8 * k;
    const unsigned weight[4] = {pack(w[0], w[1]), pack(w[2], w[3]), pack(w[4], w[5]), pack(w[6], w[7])};
#pragma unroll
    for (int j = 0; j < CHUNK / 16; j++) {
      unsigned value[4];
      loadTransposed(value, values + valueAt(row + 16 * k, column + 32 * j));
      multiply(result + 8 * j, weight, value[0], value[1]);
      multiply(result + 8 * j + 4, weight, value[2], value[3]);
    }
  }
}
`;

const singlePrecision = `\
__device__ __forceinline__ float4 load4(unsigned from) {
  float4 x;
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w) : "r"(from) : "memory");
  return x;
}
__device__ __forceinline__ float2 load2(unsigned from) {
  float2 x;
  asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(x.x), "=f"(x.y) : "r"(from) : "memory");
  return x;
}
__device__ __forceinline__ void addDot(float& sum, float4 a, float4 b) {
  sum = fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

struct Queries { unsigned at; };
__device__ __forceinline__ Queries queriesOf(unsigned rows, int lane) { return {rows + (lane >> 2) * QUERY_ROW}; }
// scores[16 x KEYS] = queries [16][D] x keys [KEYS][D], transposed
__device__ __forceinline__ void scoresOf(float (&scores)[KEYS / 2], const Queries& queries, unsigned keys, int lane) {
  const unsigned a = queries.at, b = keys + 2 * (lane & 3) * KEY_ROW;
#pragma unroll
  for (int i = 0; i < KEYS / 2; i++) scores[i] = 0.f;
#pragma unroll 1
  for (int d = 0; d < D_PADDED * 4; d += 16) {
    const float4 query[2] = {load4(a + d), load4(a + 8 * QUERY_ROW + d)};
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const float4 key = load4(b + (8 * j + e) * KEY_ROW + d);
        addDot(scores[4 * j + e], query[0], key);
        addDot(scores[4 * j + 2 + e], query[1], key);
      }
    }
  }
}
// result[16 x CHUNK] += weights [16][KEYS] x values [KEYS][CHUNK]
__device__ __forceinline__ void addValues(float (&result)[CHUNK / 2], const float (&weights)[KEYS / 2], unsigned values, int lane) {
  const unsigned b = values + 2 * (lane & 3) * 4;
#pragma unroll
  for (int k = 0; k < KEYS; k++) {
    // The lane of these rows that holds their weights of key k.
    const int from = (lane & ~3) | (k & 7) >> 1, at = k / 8 * 4 + (k & 1);
    const float upper = __shfl_sync(~0u, weights[at], from), lower = __shfl_sync(~0u, weights[at + 2], from);
#pragma unroll
    for (int j = 0; j < CHUNK / 8; j++) {
      const float2 value = load2(b + k * VALUE_ROW + j * 32);
      float* sum = result + 4 * j;
      sum[0] = fmaf(upper, value.x, sum[0]);
      sum[1] = fmaf(upper, value.y, sum[1]);
      sum[2] = fmaf(lower, value.x, sum[2]);
      sum[3] = fmaf(lower, value.y, sum[3]);
    }
  }
}
`;

/** Two neighbours of a row of the output; `pairs`: rows begin at multiples of two elements. */
const STORE: { readonly [K in "packed" | "plain"]: string } = {
  packed: `\
__device__ __forceinline__ void store2(Element* row, int column, float x, float y, int columns, bool pairs) {
  const unsigned both = pack(x, y);
  if (pairs && column + 1 < columns) *(unsigned*)(row + column) = both;
  else {
    if (column < columns) row[column] = (Element)both;
    if (column + 1 < columns) row[column + 1] = (Element)(both >> 16);
  }
}
`,
  plain: `\
__device__ __forceinline__ void store2(Element* row, int column, float x, float y, int columns, bool pairs) {
  if (pairs && column + 1 < columns) *(float2*)(row + column) = make_float2(x, y);
  else {
    if (column < columns) row[column] = x;
    if (column + 1 < columns) row[column + 1] = y;
  }
}
`,
};

export const products = (dtype: FloatType): string =>
  dtype === "f32" ? singlePrecision + STORE.plain : tensorCores(dtype) + STORE.packed;
