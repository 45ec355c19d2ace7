// Decode, in two kernels. A block of the first is one split of keys of one key head, for up to 16 packed rows: row r = g * M + m
// is query row m of the g-th query head that shares the key head. The split's steps of 16 keys are dealt out to the warps, each
// of which keeps STAGES of its own in flight, without waiting for the others:
//   scores  = queries x keys          products in the layout of mma.sync: a thread has 2 rows
//   adjust    the score function; the mask, in steps that are not whole
//   weigh     e^(score - largest), the running maximum and sum
//   result += weights x values
// Then the warps' results are merged into one partial result. The second kernel merges those of all splits, by rising key.

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
constexpr int TILE_ROWS = 16, KEYS = 16;           // packed rows; keys of a step
constexpr int SPLIT = 512, SHORT = 8;              // keys of each of the first SHORT splits; the others are twice as long
constexpr int WARPS = 4, STAGES = 8;               // steps that each warp has in flight
constexpr int ROW_PADDING = 16;                     // bytes: 8 rows lie in different banks
constexpr int KEY_BYTES = 32, VALUE_BYTES = 32, QUERY_ROW = KEY_BYTES + ROW_PADDING;
constexpr int KEY_ROW = 48, VALUE_ROW = 48;      // from one key to the next; from one value to the next
constexpr int QUERIES = 49152, BARRIERS = 49920;     // where they lie, behind the steps

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

constexpr unsigned KEY_TILE = KEYS * KEY_ROW, STAGE = KEY_TILE + KEYS * VALUE_ROW;  // bytes of a step's keys, and of its values too
constexpr int PARTIAL = (DV + 3) / 4 * 4 + 4, STATE = PARTIAL - 4;  // floats of a partial result; where maximum and sum lie

// Keys [start, end) of one split for packed rows [first, first + rows). The longest splits, which are the last, come first.
struct Split { int b, head, first, rows, start, end; long long partial; };
__device__ __forceinline__ int splitStart(int number) { return number < SHORT ? number * SPLIT : (2 * number - SHORT) * SPLIT; }
__device__ __forceinline__ Split splitOf(const Params& params, int block) {
  const int all = params.Hq / params.Hkv * params.M, tiles = (all + TILE_ROWS - 1) / TILE_ROWS;
  const int others = params.B * params.Hkv * tiles, splits = gridDim.x / others;
  const int number = splits - 1 - block / others, tile = block % tiles, plane = block % others / tiles;
  const int b = plane / params.Hkv, first = tile * TILE_ROWS, start = splitStart(number);
  const long long partial = ((long long)plane * splits + number) * all + first;
  const int end = max(min(splitStart(number + 1), params.kvLength[b]), start);
  return {b, plane % params.Hkv, first, min(all - first, TILE_ROWS), start, end, partial};
}
// A packed row as query head and query row; rows beyond the last repeat it.
struct PackedRow { int h, line; };
__device__ __forceinline__ PackedRow packedRow(const Params& params, const Split& split, int row) {
  const int packed = split.first + min(row, split.rows - 1);
  return {split.head * (params.Hq / params.Hkv) + packed / params.M, packed % params.M};
}
struct Step { int key, limit; };

__device__ __forceinline__ unsigned keyAt(int row, int column) { return row * KEY_ROW + column; }
__device__ __forceinline__ unsigned valueAt(int row, int column) { return row * VALUE_ROW + column; }
struct Maps {};
struct Ring {
  unsigned at;
  Rows keys, values;
  __device__ __forceinline__ Ring(const Maps& maps, const Params& params, const Split& split, unsigned shared, int column, int warp)
    : at(shared + warp * STAGES * STAGE),
      keys(rowsOf(params.key + split.b * params.keyBatchStride + split.head * params.keyHeadStride, params.keyRowStride, D)),
      values(rowsOf(params.value + split.b * params.valueBatchStride + split.head * params.valueHeadStride + column, params.valueRowStride, min(DV - column, CHUNK))) {}
  __device__ __forceinline__ void load(int stage, int first, int end, int lane) {
    loadRows<KEYS, KEY_BYTES, 32>(at + stage * STAGE, keys, first, end, lane);
    loadRows<KEYS, VALUE_BYTES, 32>(at + stage * STAGE + KEY_TILE, values, first, end, lane);
  }
  __device__ __forceinline__ void commit() { copyCommit(); }
  __device__ __forceinline__ void await(int stage, int round, int first, int end, int lane) { copyWait<STAGES - 1>(); }
};

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

