/**
 * The end of an item, in two parts: what follows from its sums is known before the last values are added, and those are added
 * under the next item's first scores.
 */
export const finish = `\
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
`;
