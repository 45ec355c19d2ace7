/** The end of a row: the sums of its four lanes, the sink, the division; out, lse and max. */
export const finish = `\
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
`;
