// Attention, forward, for Hopper (sm_90a): D = 32, Dv = 32, bf16.
// One item: 192 queries of one (batch, head), 64 for each consumer group. Blocks take items from a queue.
//   producer     one thread: TMA copies of the item's queries, then of keys and values, step by step
//   consumers    S = Q K^T in registers (wgmma), together with O += P V of the step before
//     adjust       s = score(scale s), -inf where masked; masked steps come first, whole ones have no mask
//     weigh        m = max(m, s), p = 2^(c (s - m)), l = sum of p; O is rescaled only where m grew by more than 2^8
//   groups pass a token round: while one's products run, the others compute weights
//   finish       out = O / l, lse = m + ln l
// s is the dot product, with the scale's sign; c = |scale| log2(e).

typedef unsigned short Element;  // bits of a 16-bit number
typedef unsigned long long u64;
struct __align__(64) TensorMap { char bytes[128]; };

constexpr float LOG2E = 1.4426950408889634f, LN2 = 0.6931471805599453f;
#define INFINITY_F __int_as_float(0x7f800000)

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

// ---- barriers in shared memory: addresses are 32 bits
__device__ __forceinline__ void barrierInit(unsigned at, unsigned arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(arrivals) : "memory");
}
__device__ __forceinline__ void barrierExpect(unsigned at, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(at), "r"(bytes) : "memory");
}
__device__ __forceinline__ void barrierArrive(unsigned at) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(at) : "memory");
}
// Returns once the phase of this parity is complete; a fresh barrier passes parity 1.
__device__ __forceinline__ void barrierWait(unsigned at, unsigned parity) {
  asm volatile(
    "{\n.reg .pred P;\nWAIT_%=:\n"
    "mbarrier.try_wait.parity.shared::cta.b64 P, [%0], %1;\n"
    "@P bra DONE_%=;\nbra WAIT_%=;\nDONE_%=:\n}\n" ::"r"(at), "r"(parity) : "memory");
}

// ---- one box of a tensor into shared memory; the barrier counts its bytes
__device__ __forceinline__ void copyBox(
    unsigned to, const TensorMap* map, unsigned barrier, int row, int head, int batch) {
  asm volatile(
    "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes "
    "[%0], [%1, {%3, %4, %3, %5, %6}], [%2];"
    ::"r"(to), "l"(map), "r"(barrier), "r"(0), "r"(row), "r"(head), "r"(batch) : "memory");
}

// ---- wgmma: groups of asynchronous products
__device__ __forceinline__ void productsBegin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void productsCommit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int LEFT> __device__ __forceinline__ void productsWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory");
}
// Keeps reads and writes of fragment registers on their side of this point.
template <int N> __device__ __forceinline__ void pin(float (&fragment)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(fragment[i])::"memory");
}

