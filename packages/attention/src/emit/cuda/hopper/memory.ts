/** Constants of the kernel, and its shared memory: tiles, then barriers and what the producer tells the consumers. */
import { internalError } from "../../../errors.ts";
import type { KernelSpec } from "../../../runtime/device.ts";
import { type HopperTile, sharedLayout, slabColumns } from "./tile.ts";

/**
 * Items whose places are kept. One is told a whole item ahead, and read again when the next has begun, in the same step that may
 * release the next one's queries: with two query buffers five places are in use.
 */
const PLACES = 8;
const LARGEST_QUERY_BUFFERS = 2;
const LARGEST_STAGES = 4;

/** Bytes: an item of 8 words, its first span and a step of 4, a barrier. */
const [ITEM, SPAN, STEP, BARRIER] = [32, 16, 16, 8];

interface ControlLayout {
  readonly spans: number;
  readonly steps: number;
  readonly barriers: number;
}

/** Where parts of the control block lie, from its first byte. */
function controlLayout({ queryBuffers, stages }: HopperTile): ControlLayout {
  if (queryBuffers > LARGEST_QUERY_BUFFERS || stages > LARGEST_STAGES) {
    throw internalError("the control block is too small");
  }
  const spans = PLACES * ITEM;
  const steps = spans + PLACES * SPAN;
  return { spans, steps, barriers: steps + LARGEST_STAGES * STEP };
}

export function memory(spec: KernelSpec, tile: HopperTile): string {
  const layout = sharedLayout(spec, tile);
  const control = controlLayout(tile);
  return `\
constexpr int D = ${spec.D}, DV = ${spec.Dv};                 // head sizes: of queries and keys, of values
constexpr int GROUPS = ${tile.groups}, ROWS = ${tile.groups * 64};          // consumer groups of 64 query rows
constexpr int KEYS = ${tile.keys}, STAGES = ${tile.stages};            // keys of one step; steps in flight
constexpr int QUERY_BUFFERS = ${tile.queryBuffers}, PLACES = ${PLACES};                // the next item's queries are loaded ahead
constexpr int SLAB = ${slabColumns(spec.D)}, SLAB_V = ${slabColumns(spec.Dv)};             // columns of a slab [rows][columns]
constexpr unsigned QUERY_BYTES = ${layout.queryBytes}, KEY_BYTES = ${layout.keyBytes}, VALUE_BYTES = ${layout.valueBytes};

struct Shared {
  unsigned at;
  __device__ unsigned query(int i) const { return at + i * QUERY_BYTES; }
  __device__ unsigned keys(int i) const { return at + ${layout.keys} + i * KEY_BYTES; }
  __device__ unsigned values(int i) const { return at + ${layout.values} + i * VALUE_BYTES; }
  // Written by the producer before the barrier of what they describe: an item beside its queries, a step beside its keys.
  __device__ unsigned item(int i) const { return at + ${layout.control} + i * ${ITEM}; }
  __device__ unsigned span(int i) const { return at + ${layout.control + control.spans} + i * ${SPAN}; }
  __device__ unsigned step(int i) const { return at + ${layout.control + control.steps} + i * ${STEP}; }
  __device__ unsigned barrier(int i) const { return at + ${layout.control + control.barriers} + i * ${BARRIER}; }
  __device__ unsigned queryFull(int i) const { return barrier(i); }
  __device__ unsigned queryEmpty(int i) const { return barrier(QUERY_BUFFERS + i); }
  __device__ unsigned keysFull(int i) const { return barrier(2 * QUERY_BUFFERS + i); }
  __device__ unsigned keysEmpty(int i) const { return barrier(2 * QUERY_BUFFERS + STAGES + i); }
  __device__ unsigned valuesFull(int i) const { return barrier(2 * QUERY_BUFFERS + 2 * STAGES + i); }
  __device__ unsigned valuesEmpty(int i) const { return barrier(2 * QUERY_BUFFERS + 3 * STAGES + i); }
};

__device__ __forceinline__ void storeWords(unsigned to, int4 words) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
    ::"r"(to), "r"(words.x), "r"(words.y), "r"(words.z), "r"(words.w) : "memory");
}
__device__ __forceinline__ int4 loadWords(unsigned from) {
  int4 words;
  asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
    : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w) : "r"(from) : "memory");
  return words;
}

// Full barriers wait for the copy; empty ones for one lane of each consumer warp.
__device__ __forceinline__ void initBarriers(Shared shared) {
  for (int i = 0; i < QUERY_BUFFERS; i++) {
    barrierInit(shared.queryFull(i), 1);
    barrierInit(shared.queryEmpty(i), 4 * GROUPS);
  }
  for (int i = 0; i < STAGES; i++) {
    barrierInit(shared.keysFull(i), 1);
    barrierInit(shared.keysEmpty(i), 4 * GROUPS);
    barrierInit(shared.valuesFull(i), 1);
    barrierInit(shared.valuesEmpty(i), 4 * GROUPS);
  }
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

// A position in a ring of buffers, and the parity of its barrier's phase.
template <int SIZE> struct Ring {
  int at, parity;
  __device__ __forceinline__ void next() {
    if (++at == SIZE) { at = 0; parity ^= 1; }
  }
};

// Descriptor of a swizzled tile: bytes to the next slab and to the next 8 rows.
__device__ __forceinline__ u64 descriptor(unsigned at, int slabBytes, int rowsBytes, int columns) {
  const u64 swizzle = columns == 64 ? 1 : 2;  // of 128 or 64 bytes
  return (u64)((at & 0x3FFFF) >> 4) | (u64)(slabBytes >> 4) << 16 | (u64)(rowsBytes >> 4) << 32 | swizzle << 62;
}
`;
}
