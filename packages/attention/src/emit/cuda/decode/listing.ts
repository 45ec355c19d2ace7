/** Which steps of a split are visited, as bits; and which keys count for which row. */

/** Without a mask: every key below kvLength. */
const everyKey = `\
__device__ __forceinline__ Listing listingOf(const Params& params, const Split& split, int lane) {
  const int steps = (split.end - split.start + KEYS - 1) / KEYS, whole = (split.end - split.start) / KEYS;
  return {firstBits(steps), firstBits(whole)};
}
`;

/** From the runs of each row's row of blocks: lane l looks at packed row l. */
const fromRuns = `\
__device__ __forceinline__ Runs runsOf(const Params& params, int b, int h, int line) {
  const int plane = (params.maskB == 1 ? 0 : b) * params.maskH + (params.maskH == 1 ? 0 : h);
  const int* at = params.rowStart + plane * params.maskRows + line / params.blockQ;
  return {(const int4*)params.runs, __ldg(at), __ldg(at + 1)};
}
// The first run that ends beyond a key.
__device__ __forceinline__ int firstRun(const Runs& runs, int key) {
  int low = runs.first, high = runs.last;
  while (low < high) {
    const int middle = (low + high) >> 1;
    if (__ldg(runs.words + middle).y <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}
__device__ __forceinline__ Listing listingOf(const Params& params, const Split& split, int lane) {
  Listing mine{0, 0};
  if (lane < split.rows) {
    const PackedRow row = packedRow(params, split, lane);
    const Runs runs = runsOf(params, split.b, row.h, row.line);
    for (int i = firstRun(runs, split.start); i < runs.last; i++) {
      const int4 run = __ldg(runs.words + i);  // first key, end, kind (0: full), bits
      if (run.x >= split.end) break;
      const int from = max(run.x - split.start, 0), to = min(run.y, split.end) - split.start;
      mine.listed |= firstBits((to + KEYS - 1) / KEYS) & ~firstBits(from / KEYS);
      if (run.z == 0) mine.whole |= firstBits(to / KEYS) & ~firstBits((from + KEYS - 1) / KEYS);
    }
  } else {
    mine.whole = ~0ull;
  }
  return {anyOf(mine.listed), ~anyOf(~mine.whole)};
}
`;

/** A byte of the block mask's bits, by the run that holds these 8 keys; none does: nothing attends. */
const bits = `\
__device__ __forceinline__ unsigned keptByte(const Params& params, const Step& step, int b, int h, int line, int key) {
  if (key >= step.limit) return 0;
  const Runs runs = runsOf(params, b, h, line);
  const int number = firstRun(runs, key);
  const int4 run = number < runs.last ? __ldg(runs.words + number) : make_int4(key + 8, 0, 0, 0);
  if (run.x > key) return 0;
  if (run.z == 0) return 0xFF;
  const int past = key - run.x, block = run.w + past / params.blockKv;
  const int at = line % params.blockQ * params.blockKv + past % params.blockKv;
  return ((const unsigned char*)params.bits)[((long long)block * params.blockQ * params.blockKv + at) >> 3];
}
`;

export const listing = (masked: boolean, maskBits: boolean): string => `\
// Steps that some row visits, and those that all rows attend to in full.
typedef unsigned long long Bits;
struct Listing { Bits listed, whole; };
struct Runs { const int4* words; int first, last; };
__device__ __forceinline__ Bits firstBits(int count) { return count >= 64 ? ~0ull : (1ull << count) - 1; }
__device__ __forceinline__ Bits anyOf(Bits mine) {
  const unsigned low = __reduce_or_sync(~0u, (unsigned)mine), high = __reduce_or_sync(~0u, (unsigned)(mine >> 32));
  return (Bits)high << 32 | low;
}
${masked ? fromRuns : everyKey}${maskBits ? bits : ""}
// Every WARPS-th of the steps visited: what one warp does.
__device__ __forceinline__ Bits shareOf(Bits listed, int warp, int lane) {
  auto isMine = [&](int step) { return (listed >> step & 1) && __popcll(listed & firstBits(step)) % WARPS == warp; };
  return (Bits)__ballot_sync(~0u, isMine(lane + 32)) << 32 | __ballot_sync(~0u, isMine(lane));
}
`;
