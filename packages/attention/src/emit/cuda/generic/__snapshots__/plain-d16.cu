// Forward. A block is one item: rows of one query head, each warp 16 of them. For each step of keys that the rows visit:
//   scores  = queries x keys          products in the layout of mma.sync: a thread has 2 rows
//   adjust    the score function; the mask, in steps that are not whole
//   weigh     e^(score - largest), the running maximum and sum
//   result += weights x values
// Keys and values of the next step are copied meanwhile. Values wider than CHUNK columns take a pass for each chunk.

typedef unsigned short Element;

struct Params {
  const Element* query;
  const Element* key;
  const Element* value;
  Element* out;
  float* lse;
  float* max;
  const float* sinks;
  const int* queryOffset;
  const int* kvLength;
  const int* items;
  const int* spans;
  const int* rowStart;
  const int* runs;
  const unsigned* bits;
  int* counter;
  float* partials;
  const int* combines;
  long long queryBatchStride;
  long long queryHeadStride;
  long long queryRowStride;
  long long keyBatchStride;
  long long keyHeadStride;
  long long keyRowStride;
  long long valueBatchStride;
  long long valueHeadStride;
  long long valueRowStride;
  long long outBatchStride;
  long long outHeadStride;
  long long outRowStride;
  int B;
  int Hq;
  int Hkv;
  int M;
  int N;
  int itemCount;
  int combineCount;
  int headGroup;
  int maskB;
  int maskH;
  int maskRows;
  int blockQ;
  int blockKv;
  float scale;
};

#define INFINITY_F __int_as_float(0x7f800000)
constexpr float LOG2E = 1.4426950408889634f;


constexpr int D = 16, DV = 16;                 // head sizes: of queries and keys, of values
constexpr int D_PADDED = 16, CHUNK = 16;        // columns in shared memory: of queries and keys, of values
constexpr int WARPS = 4, THREADS = 128, ROWS = 64;  // of a block; a warp has 16 rows
constexpr int KEYS = 64;                            // of one step
constexpr int ROW_PADDING = 16;                     // bytes: 8 rows lie in different banks
constexpr int KEY_BYTES = 32, VALUE_BYTES = 32;
constexpr int KEY_ROW = KEY_BYTES + ROW_PADDING, VALUE_ROW = VALUE_BYTES + ROW_PADDING, QUERY_ROW = KEY_ROW;

// Bytes from the first of a tile to those at `column` (in bytes) of a row.
__device__ __forceinline__ unsigned keyAt(int row, int column) { return row * KEY_ROW + column; }
__device__ __forceinline__ unsigned valueAt(int row, int column) { return row * VALUE_ROW + column; }

// ---- asynchronous copies into shared memory (addresses are 32 bits); bytes beyond `bytes` become zeros
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
// 16 bytes of a row from element `first` on, element by element.
__device__ __forceinline__ void gather16(unsigned to, const Element* row, int first, int columns) {
  unsigned words[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int at = first + 2 * i;
    const unsigned low = at < columns ? __ldg(row + at) : 0, high = at + 1 < columns ? __ldg(row + at + 1) : 0;
    words[i] = low | high << 16;
  }
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
    ::"r"(to), "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3]) : "memory");
}
// Rows of one head: elements [0, columns) of each; `aligned`: they begin at multiples of 16 bytes.
struct Rows { const Element* head; long long stride; int columns; bool aligned; };
__device__ __forceinline__ Rows rowsOf(const Element* head, long long stride, int columns) {
  return {head, stride, columns, (((unsigned long long)head | stride * sizeof(Element)) & 15) == 0};
}
// Rows [first, first + ROWS) as [ROWS][BYTES + padding]; rows from `end` on, and columns beyond the last, become zeros.
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
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
    : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ unsigned pack(float low, float high) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
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
__device__ __forceinline__ void store2(Element* row, int column, float x, float y, int columns, bool pairs) {
  const unsigned both = pack(x, y);
  if (pairs && column + 1 < columns) *(unsigned*)(row + column) = both;
  else {
    if (column < columns) row[column] = (Element)both;
    if (column + 1 < columns) row[column + 1] = (Element)(both >> 16);
  }
}

