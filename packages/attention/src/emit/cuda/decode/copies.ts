/**
 * How a warp's steps come into shared memory. Both ways write the same functions: `Ring` with
 *
 *     load(stage, first, end, lane)           begins to copy the keys and values from `first` on; those from `end` on are zeros
 *     commit()                                after each load, and where nothing is left to load
 *     await(stage, round, first, end, lane)   the stage's step is here; `round`: how often the stage was awaited before
 *
 * and `keyAt`, `valueAt`: bytes from the first of a tile to those at `column` (in bytes) of a row.
 */

/** From sm_80 on: each lane copies 16 bytes at a time. */
export const laneCopies = `\
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
`;

/** Hopper's copy engine: one lane asks for a box of keys and one of values; barriers count their bytes. */
export const boxCopies = `\
struct __align__(64) TensorMap { char bytes[128]; };
struct Maps { const TensorMap *key, *value; };
// Slabs of 64 columns, [KEYS][128 bytes]; the copy exchanges the 16-byte chunks of a row by its number modulo 8: 8 rows lie in different banks.
__device__ __forceinline__ unsigned keyAt(unsigned row, unsigned column) { return column / 128 * (KEYS * 128) + row * 128 + (column % 128 ^ row % 8 * 16); }
__device__ __forceinline__ unsigned valueAt(unsigned row, unsigned column) { return keyAt(row, column); }
__device__ __forceinline__ void copyBox(unsigned to, const TensorMap* map, unsigned barrier, int row, int head, int batch) {
  asm volatile(
    "cp.async.bulk.tensor.5d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %3, %5, %6}], [%2];"
    ::"r"(to), "l"(map), "r"(barrier), "r"(0), "r"(row), "r"(head), "r"(batch) : "memory");
}
struct Ring {
  const Maps& maps;
  unsigned at, barriers;
  int b, head;
  __device__ __forceinline__ Ring(const Maps& maps, const Params& params, const Split& split, unsigned shared, int column, int warp)
    : maps(maps), at(shared + warp * STAGES * STAGE), barriers(shared + BARRIERS + warp * STAGES * 8), b(split.b), head(split.head) {
    if ((threadIdx.x & 31) == 0) {
      for (int i = 0; i < STAGES; i++) asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(barriers + i * 8) : "memory");
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
    __syncwarp();
  }
  // A paged cache would look up the page of \`first\` here.
  __device__ __forceinline__ void load(int stage, int first, int end, int lane) {
    if (lane != 0) return;
    const unsigned to = at + stage * STAGE, barrier = barriers + stage * 8;
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(STAGE) : "memory");
    copyBox(to, maps.key, barrier, first, head, b);
    copyBox(to + KEY_TILE, maps.value, barrier, first, head, b);
  }
  __device__ __forceinline__ void commit() {}
  __device__ __forceinline__ void await(int stage, int round, int first, int end, int lane) {
    asm volatile(
      "{\\n.reg .pred P;\\nWAIT_%=:\\nmbarrier.try_wait.parity.shared::cta.b64 P, [%0], %1;\\n"
      "@P bra DONE_%=;\\nbra WAIT_%=;\\nDONE_%=:\\n}\\n" ::"r"(barriers + stage * 8), "r"(round & 1) : "memory");
    if (first + KEYS <= end) return;
    // Values beyond the end exist where another batch element is longer: 0 times them must be 0.
    for (int i = lane; i < (first + KEYS - end) * (CHUNK / 8); i += 32) {
      const unsigned to = at + stage * STAGE + KEY_TILE + valueAt(end - first + i / (CHUNK / 8), i % (CHUNK / 8) * 16);
      asm volatile("st.shared.v4.b32 [%0], {%1, %1, %1, %1};" ::"r"(to), "r"(0) : "memory");
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }
};
`;