// Steps that some row visits, and those that all rows attend to in full.
typedef unsigned long long Bits;
struct Listing { Bits listed, whole; };
struct Runs { const int4* words; int first, last; };
__device__ __forceinline__ Bits firstBits(int count) { return count >= 64 ? ~0ull : (1ull << count) - 1; }
__device__ __forceinline__ Bits anyOf(Bits mine) {
  const unsigned low = __reduce_or_sync(~0u, (unsigned)mine), high = __reduce_or_sync(~0u, (unsigned)(mine >> 32));
  return (Bits)high << 32 | low;
}
__device__ __forceinline__ Listing listingOf(const Params& params, const Split& split, int lane) {
  const int steps = (split.end - split.start + KEYS - 1) / KEYS, whole = (split.end - split.start) / KEYS;
  return {firstBits(steps), firstBits(whole)};
}

// Every WARPS-th of the steps visited: what one warp does.
__device__ __forceinline__ Bits shareOf(Bits listed, int warp, int lane) {
  auto isMine = [&](int step) { return (listed >> step & 1) && __popcll(listed & firstBits(step)) % WARPS == warp; };
  return (Bits)__ballot_sync(~0u, isMine(lane + 32)) << 32 | __ballot_sync(~0u, isMine(lane));
}

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

__device__ __forceinline__ void loadQueries(const Params& params, const Split& split, unsigned shared) {
  for (int row = threadIdx.x >> 5; row < TILE_ROWS; row += WARPS) {
    const PackedRow at = packedRow(params, split, row);
    const Element* from = params.query + split.b * params.queryBatchStride + at.h * params.queryHeadStride + at.line * params.queryRowStride;
    loadRows<1, KEY_BYTES, 32>(shared + QUERIES + row * QUERY_ROW, rowsOf(from, 0, D), 0, row < split.rows, threadIdx.x & 31);
  }
}
// What a warp's steps make of columns [column, column + CHUNK) of the values.
__device__ __forceinline__ void visit(const Maps& maps, const Params& params, const Split& split, Listing listing, unsigned shared, int column,
                                      float (&result)[CHUNK / 2], Softmax& state) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const PackedRow upper = packedRow(params, split, lane >> 2), lower = packedRow(params, split, (lane >> 2) + 8);
  const RowPair rows = rowPair(params, split.b, upper.h, lower.h, upper.line, lower.line);
  Ring ring(maps, params, split, shared, column, warp);
  Bits ahead = shareOf(listing.listed, warp, lane), left = ahead;
  // The next step's keys and values; nothing, at the end.
  auto load = [&](int stage) {
    if (ahead != 0) ring.load(stage, split.start + (__ffsll(ahead) - 1) * KEYS, split.end, lane);
    ring.commit();
    ahead &= ahead - 1;
  };
#pragma unroll 1
  for (int stage = 0; stage < STAGES - 1; stage++) load(stage);
  copyWait<STAGES - 1>();
  __syncthreads();
  const Queries held = queriesOf(shared + QUERIES, lane);
  float scores[KEYS / 2];
  for (int stage = 0, round = 0; left != 0; left &= left - 1) {
    const int number = __ffsll(left) - 1;
    const unsigned keyTile = ring.at + stage * STAGE;
    const Step step{split.start + number * KEYS, split.end};
    __syncwarp();  // all lanes are done with the stage that is loaded next
    load(stage == 0 ? STAGES - 1 : stage - 1);
    ring.await(stage, round, step.key, split.end, lane);
    __syncwarp();
    scoresOf(scores, held, keyTile, lane);
    if (listing.whole >> number & 1) adjust<false>(params, rows, step, scores, lane);
    else adjust<true>(params, rows, step, scores, lane);
    rescale(result, weigh(state, scores));
    addValues(result, scores, keyTile + KEY_TILE, lane);
    if (++stage == STAGES) stage = 0, round++;
  }
  copyWait<0>();
}

