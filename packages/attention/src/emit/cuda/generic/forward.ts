/** The forward kernel of every GPU from sm_80 on, for every head size and dtype: one block, one item, one step at a time. */
import type { KernelSpec } from "../../../runtime/device.ts";
import { elementBytes, padded, ROW_PADDING } from "./tile.ts";
import type { GenericTile } from "./tile.ts";

const legend = `\
// Forward. A block is one item: rows of one query head, each warp 16 of them. For each step of keys that the rows visit:
//   scores  = queries x keys          products in the layout of mma.sync: a thread has 2 rows
//   adjust    the score function; the mask, in steps that are not whole
//   weigh     e^(score - largest), the running maximum and sum
//   result += weights x values
// Keys and values of the next step are copied meanwhile. Values wider than CHUNK columns take a pass for each chunk.
`;

export function constants(spec: KernelSpec, { warps, keys, chunk }: GenericTile): string {
  const bytes = elementBytes(spec);
  return `\
constexpr int D = ${spec.D}, DV = ${spec.Dv};                 // head sizes: of queries and keys, of values
constexpr int D_PADDED = ${padded(spec.D)}, CHUNK = ${chunk};        // columns in shared memory: of queries and keys, of values
constexpr int WARPS = ${warps}, THREADS = ${warps * 32}, ROWS = ${warps * 16};  // of a block; a warp has 16 rows
constexpr int KEYS = ${keys};                            // of one step
constexpr int ROW_PADDING = ${ROW_PADDING};                     // bytes: 8 rows lie in different banks
constexpr int KEY_BYTES = ${padded(spec.D) * bytes}, VALUE_BYTES = ${chunk * bytes};
constexpr int KEY_ROW = KEY_BYTES + ROW_PADDING, VALUE_ROW = VALUE_BYTES + ROW_PADDING, QUERY_ROW = KEY_ROW;

// Bytes from the first of a tile to those at \`column\` (in bytes) of a row.
__device__ __forceinline__ unsigned keyAt(int row, int column) { return row * KEY_ROW + column; }
__device__ __forceinline__ unsigned valueAt(int row, int column) { return row * VALUE_ROW + column; }
`;
}

const kernel = `\
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
`;

export const forward: { readonly legend: string; readonly kernel: string } = { legend, kernel };