// Rows [first, end) of query head h; steps whose scores are looked at one by one come first, then the whole ones.
struct Item { int b, h, first, end, span, maskedSteps, wholeSteps; };
// Steps from key on, the last of them first; keys from limit on do not count; bits: the first block in params.bits, or -1.
struct Span { int key, steps, limit, bits; };
struct Step { int key, limit, bits, first; };
__device__ __forceinline__ Item itemOf(const Params& params, int number) {
  const int tiles = (params.M + ROWS - 1) / ROWS, head = number / tiles, first = number % tiles * ROWS;
  const int b = head / params.Hq, length = params.kvLength[b];
  return {b, head % params.Hq, first, min(first + ROWS, params.M), 0, length % KEYS > 0, length / KEYS};
}
__device__ __forceinline__ Span spanOf(const Params& params, const Item& item, int number) {
  const int length = params.kvLength[item.b], whole = item.wholeSteps * KEYS;
  return number < item.maskedSteps ? Span{whole, 1, length, -1} : Span{0, item.wholeSteps, length, -1};
}

// The steps of an item, one after the other.
struct Walk {
  Span span;
  int left, number;
  __device__ __forceinline__ Step next(const Params& params, const Item& item) {
    if (left == 0) {
      span = spanOf(params, item, number++);
      left = span.steps;
    }
    left--;
    return {span.key + left * KEYS, span.limit, span.bits, span.key};
  }
};

// Two rows of a thread: query heads h, positions q (offset included), query rows `line` (as the block mask counts them).
struct RowPair {
  int b, h[2], q[2], line[2];
};
__device__ __forceinline__ RowPair rowPair(const Params& params, int b, int h0, int h1, int line0, int line1) {
  const int offset = params.queryOffset[b];
  RowPair rows{b, {h0, h1}, {line0 + offset, line1 + offset}, {line0, line1}};
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int h = rows.h[r], q = rows.q[r];
  }
  return rows;
}
// scores[4 j + 2 r + e]: row r, key 8 j + 2 (lane % 4) + e of the step. In: dot products; out: scores, -infinity where masked.
template <bool MASKED>
__device__ __forceinline__ void adjust(const Params& params, const RowPair& rows, const Step& step, float (&scores)[KEYS / 2], int lane) {
  const int b = rows.b, key = step.key + 2 * (lane & 3);
#pragma unroll
  for (int j = 0; j < KEYS / 8; j++) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const int h = rows.h[r], q = rows.q[r];
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const int column = 8 * j + e;
        float& s = scores[4 * j + 2 * r + e];
        s *= params.scale;
        if constexpr (MASKED) {
          if (!(key + column < step.limit && true)) s = -INFINITY_F;
        }
      }
    }
  }
}
// The softmax of a thread's two rows so far: weights are e^(score - largest). NaN in a score is NaN in both.
struct Softmax { float largest[2], sum[2]; };
// Scores to weights; returns by how much earlier sums and results shrink.
__device__ __forceinline__ float2 weigh(Softmax& state, float (&scores)[KEYS / 2]) {
  float shrink[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float most = state.largest[r];
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) most = larger(most, larger(scores[4 * j + 2 * r], scores[4 * j + 2 * r + 1]));
    most = larger(most, __shfl_xor_sync(~0u, most, 1));
    most = larger(most, __shfl_xor_sync(~0u, most, 2));
    const float base = most == -INFINITY_F ? 0.f : most;
    shrink[r] = exp2Approximate((state.largest[r] - base) * LOG2E);
    state.largest[r] = most;
    float sum = 0.f;
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        float& s = scores[4 * j + 2 * r + e];
        s = exp2Approximate((s - base) * LOG2E);
        sum += s;
      }
    }
    state.sum[r] = state.sum[r] * shrink[r] + sum;
  }
  return make_float2(shrink[0], shrink[1]);
}
// Most steps find no larger score, in none of the warp's rows: then there is nothing to do.
template <int N> __device__ __forceinline__ void rescale(float (&result)[N], float2 shrink) {
  if (!__any_sync(~0u, shrink.x != 1.f || shrink.y != 1.f)) return;
#pragma unroll
  for (int i = 0; i < N; i++) result[i] *= i & 2 ? shrink.y : shrink.x;
}

__device__ __forceinline__ float overLanes(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}
struct Ending { float lse, inverse; };
// From the largest score and the sum of all weights to the logarithm of the denominator and a weight's factor.
__device__ __forceinline__ Ending endingOf(const Params& params, int h, float largest, float total) {
  Ending ending{total == 0.f ? -INFINITY_F : largest + logf(total), total == 0.f ? 0.f : 1.f / total};
  if (params.sinks == nullptr) return ending;
  const float sink = params.sinks[h], most = larger(ending.lse, sink);  // a sink joins the denominator
  if (most == -INFINITY_F) return ending;
  const float joined = most + logf(expf(ending.lse - most) + expf(sink - most));
  return {joined, total == 0.f ? 0.f : ending.inverse * expf(ending.lse - joined)};
}

constexpr unsigned QUERY_TILE = ROWS * KEY_ROW, KEY_TILE = KEYS * KEY_ROW, VALUE_TILE = KEYS * VALUE_ROW;

