/** The end of an item: divide, and write out, lse and max. */
export const finish = `\
  __device__ __forceinline__ void finish(int place) {
    const int4 done = loadWords(shared.item(place));
    const int row = done.z + rowInTile, end = done.w, h = done.y;
    Element* out = params.out + done.x * params.outBatchStride + h * params.outHeadStride;
    const long long plane = ((long long)done.x * params.Hq + h) * params.M;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float total = sum[r];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      const int at = row + 8 * r, part = lane & 3;
      float lse = total > 0.f ? reference[r] * natural + __log2f(total) * LN2 : total == 0.f ? -INFINITY_F : total;
      float inverse = total > 0.f ? 1.f / total : total == 0.f ? 0.f : total;
      if (params.sinks != nullptr) {  // a sink joins the denominator: exp(lse) + exp(sink)
        const float sink = params.sinks[h], most = fmaxf(lse, sink);
        const float joined = most + __log2f(exp2Approximate((lse - most) * LOG2E) + exp2Approximate((sink - most) * LOG2E)) * LN2;
        if (most > -INFINITY_F) {
          inverse *= exp2Approximate((lse - joined) * LOG2E);
          lse = joined;
        }
      }
      if (part == 0 && at < end) {
        if (params.lse != nullptr) params.lse[plane + at] = lse;
        // NaN among the scores is no maximum, but makes one of the sum.
        if (params.max != nullptr)
          params.max[plane + at] = total != total && largest[r] < INFINITY_F ? total : largest[r] * natural;
      }
      // A 4 x 4 transpose among the four lanes of a row: each stores 16 bytes.
#pragma unroll
      for (int j = 0; j < DV / 32; j++) {
        unsigned w[4];
#pragma unroll
        for (int k = 0; k < 4; k++) {
          const int i = 4 * (4 * j + k) + 2 * r;
          w[k] = pack(result[i] * inverse, result[i + 1] * inverse);
        }
        const bool odd = part & 1, high = part & 2;
        unsigned x = __shfl_xor_sync(~0u, odd ? w[0] : w[1], 1), y = __shfl_xor_sync(~0u, odd ? w[2] : w[3], 1);
        if (odd) { w[0] = x; w[2] = y; } else { w[1] = x; w[3] = y; }
        x = __shfl_xor_sync(~0u, high ? w[0] : w[2], 2), y = __shfl_xor_sync(~0u, high ? w[1] : w[3], 2);
        if (high) { w[0] = x; w[1] = y; } else { w[2] = x; w[3] = y; }
        if (at < end) *(uint4*)(out + at * params.outRowStride + 32 * j + 8 * part) = make_uint4(w[0], w[1], w[2], w[3]);
      }
    }
  }
`;
