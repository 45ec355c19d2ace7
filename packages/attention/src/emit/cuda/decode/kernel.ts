/** The decode kernel: few query rows, many keys. A block is one split of keys for 16 rows that share a key head. */

export const legend = `\
// Decode, in two kernels. A block of the first is one split of keys of one key head, for up to 16 packed rows: row r = g * M + m
// is query row m of the g-th query head that shares the key head. The split's steps of 16 keys are dealt out to the warps, each
// of which keeps STAGES of its own in flight, without waiting for the others:
//   scores  = queries x keys          products in the layout of mma.sync: a thread has 2 rows
//   adjust    the score function; the mask, in steps that are not whole
//   weigh     e^(score - largest), the running maximum and sum
//   result += weights x values
// Then the warps' results are merged into one partial result. The second kernel merges those of all splits, by rising key.
`;

export const decodeKernel = `\
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
`;

export const decodeBody = (awaitQueries: string): string => `\
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
  ${awaitQueries}
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
`;

/** What the kernel takes besides its parameters, and how it hands that on. */
export interface MapTexts {
  readonly parameters: string;
  readonly maps: string;
}

export const decodeMerge = ({ parameters, maps }: MapTexts): string => `\
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
    ${parameters}const __grid_constant__ Params params) {
  extern __shared__ __align__(1024) unsigned char memory[];
  const Maps maps{${maps}};
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
`;
