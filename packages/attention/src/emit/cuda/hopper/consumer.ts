/** A consumer group: 64 query rows, products in flight together with the softmax of the step before. */
import type { KernelSpec } from "../../../runtime/device.ts";
import { finish } from "./finish.ts";
import { adjust, itemValues, weigh } from "./softmax.ts";

/**
 * Without a score function the tile holds dot products (times the scale's sign), and |scale| goes into the exponent. Scales next
 * to 0 are multiplied in at once: they are no factor of an infinity.
 */
const dotFactor = `\
  const bool isSmall = fabsf(params.scale) < 1e-30f;
  const float times = isSmall ? params.scale : params.scale < 0.f ? -1.f : 1.f;
  const float natural = isSmall ? 1.f : fabsf(params.scale), factor = natural * LOG2E;
`;

const timesSign = `\
      if (times != 1.f) {
#pragma unroll
        for (int i = 0; i < KEYS / 2; i++) scores[i] *= times;
      }
`;

const products = `\
    auto scoresOf = [&]() {
#pragma unroll
      for (int k = 0; k < D / 16; k++) {
        constexpr int SLAB_STEPS = SLAB / 16;
        const int column = k % SLAB_STEPS * 2, slab = k / SLAB_STEPS;
        scoresProduct(scores, queryTile + (queries.at * QUERY_BYTES + slab * (ROWS * SLAB * 2)) / 16 + column,
                      keyTile + (keys.at * KEY_BYTES + slab * (KEYS * SLAB * 2)) / 16 + column, k > 0);
      }
      productsCommit();
    };
    auto addValues = [&]() {
#pragma unroll
      for (int k = 0; k < KEYS / 16; k++)
        valuesProduct(result, weights[4 * k], weights[4 * k + 1], weights[4 * k + 2], weights[4 * k + 3],
                      valueTile + (values.at * VALUE_BYTES + k * (16 * SLAB_V * 2)) / 16);
      productsCommit();
    };
    // The accumulator's fragment is the A operand's: nothing moves between lanes.
    auto packWeights = [&]() {
#pragma unroll
      for (int i = 0; i < KEYS / 4; i++) weights[i] = pack(scores[2 * i], scores[2 * i + 1]);
    };
    auto rescale = [&]() {
      if (!moved) return;
#pragma unroll
      for (int i = 0; i < DV / 2; i++) result[i] *= correction[(i >> 1) & 1];
    };
`;

/** Values from kvLength on exist in memory where another batch element is longer: 0 times them must be 0. */
const clearTail = `\
// Zeroes rows [from, KEYS) of a tile of values. All groups write the same; each waits for its own threads.
__device__ __forceinline__ void clearTail(unsigned tile, int from, int group) {
  const int chunks = SLAB_V / 8, count = (KEYS - from) * chunks;
  for (int slab = 0; slab < DV / SLAB_V; slab++) {
    const unsigned first = tile + (slab * KEYS + from) * (SLAB_V * 2);
    for (int i = threadIdx.x & 127; i < count; i += 128) storeWords(first + i * 16, make_int4(0, 0, 0, 0));
  }
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  asm volatile("bar.sync %0, 128;" ::"r"(1 + GROUPS + group) : "memory");
}
`;

const steps = (readsPositions: boolean): string => `\
    auto awaitValues = [&]() {
      barrierWait(shared.valuesFull(values.at), values.parity);
      if (tail < KEYS) clearTail(shared.values(values.at), tail, group);
      tail = KEYS;
    };
    // Products of a step's queries and keys, and of the weights and values of the step before, in flight together.
    auto step = [&](auto kind) {
      barrierWait(shared.keysFull(keys.at), keys.parity);
      int4 told{};
      if constexpr (${readsPositions ? "true" : "decltype(kind)::masked"}) told = loadWords(shared.step(keys.at));
      take();
      productsBegin();
      pin(scores);
      scoresOf();
      awaitValues();
      productsBegin();
      pin(result);
      addValues();
      give();
      productsWait<1>();
      pin(scores);
      release(shared.keysEmpty(keys.at));
      keys.next();
      if (--left == 0) release(shared.queryEmpty(queries.at));
      soften(told, kind);
      pin(scores);
      productsWait<0>();
      pin(result);
      pin(scores);
      release(shared.valuesEmpty(values.at));
      values.next();
      packWeights();
      rescale();
    };
    auto firstStep = [&](auto kind) {
      barrierWait(shared.keysFull(keys.at), keys.parity);
      const int4 told = loadWords(shared.step(keys.at));
      if (told.y < params.N) tail = min(max(told.y - told.x, 0), KEYS);
      productsBegin();
      pin(scores);
      scoresOf();
      productsWait<0>();
      pin(scores);
      release(shared.keysEmpty(keys.at));
      keys.next();
      if (--left == 0) release(shared.queryEmpty(queries.at));
      soften(told, kind);
      packWeights();
    };
    auto lastValues = [&]() {
      awaitValues();
      productsBegin();
      pin(result);
      addValues();
      productsWait<0>();
      pin(result);
      release(shared.valuesEmpty(values.at));
      values.next();
    };
`;