// Merges the warps' results, in their order, into the split's partial result.
__device__ __forceinline__ void merge(const Params& params, const Split& split, float* results, int column,
                                      float (&result)[CHUNK / 2], const Softmax& state) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  float* states = results + WARPS * TILE_ROWS * CHUNK;  // [WARPS][TILE_ROWS][2]
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int row = (lane >> 2) + 8 * r;
    const float sum = overLanes(state.sum[r]);
    if ((lane & 3) == 0) *(float2*)(states + (warp * TILE_ROWS + row) * 2) = make_float2(state.largest[r], sum);
#pragma unroll
    for (int j = 0; j < CHUNK / 8; j++) {
      *(float2*)(results + (warp * TILE_ROWS + row) * CHUNK + 8 * j + 2 * (lane & 3)) = make_float2(result[4 * j + 2 * r], result[4 * j + 2 * r + 1]);
    }
  }
  __syncthreads();
  for (int row = warp; row < split.rows; row += WARPS) {
    float most = -INFINITY_F, total = 0.f, shrink[WARPS];
#pragma unroll
    for (int w = 0; w < WARPS; w++) most = larger(most, states[(w * TILE_ROWS + row) * 2]);
    const float base = most == -INFINITY_F ? 0.f : most;
#pragma unroll
    for (int w = 0; w < WARPS; w++) {
      const float* state = states + (w * TILE_ROWS + row) * 2;
      shrink[w] = exp2Approximate((state[0] - base) * LOG2E);
      total += state[1] * shrink[w];
    }
    float* partial = params.partials + (split.partial + row) * PARTIAL;
    for (int i = lane * 4; i < min(CHUNK, STATE - column); i += 128) {
      float4 sum = make_float4(0.f, 0.f, 0.f, 0.f);
#pragma unroll
      for (int w = 0; w < WARPS; w++) {
        const float4 x = *(const float4*)(results + (w * TILE_ROWS + row) * CHUNK + i);
        sum.x += x.x * shrink[w]; sum.y += x.y * shrink[w]; sum.z += x.z * shrink[w]; sum.w += x.w * shrink[w];
      }
      *(float4*)(partial + column + i) = sum;
    }
    if (lane == 0 && column == 0) *(float2*)(partial + STATE) = make_float2(most, total);
  }
}

extern "C" __global__ void __launch_bounds__(WARPS * 32, 2) decode(
    const __grid_constant__ Params params) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const Maps maps{};
  const unsigned shared = (unsigned)__cvta_generic_to_shared(memory);
  const Split split = splitOf(params, blockIdx.x);
  loadQueries(params, split, shared);
  copyCommit();
  const Listing listing = listingOf(params, split, threadIdx.x & 31);
  if (listing.listed == 0) {  // nothing to see: the split has no part in the sum
    copyWait<0>();
    if (threadIdx.x < split.rows) *(float2*)(params.partials + (split.partial + threadIdx.x) * PARTIAL + STATE) = make_float2(-INFINITY_F, 0.f);
    return;
  }
#pragma unroll 1
  for (int column = 0; column < DV; column += CHUNK) {
    float result[CHUNK / 2];
    Softmax state{{-INFINITY_F, -INFINITY_F}, {0.f, 0.f}};
#pragma unroll
    for (int i = 0; i < CHUNK / 2; i++) result[i] = 0.f;
    visit(maps, params, split, listing, shared, column, result, state);
    __syncthreads();  // results lie where keys and values were
    merge(params, split, (float*)memory, column, result, state);
    __syncthreads();
  }
}