__device__ __forceinline__ float exp2Approximate(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ unsigned pack(float low, float high) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
// What all lanes of the warp agree on; the compiler then keeps it in uniform registers.
__device__ __forceinline__ int uniform(int x) { return __shfl_sync(~0u, x, 0); }

// d[64 rows][128 keys] (+)= 16 columns of queries times keys
__device__ __forceinline__ void scoresProduct(float (&d)[64], u64 queries, u64 keys, int add) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
    "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63}, %64, %65, p, 1, 1, 0, 0;\n}\n"
    : "+f"(d[0]),"+f"(d[1]),"+f"(d[2]),"+f"(d[3]),"+f"(d[4]),"+f"(d[5]),"+f"(d[6]),"+f"(d[7]),"+f"(d[8]),"+f"(d[9]),"+f"(d[10]),"+f"(d[11]),"+f"(d[12]),"+f"(d[13]),"+f"(d[14]),"+f"(d[15]),"+f"(d[16]),"+f"(d[17]),"+f"(d[18]),"+f"(d[19]),"+f"(d[20]),"+f"(d[21]),"+f"(d[22]),"+f"(d[23]),"+f"(d[24]),"+f"(d[25]),"+f"(d[26]),"+f"(d[27]),"+f"(d[28]),"+f"(d[29]),"+f"(d[30]),"+f"(d[31]),"+f"(d[32]),"+f"(d[33]),"+f"(d[34]),"+f"(d[35]),"+f"(d[36]),"+f"(d[37]),"+f"(d[38]),"+f"(d[39]),"+f"(d[40]),"+f"(d[41]),"+f"(d[42]),"+f"(d[43]),"+f"(d[44]),"+f"(d[45]),"+f"(d[46]),"+f"(d[47]),"+f"(d[48]),"+f"(d[49]),"+f"(d[50]),"+f"(d[51]),"+f"(d[52]),"+f"(d[53]),"+f"(d[54]),"+f"(d[55]),"+f"(d[56]),"+f"(d[57]),"+f"(d[58]),"+f"(d[59]),"+f"(d[60]),"+f"(d[61]),"+f"(d[62]),"+f"(d[63])
    : "l"(queries), "l"(keys), "r"(add));
}
// d[64 rows][32 columns] += weights of 16 keys times values
__device__ __forceinline__ void valuesProduct(
    float (&d)[16], unsigned a0, unsigned a1, unsigned a2, unsigned a3, u64 values) {
  asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 "
    "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15}, {%16,%17,%18,%19}, %20, 1, 1, 1, 1;\n"
    : "+f"(d[0]),"+f"(d[1]),"+f"(d[2]),"+f"(d[3]),"+f"(d[4]),"+f"(d[5]),"+f"(d[6]),"+f"(d[7]),"+f"(d[8]),"+f"(d[9]),"+f"(d[10]),"+f"(d[11]),"+f"(d[12]),"+f"(d[13]),"+f"(d[14]),"+f"(d[15])
    : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(values));
}

constexpr int D = 32, DV = 32;                 // head sizes: of queries and keys, of values
constexpr int GROUPS = 3, ROWS = 192;          // consumer groups of 64 query rows
constexpr int KEYS = 128, STAGES = 2;            // keys of one step; steps in flight
constexpr int QUERY_BUFFERS = 2, PLACES = 8;                // the next item's queries are loaded ahead
constexpr int SLAB = 32, SLAB_V = 32;             // columns of a slab [rows][columns]
constexpr unsigned QUERY_BYTES = 12288, KEY_BYTES = 8192, VALUE_BYTES = 8192;

struct Shared {
  unsigned at;
  __device__ unsigned query(int i) const { return at + i * QUERY_BYTES; }
  __device__ unsigned keys(int i) const { return at + 24576 + i * KEY_BYTES; }
  __device__ unsigned values(int i) const { return at + 40960 + i * VALUE_BYTES; }
  // Written by the producer before the barrier of what they describe: an item beside its queries, a step beside its keys.
  __device__ unsigned item(int i) const { return at + 57344 + i * 32; }
  __device__ unsigned span(int i) const { return at + 57600 + i * 16; }
  __device__ unsigned step(int i) const { return at + 57728 + i * 16; }
  __device__ unsigned barrier(int i) const { return at + 57792 + i * 8; }
  __device__ unsigned queryFull(int i) const { return barrier(i); }
  __device__ unsigned queryEmpty(int i) const { return barrier(QUERY_BUFFERS + i); }
  __device__ unsigned keysFull(int i) const { return barrier(2 * QUERY_BUFFERS + i); }
  __device__ unsigned keysEmpty(int i) const { return barrier(2 * QUERY_BUFFERS + STAGES + i); }
  __device__ unsigned valuesFull(int i) const { return barrier(2 * QUERY_BUFFERS + 2 * STAGES + i); }
  __device__ unsigned valuesEmpty(int i) const { return barrier(2 * QUERY_BUFFERS + 3 * STAGES + i); }
};

