/** The second decode kernel: one block for each row merges its splits' partial results, by rising key. */

/** Threads of a block: groups, of which each merges every n-th split. */
export const COMBINE_THREADS = 256;

export const combine = (parameters: string): string => `\
constexpr int COMBINE_THREADS = ${COMBINE_THREADS}, QUADS = STATE / 4;  // four columns to a thread
constexpr int GROUP = QUADS <= 32 ? 32 : QUADS <= 64 ? 64 : 128, GROUPS = COMBINE_THREADS / GROUP, UNROLL = 8;

extern "C" __global__ void __launch_bounds__(COMBINE_THREADS) combine(
    ${parameters}const __grid_constant__ Params params) {
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
`;