// One pass over the keys of an item, for columns [column, column + CHUNK) of the values.
__device__ __forceinline__ void pass(const Params& params, const Item& item, unsigned shared, int column) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, steps = item.maskedSteps + item.wholeSteps;
  const int head = item.h / (params.Hq / params.Hkv), line = item.first + warp * 16 + (lane >> 2);
  const Rows queries = rowsOf(params.query + item.b * params.queryBatchStride + item.h * params.queryHeadStride, params.queryRowStride, D);
  const Rows keys = rowsOf(params.key + item.b * params.keyBatchStride + head * params.keyHeadStride, params.keyRowStride, D);
  const Rows values = rowsOf(params.value + item.b * params.valueBatchStride + head * params.valueHeadStride + column, params.valueRowStride, min(DV - column, CHUNK));
  const unsigned keyTiles = shared + QUERY_TILE, valueTiles = keyTiles + 2 * KEY_TILE;
  const RowPair rows = rowPair(params, item.b, item.h, item.h, line, line + 8);
  float result[CHUNK / 2], scores[KEYS / 2];
  Softmax state{{-INFINITY_F, -INFINITY_F}, {0.f, 0.f}};
#pragma unroll
  for (int i = 0; i < CHUNK / 2; i++) result[i] = 0.f;
  Walk walk{{}, 0, 0};
  Step step{}, next{};
  auto loadKeys = [&](int buffer) { loadRows<KEYS, KEY_BYTES, THREADS>(keyTiles + buffer * KEY_TILE, keys, next.key, next.limit, threadIdx.x); };
  auto loadValues = [&](int buffer) { loadRows<KEYS, VALUE_BYTES, THREADS>(valueTiles + buffer * VALUE_TILE, values, next.key, next.limit, threadIdx.x); };
  if (steps > 0) {
    next = walk.next(params, item);
    loadRows<ROWS, KEY_BYTES, THREADS>(shared, queries, item.first, item.end, threadIdx.x);
    loadKeys(0);
    copyCommit();
    loadValues(0);
    copyCommit();
  }
  Queries held{};
  if (steps > 0) {
    copyWait<1>();
    __syncthreads();
    held = queriesOf(shared + warp * 16 * QUERY_ROW, lane);
  }
  for (int i = 0; i < steps; i++) {
    const int buffer = i & 1;
    step = next;
    if (i + 1 < steps) next = walk.next(params, item);
    // Keys are here, and all warps are done with the step before: its buffers are free.
    copyWait<1>();
    __syncthreads();
    if (i + 1 < steps) loadKeys(buffer ^ 1);
    copyCommit();
    scoresOf(scores, held, keyTiles + buffer * KEY_TILE, lane);
    if (i < item.maskedSteps) adjust<true>(params, rows, step, scores, lane);
    else adjust<false>(params, rows, step, scores, lane);
    rescale(result, weigh(state, scores));
    copyWait<1>();
    __syncthreads();
    if (i + 1 < steps) loadValues(buffer ^ 1);
    copyCommit();
    addValues(result, scores, valueTiles + buffer * VALUE_TILE, lane);
  }
  Element* out = params.out + item.b * params.outBatchStride + item.h * params.outHeadStride + column;
  const bool pairs = (((unsigned long long)out | params.outRowStride * sizeof(Element)) & (2 * sizeof(Element) - 1)) == 0;
  const long long plane = ((long long)item.b * params.Hq + item.h) * params.M;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const Ending ending = endingOf(params, item.h, state.largest[r], overLanes(state.sum[r]));
    const int row = line + 8 * r;
    if (row >= item.end) continue;
    if (column == 0 && (lane & 3) == 0) {
      if (params.lse != nullptr) params.lse[plane + row] = ending.lse;
      if (params.max != nullptr) params.max[plane + row] = state.largest[r];
    }
#pragma unroll
    for (int j = 0; j < CHUNK / 8; j++) {
      const float* pair = result + 4 * j + 2 * r;
      store2(out + row * params.outRowStride, 8 * j + 2 * (lane & 3), pair[0] * ending.inverse, pair[1] * ending.inverse, DV - column, pairs);
    }
  }
}

extern "C" __global__ void __launch_bounds__(THREADS) attention(const __grid_constant__ Params params) {
  extern __shared__ __align__(16) unsigned char memory[];
  const unsigned shared = (unsigned)__cvta_generic_to_shared(memory);
  const Item item = itemOf(params, blockIdx.x);
#pragma unroll 1
  for (int column = 0; column < DV; column += CHUNK) {
    __syncthreads();
    pass(params, item, shared, column);
  }
}