__device__ __forceinline__ void storeWords(unsigned to, int4 words) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
    ::"r"(to), "r"(words.x), "r"(words.y), "r"(words.z), "r"(words.w) : "memory");
}
__device__ __forceinline__ int4 loadWords(unsigned from) {
  int4 words;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
    : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w) : "r"(from) : "memory");
  return words;
}

// Full barriers wait for the copy; empty ones for one lane of each consumer warp.
__device__ __forceinline__ void initBarriers(Shared shared) {
  for (int i = 0; i < QUERY_BUFFERS; i++) {
    barrierInit(shared.queryFull(i), 1);
    barrierInit(shared.queryEmpty(i), 4 * GROUPS);
  }
  for (int i = 0; i < STAGES; i++) {
    barrierInit(shared.keysFull(i), 1);
    barrierInit(shared.keysEmpty(i), 4 * GROUPS);
    barrierInit(shared.valuesFull(i), 1);
    barrierInit(shared.valuesEmpty(i), 4 * GROUPS);
  }
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

// A position in a ring of buffers, and the parity of its barrier's phase.
template <int SIZE> struct Ring {
  int at, parity;
  __device__ __forceinline__ void next() {
    if (++at == SIZE) { at = 0; parity ^= 1; }
  }
};

// Descriptor of a swizzled tile: bytes to the next slab and to the next 8 rows.
__device__ __forceinline__ u64 descriptor(unsigned at, int slabBytes, int rowsBytes, int columns) {
  const u64 swizzle = columns == 64 ? 1 : 2;  // of 128 or 64 bytes
  return (u64)((at & 0x3FFFF) >> 4) | (u64)(slabBytes >> 4) << 16 | (u64)(rowsBytes >> 4) << 32 | swizzle << 62;
}

// place: batch element, head, rows [first, end). work: steps whose scores are looked at one by one, and those after them that are
// whole; work.z is for spanOf. A span: its steps begin at a key, number of them, end of keys that count, first block of bits.
struct Item { int4 place, work; };

__device__ __forceinline__ Item itemOf(const Params& params, int ticket) {
  const int tiles = (params.M + ROWS - 1) / ROWS, head = ticket / tiles, first = ticket % tiles * ROWS;
  const int b = head / params.Hq, length = params.kvLength[b];
  return {make_int4(b, head % params.Hq, first, min(first + ROWS, params.M)),
          make_int4(length % KEYS > 0, length / KEYS, length, 0)};
}
__device__ __forceinline__ int4 spanOf(const Params& params, const Item& item, int number) {
  const bool isMasked = number < item.work.x;
  return make_int4(isMasked ? item.work.y * KEYS : 0, isMasked ? 1 : item.work.y, item.work.z, -1);
}

struct Producer {
  const TensorMap *queryMap, *keyMap, *valueMap;
  const Params& params;
  const Shared shared;
  Ring<QUERY_BUFFERS> queries;
  Ring<STAGES> keys, values;
  int key, head, b;  // of the step whose values are still to be copied

  // What consumers and the next round of the loop are told of an item, while the copies of the item before are under way.
  __device__ __forceinline__ void tell(int at, int ticket) {
    Item item{make_int4(0, 0, 0, 0), make_int4(-1, 0, 0, 0)};
    if (ticket < params.itemCount) {
      item = itemOf(params, ticket);
      storeWords(shared.span(at), spanOf(params, item, 0));
    }
    storeWords(shared.item(at), item.place);
    storeWords(shared.item(at) + 16, item.work);
  }
  __device__ __forceinline__ void copyKeys(int4 span, const int4& place) {
    const unsigned full = shared.keysFull(keys.at);
    barrierWait(shared.keysEmpty(keys.at), keys.parity);
    storeWords(shared.step(keys.at), make_int4(span.y, span.z, 0, 0));
    barrierExpect(full, KEY_BYTES);
    copyBox(shared.keys(keys.at), keyMap, full, span.y, place.y / (params.Hq / params.Hkv), place.x);
    keys.next();
  }
  __device__ __forceinline__ void copyValues() {
    const unsigned full = shared.valuesFull(values.at);
    barrierWait(shared.valuesEmpty(values.at), values.parity);
    barrierExpect(full, VALUE_BYTES);
    copyBox(shared.values(values.at), valueMap, full, key, head, b);
    values.next();
  }
  // Keys of each step, then values of the step before: the order in which they are waited for, also from item to item.
  __device__ __forceinline__ void run() {
    tell(0, blockIdx.x);
    bool pending = false;
    for (int at = 0;; at = (at + 1) % PLACES) {
      const int4 place = loadWords(shared.item(at)), work = loadWords(shared.item(at) + 16);
      const int steps = work.x + work.y;
      const unsigned full = shared.queryFull(queries.at);
      if (steps <= 0 && pending) copyValues();
      pending = pending && steps > 0;
      barrierWait(shared.queryEmpty(queries.at), queries.parity);
      if (steps < 0) {
        barrierArrive(full);
        return;
      }
      barrierExpect(full, QUERY_BYTES);
      copyBox(shared.query(queries.at), queryMap, full, place.z, place.y, place.x);
      queries.next();
      // Every block takes tickets until one is past the end; the last of all leaves the counter as it was.
      const int taken = atomicAdd(params.counter, 1);
      int4 span = loadWords(shared.span(at));
      int left = span.y, number = 0;
#pragma unroll 1
      for (int i = 0; i < steps; i++) {
        if (left == 0) {
          span = spanOf(params, {place, work}, ++number);
          left = span.y;
        }
        const int next = span.x + --left * KEYS;  // from the last step of the span to its first
        copyKeys(make_int4(span.x, next, span.z, span.w), place);
        if (pending) copyValues();
        key = next;
        head = place.y / (params.Hq / params.Hkv);
        b = place.x;
        pending = true;
        if (i == min(1, steps - 1)) tell((at + 1) % PLACES, taken + gridDim.x);
      }
      if (steps == 0) tell((at + 1) % PLACES, taken + gridDim.x);
      if (taken == params.itemCount - 1) *params.counter = 0;
    }
  }
};

struct Consumer {
  const Params& params;
  const Shared shared;
  const int group, lane, rowInTile;
  u64 queryTile, keyTile, valueTile;
  Ring<QUERY_BUFFERS> queries;
  Ring<STAGES> keys, values;
  float times, natural, factor;  // of scores; from them to logits; to logits in base 2

  // Of the item. Rows r = 0 and 1 of the thread: row and row + 8.
  float result[DV / 2], scores[KEYS / 2];
  unsigned weights[KEYS / 4];  // pairs of 16-bit numbers
  float reference[2], largest[2], sum[2], correction[2], inverse[2];
  bool moved;
  int left;  // steps

  __device__ Consumer(const Params& params, Shared shared, int group)
      : params(params), shared(shared), group(group), lane(threadIdx.x & 31),
        rowInTile(group * 64 + (threadIdx.x >> 5 & 3) * 16 + (lane >> 2)), queries{0, 0}, keys{0, 0}, values{0, 0} {
    // Queries and keys: columns side by side; 8 rows on. Values: rows (keys) are the inner dimension of the product.
    queryTile = descriptor(shared.query(0) + group * (64 * SLAB * 2), 16, 8 * SLAB * 2, SLAB);
    keyTile = descriptor(shared.keys(0), 16, 8 * SLAB * 2, SLAB);
    valueTile = descriptor(shared.values(0), KEYS * SLAB_V * 2, 8 * SLAB_V * 2, SLAB_V);
    setFactor(params.scale);
    if (group == GROUPS - 1) asm volatile("bar.arrive 1, 256;" ::: "memory");
  }

  __device__ __forceinline__ void setFactor(float x) {
    const bool isSmall = !(fabsf(x) >= 1e-30f);
    times = isSmall ? x : x < 0.f ? -1.f : 1.f;
    natural = isSmall ? 1.f : fabsf(x);
    factor = natural * LOG2E;
  }

  // A token passes round the groups; its holder issues its products, the others compute weights.
  __device__ __forceinline__ void take() { asm volatile("bar.sync %0, 256;" ::"r"(1 + group) : "memory"); }
  __device__ __forceinline__ void give() {
    asm volatile("bar.arrive %0, 256;" ::"r"(group + 1 == GROUPS ? 1 : 2 + group) : "memory");
  }
  __device__ __forceinline__ void release(unsigned barrier) {
    __syncwarp();
    if (lane == 0) barrierArrive(barrier);
  }
  __device__ __forceinline__ void releaseKeys() {
    release(shared.keysEmpty(keys.at));
    keys.next();
    if (--left == 0) release(shared.queryEmpty(queries.at));
  }
  __device__ __forceinline__ void releaseValues() {
    release(shared.valuesEmpty(values.at));
    values.next();
  }
  __device__ __forceinline__ void awaitKeys() { barrierWait(shared.keysFull(keys.at), keys.parity); }
  __device__ __forceinline__ void awaitValues() { barrierWait(shared.valuesFull(values.at), values.parity); }

  __device__ __forceinline__ void computeScores() {
    constexpr int SLAB_STEPS = SLAB / 16;
    productsBegin();
    pin(scores);
#pragma unroll
    for (int k = 0; k < D / 16; k++) {
      const int column = k % SLAB_STEPS * 2, slab = k / SLAB_STEPS;
      scoresProduct(scores, queryTile + (queries.at * QUERY_BYTES + slab * (ROWS * SLAB * 2)) / 16 + column,
                    keyTile + (keys.at * KEY_BYTES + slab * (KEYS * SLAB * 2)) / 16 + column, k > 0);
    }
    productsCommit();
  }
  __device__ __forceinline__ void addValues() {
    productsBegin();
    pin(result);
#pragma unroll
    for (int k = 0; k < KEYS / 16; k++)
      valuesProduct(result, weights[4 * k], weights[4 * k + 1], weights[4 * k + 2], weights[4 * k + 3],
                    valueTile + (values.at * VALUE_BYTES + k * (16 * SLAB_V * 2)) / 16);
    productsCommit();
  }
  // The accumulator's fragment is the A operand's: nothing moves between lanes.
  __device__ __forceinline__ void packWeights() {
#pragma unroll
    for (int i = 0; i < KEYS / 4; i++) weights[i] = pack(scores[2 * i], scores[2 * i + 1]);
  }
  __device__ __forceinline__ void clearResult() {
#pragma unroll
    for (int i = 0; i < DV / 2; i++) result[i] = 0.f;
  }
  __device__ __forceinline__ void rescale() {
    if (!moved) return;
#pragma unroll
    for (int i = 0; i < DV / 2; i++) result[i] *= correction[(i >> 1) & 1];
  }

  // -infinity where a key does not count; step: key, limit, bits, first key of the span
  __device__ __forceinline__ void applyMask(int4 step, int key) {
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const int column = 8 * j + e;
#pragma unroll
        for (int r = 0; r < 2; r++) {
          float& s = scores[4 * j + 2 * r + e];
          if (!(column < step.y - key)) s = -INFINITY_F;
        }
      }
    }
  }
  template <bool MASKED> __device__ __forceinline__ void adjust(int4 step) {
    const int key = step.x + 2 * (lane & 3);
    if (times != 1.f) {
#pragma unroll
      for (int i = 0; i < KEYS / 2; i++) scores[i] *= times;
    }
    if constexpr (MASKED) applyMask(step, key);
  }

  __device__ __forceinline__ void weigh() {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float even = fmaxf(largest[r], scores[2 * r]), odd = scores[2 * r + 1];
#pragma unroll
      for (int j = 1; j < KEYS / 8; j++) {
        even = fmaxf(even, scores[4 * j + 2 * r]);
        odd = fmaxf(odd, scores[4 * j + 2 * r + 1]);
      }
      even = fmaxf(even, odd);
      even = fmaxf(even, __shfl_xor_sync(~0u, even, 1));
      largest[r] = fmaxf(even, __shfl_xor_sync(~0u, even, 2));
    }
    moved = __any_sync(~0u, (largest[0] - reference[0]) * factor > 8.f || (largest[1] - reference[1]) * factor > 8.f);
    float base[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const float next = moved ? largest[r] : reference[r], finite = next == -INFINITY_F ? 0.f : next;
      correction[r] = exp2Approximate((reference[r] - finite) * factor);
      reference[r] = next;
      base[r] = finite * factor;
      sum[r] *= correction[r];
    }
