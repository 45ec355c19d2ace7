/** Steps of keys: products in flight together with those of the step before. Members of `Consumer`. */
import type { KernelSpec } from "../../../runtime/device.ts";

/** Values from kvLength on exist in memory where another batch element is longer: 0 times them must be 0. */
const clearTail = `\
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
`;

const shared = (readsKeys: boolean): string => `\
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
    if constexpr (${readsKeys ? "true" : "MASKED"}) told = loadWords(shared.step(keys.at));
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
`;

/** The first step of an item alone. */
const firstStep = `\
  __device__ __forceinline__ void firstStep() {
    awaitKeys();
    const int4 told = loadWords(shared.step(keys.at));
    computeScores();
    productsWait<0>();
    soften<true>(told);
    clearTail(told);
  }
`;

/**
 * The first step of an item together with the last values of the item before; and, for the sake of less code, masked steps.
 */
const boundaryStep = `\
  // pending: there are weights of a step before; first: of the item, before: the place of the item before.
  __device__ __forceinline__ void boundaryStep(bool pending, bool first, int before) {
    awaitKeys();
    const int4 told = loadWords(shared.step(keys.at));
    take();
    computeScores();
    if (pending) {
      awaitValues();
      addValues();
    } else {
      productsCommit();
    }
    give();
    productsWait<1>();
    soften<true>(told);
    if (pending) releaseValues();
    if (first) {
      if (pending) storeResult(before);
      clearResult();
      clearTail(told);
    } else {
      rescale();
    }
  }
`;

export const steps = (spec: KernelSpec, overlap: boolean): string =>
  [clearTail, shared(spec.score !== null), overlap ? boundaryStep : firstStep].join("\n");