/** The item's place, where scores depend on it. */
const itemStart = `\
    const int4 item = loadWords(shared.item(place));
    const int b = uniform(item.x), h = uniform(item.y), row = item.z + rowInTile;
`;

const readsItem = ({ score, mask, maskBits }: KernelSpec): boolean =>
  score !== null || mask !== null || maskBits;

export function consumer(spec: KernelSpec): string {
  const isPlain = spec.score === null;
  return `\
${clearTail}
template <bool MASKED> struct Kind { static constexpr bool masked = MASKED; };
using Masked = Kind<true>;
using Whole = Kind<false>;

__device__ __forceinline__ void consume(const Params& params, Shared shared, int group) {
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5 & 3;
  Ring<QUERY_BUFFERS> queries{0, 0};
  Ring<STAGES> keys{0, 0}, values{0, 0};
${isPlain ? dotFactor : "  const float natural = 1.f, factor = LOG2E;\n"}\
  const int rowInTile = group * 64 + warp * 16 + (lane >> 2);
  // A token passes round the groups; its holder issues its products, the others compute weights.
  auto take = [&]() { asm volatile("bar.sync %0, 256;" ::"r"(1 + group) : "memory"); };
  auto give = [&]() { asm volatile("bar.arrive %0, 256;" ::"r"(group + 1 == GROUPS ? 1 : 2 + group) : "memory"); };
  if (group == GROUPS - 1) asm volatile("bar.arrive 1, 256;" ::: "memory");
  auto release = [&](unsigned barrier) {
    __syncwarp();
    if (lane == 0) barrierArrive(barrier);
  };
  // Queries and keys: columns side by side; 8 rows on. Values: rows (keys) are the inner dimension of the product.
  const u64 queryTile = descriptor(shared.query(0) + group * (64 * SLAB * 2), 16, 8 * SLAB * 2, SLAB);
  const u64 keyTile = descriptor(shared.keys(0), 16, 8 * SLAB * 2, SLAB);
  const u64 valueTile = descriptor(shared.values(0), KEYS * SLAB_V * 2, 8 * SLAB_V * 2, SLAB_V);
  for (int place = 0;; place = (place + 1) % (2 * QUERY_BUFFERS)) {
    barrierWait(shared.queryFull(queries.at), queries.parity);
    const int4 work = loadWords(shared.item(place) + 16);
    const int maskedSteps = uniform(work.x), wholeSteps = uniform(work.y);
    if (maskedSteps < 0) return;
${readsItem(spec) ? itemStart : ""}\
${itemValues(spec)}\
    float result[DV / 2], scores[KEYS / 2];
    unsigned weights[KEYS / 4];
    float reference[2] = {-INFINITY_F, -INFINITY_F}, largest[2] = {-INFINITY_F, -INFINITY_F};
    float sum[2] = {0.f, 0.f}, correction[2] = {1.f, 1.f};
    bool moved = false;
    int left = maskedSteps + wholeSteps, tail = KEYS;
#pragma unroll
    for (int i = 0; i < DV / 2; i++) result[i] = 0.f;
${adjust(spec)}\
${weigh}\
    auto soften = [&](int4 told, auto kind) {
${isPlain ? timesSign : ""}\
      adjust(told, kind);
      weigh();
    };
${products}\
${steps(spec.score !== null)}\
    if (left == 0) {
      release(shared.queryEmpty(queries.at));
    } else {
      if (maskedSteps > 0) firstStep(Masked{});
      else firstStep(Whole{});
      for (int i = maskedSteps - 1; i > 0; i--) step(Masked{});
#pragma unroll 1
      while (left > 0) step(Whole{});
      lastValues();
    }
    queries.next();
${finish}\
  }
}
`;
}
