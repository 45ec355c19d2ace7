/** A consumer group: 64 query rows, whose scores, weights and results stay in registers. */
import type { KernelSpec } from "../../../runtime/device.ts";
import { finish } from "./finish.ts";
import { joinedItems, separateItems } from "./items.ts";
import { adjust, placeMembers, weigh } from "./softmax.ts";
import { steps } from "./steps.ts";

/**
 * What all scores of a head are multiplied by is left out of them, and goes into the exponent: the scale, or a factor of the score
 * function. A negative one leaves its sign with the scores, so that their maximum is the maximum; one next to 0 stays
 * there whole, because it is no factor of an infinity.
 */
const setFactor = `\
  __device__ __forceinline__ void setFactor(float x) {
    const bool isSmall = !(fabsf(x) >= 1e-30f);
    times = isSmall ? x : x < 0.f ? -1.f : 1.f;
    natural = isSmall ? 1.f : fabsf(x);
    factor = natural * LOG2E;
  }
`;

const state = (spec: KernelSpec): string => `\
  const Params& params;
  const Shared shared;
  const int group, lane, rowInTile;
  u64 queryTile, keyTile, valueTile;
  Ring<QUERY_BUFFERS> queries;
  Ring<STAGES> keys, values;
  float times, natural, factor;  // of scores; from them to logits; to logits in base 2

  // Of the item. Rows r = 0 and 1 of the thread: row and row + 8.
${placeMembers(spec)}\
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
    setFactor(${spec.score === null ? "params.scale" : "1.f"});
    if (group == GROUPS - 1) asm volatile("bar.arrive 1, 256;" ::: "memory");
  }
`;

const protocol = `\
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
`;

const products = `\
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
`;

/** @param overlap  items end under the start of the next: `joinedItems` */
export const consumer = (spec: KernelSpec, exact: boolean, overlap: boolean): string => `\
struct Consumer {
${state(spec)}
${setFactor}
${protocol}
${products}
${adjust(spec, exact)}
${weigh}
${steps(spec, overlap)}
${finish}
${overlap ? joinedItems(spec, exact) : separateItems(spec, exact)}\
};
`;
