/** What kernels for every GPU from sm_80 on say in PTX: asynchronous copies, and the functions of a weight. */
import type { FloatType } from "../../../tensor.ts";

const ELEMENT: { readonly [K in FloatType]: string } = {
  // Bits: only products and conversions look inside.
  bf16: "unsigned short",
  f16: "unsigned short",
  f32: "float",
};

/** The C type of a stored element. */
export const elementType = (dtype: FloatType): string => ELEMENT[dtype];

/** 16 bytes as they are loaded where rows do not begin at multiples of 16 bytes. */
const GATHER: { readonly [K in "pairs" | "whole"]: string } = {
  pairs: `\
    const int at = first + 2 * i;
    const unsigned low = at < columns ? __ldg(row + at) : 0, high = at + 1 < columns ? __ldg(row + at + 1) : 0;
    words[i] = low | high << 16;`,
  whole: `\
    words[i] = first + i < columns ? __float_as_uint(__ldg(row + first + i)) : 0;`,
};

export const primitives = (dtype: FloatType): string => `\
// ---- asynchronous copies into shared memory (addresses are 32 bits); bytes beyond \`bytes\` become zeros
__device__ __forceinline__ void copy16(unsigned to, const void* from, int bytes) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void copyCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int LEFT> __device__ __forceinline__ void copyWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
}

// The address of a row, and of those loaded with it: where a paged cache would look up the page of a step's first row.
__device__ __forceinline__ const Element* rowAt(const Element* head, long long stride, int row) {
  return head + row * stride;
}
// 16 bytes of a row from element \`first\` on, element by element.
__device__ __forceinline__ void gather16(unsigned to, const Element* row, int first, int columns) {
  unsigned words[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
${dtype === "f32" ? GATHER.whole : GATHER.pairs}
  }
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
    ::"r"(to), "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3]) : "memory");
}
// Rows of one head: elements [0, columns) of each; \`aligned\`: they begin at multiples of 16 bytes.
struct Rows { const Element* head; long long stride; int columns; bool aligned; };
__device__ __forceinline__ Rows rowsOf(const Element* head, long long stride, int columns) {
  return {head, stride, columns, (((unsigned long long)head | stride * sizeof(Element)) & 15) == 0};
}
// Rows [first, first + ROWS) as [ROWS][BYTES + padding]; rows from \`end\` on, and columns beyond the last, become zeros.
template <int ROWS, int BYTES, int THREADS>
__device__ __forceinline__ void gatherRows(unsigned to, const Rows& rows, int first, int end, int thread) {
  constexpr int CHUNKS = BYTES / 16, EACH = 16 / sizeof(Element);
#pragma unroll 1
  for (int i = thread; i < ROWS * CHUNKS; i += THREADS) {
    const int line = i / CHUNKS, chunk = i % CHUNKS, row = first + line;
    const Element* from = rowAt(rows.head, rows.stride, min(row, max(end - 1, 0)));
    gather16(to + line * (BYTES + ROW_PADDING) + chunk * 16, from, chunk * EACH, row < end ? rows.columns : 0);
  }
}
// The same, asynchronously. A copy of 0 bytes reads nothing, so its address need not exist.
template <int ROWS, int BYTES, int THREADS>
__device__ __forceinline__ void loadRows(unsigned to, const Rows& rows, int first, int end, int thread) {
  constexpr int CHUNKS = BYTES / 16, EACH = 16 / sizeof(Element), LINE = BYTES + ROW_PADDING;
  // Threads side by side along rows; as many rows at once as that leaves.
  constexpr int ACROSS = CHUNKS < THREADS ? CHUNKS : THREADS, LINES = THREADS / ACROSS;
  if (!rows.aligned) return gatherRows<ROWS, BYTES, THREADS>(to, rows, first, end, thread);
  const int line = thread / ACROSS;
  if (line >= LINES) return;
#pragma unroll
  for (int chunk = thread % ACROSS; chunk < CHUNKS; chunk += ACROSS) {
    const int bytes = min(max(rows.columns - chunk * EACH, 0), EACH) * (int)sizeof(Element);
    const Element* from = rowAt(rows.head, rows.stride, first + line) + chunk * EACH;
#pragma unroll
    for (int i = 0; i < ROWS; i += LINES) {
      if (ROWS % LINES != 0 && line + i >= ROWS) break;
      copy16(to + (line + i) * LINE + chunk * 16, from + i * rows.stride, first + line + i < end ? bytes : 0);
    }
  }
}

__device__ __forceinline__ float exp2Approximate(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
// NaN if either is.
__device__ __forceinline__ float larger(float a, float b) {
  float y;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
  return y;
}
`;