constexpr int COMBINE_THREADS = 256, QUADS = STATE / 4;  // four columns to a thread
constexpr int GROUP = QUADS <= 32 ? 32 : QUADS <= 64 ? 64 : 128, GROUPS = COMBINE_THREADS / GROUP, UNROLL = 8;

extern "C" __global__ void __launch_bounds__(COMBINE_THREADS) combine(
    const __grid_constant__ Params params) {
  __shared__ float4 sums[GROUPS][GROUP];
  __shared__ float extremes[COMBINE_THREADS / 32], totals[GROUPS];
  const int m = blockIdx.x % params.M, h = blockIdx.x / params.M % params.Hq, b = blockIdx.x / params.M / params.Hq;
  const int share = params.Hq / params.Hkv, rows = share * params.M, tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  const int splits = params.itemCount / (params.B * params.Hkv * tiles);
  const long long plane = (long long)b * params.Hkv + h / share;
  const float* first = params.partials + (plane * splits * rows + h % share * params.M + m) * PARTIAL;
  const long long next = (long long)rows * PARTIAL;  // from one split to the next
  const int thread = threadIdx.x, lane = thread & 31, group = thread / GROUP, quad = thread % GROUP;
  float most = -INFINITY_F;
  for (int i = thread; i < splits; i += COMBINE_THREADS) most = larger(most, first[i * next + STATE]);
#pragma unroll
  for (int mask = 16; mask > 0; mask >>= 1) most = larger(most, __shfl_xor_sync(~0u, most, mask));
  if (lane == 0) extremes[thread >> 5] = most;
  __syncthreads();
#pragma unroll
  for (int i = 0; i < COMBINE_THREADS / 32; i++) most = larger(most, extremes[i]);
  const float base = most == -INFINITY_F ? 0.f : most;
  float4 sum = make_float4(0.f, 0.f, 0.f, 0.f);
  float total = 0.f;
  for (int i = group; i < splits; i += GROUPS * UNROLL) {
    // Splits that nothing attended to hold a maximum only: their factor is 0, and their values are not read.
    float4 values[UNROLL];
    float factors[UNROLL];
#pragma unroll
    for (int n = 0; n < UNROLL; n++) {
      const int number = i + n * GROUPS;
      const float* partial = first + min(number, splits - 1) * next;
      const float2 state = *(const float2*)(partial + STATE);
      const bool counts = number < splits && state.x != -INFINITY_F;
      factors[n] = counts ? exp2Approximate((state.x - base) * LOG2E) : 0.f;
      total += counts ? state.y * factors[n] : 0.f;
      values[n] = counts && quad < QUADS ? *(const float4*)(partial + 4 * quad) : make_float4(0.f, 0.f, 0.f, 0.f);
    }
#pragma unroll
    for (int n = 0; n < UNROLL; n++) {
      sum.x += values[n].x * factors[n]; sum.y += values[n].y * factors[n];
      sum.z += values[n].z * factors[n]; sum.w += values[n].w * factors[n];
    }
  }
  sums[group][quad] = sum;
  if (quad == 0) totals[group] = total;
  __syncthreads();
  if (group > 0) return;
#pragma unroll
  for (int i = 1; i < GROUPS; i++) {
    const float4 x = sums[i][quad];
    sum.x += x.x; sum.y += x.y; sum.z += x.z; sum.w += x.w;
    total += totals[i];
  }
  const Ending ending = endingOf(params, h, most, total);
  if (quad == 0) {
    if (params.lse != nullptr) params.lse[blockIdx.x] = ending.lse;
    if (params.max != nullptr) params.max[blockIdx.x] = most;
  }
  if (quad >= QUADS) return;
  Element* out = params.out + b * params.outBatchStride + h * params.outHeadStride + m * params.outRowStride;
  const bool pairs = ((unsigned long long)out & (2 * sizeof(Element) - 1)) == 0;
  store2(out, 4 * quad, sum.x * ending.inverse, sum.y * ending.inverse, DV, pairs);
  store2(out, 4 * quad + 2, sum.z * ending.inverse, sum.w * ending.inverse, DV, pairs);
}