#pragma unroll
    for (int i = 0; i < KEYS / 2; i++) {
      scores[i] = exp2Approximate(fmaf(scores[i], factor, -base[(i >> 1) & 1]));
      sum[(i >> 1) & 1] += scores[i];
    }
  }

  // Zeroes the values of keys that do not exist; only an item's first step may have any. All groups write the same; each waits
  // for its own threads.
  __device__ __forceinline__ void clearTail(int4 told) {
    if (told.y >= params.N || told.x + KEYS <= told.y) return;
    awaitValues();
    const int from = max(told.y - told.x, 0), chunks = SLAB_V / 8, count = (KEYS - from) * chunks;
#pragma unroll 1
    for (int slab = 0; slab < DV / SLAB_V; slab++) {
      const unsigned first = shared.values(values.at) + (slab * KEYS + from) * (SLAB_V * 2);
#pragma unroll 1
      for (int i = threadIdx.x & 127; i < count; i += 128) storeWords(first + i * 16, make_int4(0, 0, 0, 0));
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    asm volatile("bar.sync %0, 128;" ::"r"(1 + GROUPS + group) : "memory");
  }

  // From scores, whose products are done, to weights; those of values may still run.
  template <bool MASKED> __device__ __forceinline__ void soften(int4 told) {
    pin(scores);
    releaseKeys();
    adjust<MASKED>(told);
    weigh();
    pin(scores);
    productsWait<0>();
    pin(result);
    pin(scores);
    packWeights();
  }
  // Products of a step's queries and keys, and of the weights and values of the step before, in flight together.
  template <bool MASKED> __device__ __forceinline__ void step() {
    awaitKeys();
    int4 told{};
    if constexpr (MASKED) told = loadWords(shared.step(keys.at));
    take();
    computeScores();
    awaitValues();
    addValues();
    give();
    productsWait<1>();
    soften<MASKED>(told);
    releaseValues();
    rescale();
  }
  __device__ __forceinline__ void lastValues() {
    awaitValues();
    addValues();
    productsWait<0>();
    pin(result);
    releaseValues();
  }

  __device__ __forceinline__ void firstStep() {
    awaitKeys();
    const int4 told = loadWords(shared.step(keys.at));
    computeScores();
    productsWait<0>();
    soften<true>(told);
    clearTail(told);
  }

  // lse, max, and what results are multiplied by.
  __device__ __forceinline__ void finishSums(int place) {
    const int4 done = loadWords(shared.item(place));
    const int h = done.y, end = done.w;
    const long long plane = ((long long)done.x * params.Hq + h) * params.M;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float total = sum[r];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      const int at = done.z + rowInTile + 8 * r;
      float lse = total > 0.f ? reference[r] * natural + __log2f(total) * LN2 : total == 0.f ? -INFINITY_F : total;
      inverse[r] = total > 0.f ? 1.f / total : total == 0.f ? 0.f : total;
      if (params.sinks != nullptr) {  // a sink joins the denominator: exp(lse) + exp(sink)
        const float sink = params.sinks[h], most = fmaxf(lse, sink);
        const float joined = most + __log2f(exp2Approximate((lse - most) * LOG2E) + exp2Approximate((sink - most) * LOG2E)) * LN2;
        if (most > -INFINITY_F) {
          inverse[r] *= exp2Approximate((lse - joined) * LOG2E);
          lse = joined;
        }
      }
      if ((lane & 3) == 0 && at < end) {
        if (params.lse != nullptr) params.lse[plane + at] = lse;
        // NaN among the scores is no maximum, but makes one of the sum.
        if (params.max != nullptr)
          params.max[plane + at] = total != total && largest[r] < INFINITY_F ? total : largest[r] * natural;
      }
    }
  }
  __device__ __forceinline__ void storeResult(int place) {
    const int4 done = loadWords(shared.item(place));
    Element* out = params.out + done.x * params.outBatchStride + done.y * params.outHeadStride;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const int at = done.z + rowInTile + 8 * r, part = lane & 3;
      // A 4 x 4 transpose among the four lanes of a row: each stores 16 bytes.
#pragma unroll
      for (int j = 0; j < DV / 32; j++) {
        unsigned w[4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
          const int i = 4 * (4 * j + k) + 2 * r;
          w[k] = pack(result[i] * inverse[r], result[i + 1] * inverse[r]);
        }
        const bool odd = part & 1, high = part & 2;
        unsigned x = __shfl_xor_sync(~0u, odd ? w[0] : w[1], 1), y = __shfl_xor_sync(~0u, odd ? w[2] : w[3], 1);
        if (odd) { w[0] = x; w[2] = y; } else { w[1] = x; w[3] = y; }
        x = __shfl_xor_sync(~0u, high ? w[0] : w[2], 2), y = __shfl_xor_sync(~0u, high ? w[1] : w[3], 2);
        if (high) { w[0] = x; w[1] = y; } else { w[2] = x; w[3] = y; }
        if (at < done.w) *(uint4*)(out + at * params.outRowStride + 32 * j + 8 * part) = make_uint4(w[0], w[1], w[2], w[3]);
      }
    }
  }

  __device__ __forceinline__ void beginItem(int place) {
    for (int r = 0; r < 2; r++) {
      reference[r] = largest[r] = -INFINITY_F;
      sum[r] = 0.f;
    }
  }
  __device__ __forceinline__ void run() {
    for (int place = 0;; place = (place + 1) % PLACES) {
      barrierWait(shared.queryFull(queries.at), queries.parity);
      const int4 work = loadWords(shared.item(place) + 16);
      const int maskedSteps = uniform(work.x), wholeSteps = uniform(work.y);
      left = maskedSteps + wholeSteps;
      if (left < 0) return;
      beginItem(place);
      clearResult();
      if (left > 0) {
        firstStep();
#pragma unroll 1
        while (left > 0) step<false>();
        lastValues();
      } else {
        release(shared.queryEmpty(queries.at));
      }
      queries.next();
      finishSums(place);
      storeResult(place);
    }
  }
};

extern "C" __global__ void __launch_bounds__(512, 1) attentionForward(
    const __grid_constant__ TensorMap queryMap, const __grid_constant__ TensorMap keyMap,
    const __grid_constant__ TensorMap valueMap, const __grid_constant__ Params params) {
  extern __shared__ __align__(1024) unsigned char sharedMemory[];
  const Shared shared{(unsigned)__cvta_generic_to_shared(sharedMemory)};
  const int role = uniform(threadIdx.x >> 7);
  if (threadIdx.x == 0) initBarriers(shared);
  __syncthreads();
  if (role == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 32;");
    if (threadIdx.x == 0)
      Producer{&queryMap, &keyMap, &valueMap, params, shared, {0, 1}, {0, 1}, {0, 1}, 0, 0, 0}.run();
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 160;");
    Consumer(params, shared, role - 1).run();
  }
}
