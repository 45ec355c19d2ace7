/** The producer: one thread that takes items from the queue and copies queries, keys and values into shared memory. */

/** Items and spans from the lists of `schedule/tile-work.ts`. */
const fromLists = `\
__device__ __forceinline__ Item itemOf(const Params& params, int ticket) {
  const int4* words = (const int4*)params.items + 2 * ticket;
  const int4 place = __ldg(words), work = __ldg(words + 1);
  return {place, make_int4(work.y, work.z, work.x, 0)};
}
__device__ __forceinline__ int4 spanOf(const Params& params, const Item& item, int number) {
  return __ldg((const int4*)params.spans + item.work.z + number);
}
`;

/** Without a mask: every key below kvLength, the last ones first; items head by head. */
const counted = `\
__device__ __forceinline__ Item itemOf(const Params& params, int ticket) {
  const int tiles = (params.M + ROWS - 1) / ROWS, head = ticket / tiles, first = ticket % tiles * ROWS;
  const int b = head / params.Hq, length = params.kvLength[b];
  return {make_int4(b, head % params.Hq, first, min(first + ROWS, params.M)),
          make_int4(length % KEYS > 0, length / KEYS, length, 0)};
}
__device__ __forceinline__ int4 spanOf(const Params& params, const Item& item, int number) {
  const bool isMasked = number < item.work.x;
  return make_int4(isMasked ? item.work.y * KEYS : 0, isMasked ? 1 : item.work.y, item.work.z, -1);
}
`;

/** @param bits  steps say where their bits are */
export const producer = (lists: boolean, bits: boolean): string => `\
// place: batch element, head, rows [first, end). work: steps whose scores are looked at one by one, and those after them that are
// whole; work.z is for spanOf. A span: its steps begin at a key, number of them, end of keys that count, first block of bits.
struct Item { int4 place, work; };

${lists ? fromLists : counted}
struct Producer {
  const TensorMap *queryMap, *keyMap, *valueMap;
  const Params& params;
  const Shared shared;
  Ring<QUERY_BUFFERS> queries;
  Ring<STAGES> keys, values;
  int key, head, b;  // of the step whose values are still to be copied

  // What consumers and the next round of the loop are told of an item, while the copies of the item before are under way.
  __device__ __forceinline__ void tell(int at, int ticket) {
    Item item{make_int4(0, 0, 0, 0), make_int4(-1, 0, 0, 0)};
    if (ticket < params.itemCount) {
      item = itemOf(params, ticket);
      storeWords(shared.span(at), spanOf(params, item, 0));
    }
    storeWords(shared.item(at), item.place);
    storeWords(shared.item(at) + 16, item.work);
  }
  __device__ __forceinline__ void copyKeys(int4 span, const int4& place) {
    const unsigned full = shared.keysFull(keys.at);
    barrierWait(shared.keysEmpty(keys.at), keys.parity);
    storeWords(shared.step(keys.at), make_int4(span.y, span.z, ${bits ? "span.w, span.x" : "0, 0"}));
    barrierExpect(full, KEY_BYTES);
    copyBox(shared.keys(keys.at), keyMap, full, span.y, place.y / (params.Hq / params.Hkv), place.x);
    keys.next();
  }
  __device__ __forceinline__ void copyValues() {
    const unsigned full = shared.valuesFull(values.at);
    barrierWait(shared.valuesEmpty(values.at), values.parity);
    barrierExpect(full, VALUE_BYTES);
    copyBox(shared.values(values.at), valueMap, full, key, head, b);
    values.next();
  }
  // Keys of each step, then values of the step before: the order in which they are waited for, also from item to item.
  __device__ __forceinline__ void run() {
    tell(0, blockIdx.x);
    bool pending = false;
    for (int at = 0;; at = (at + 1) % PLACES) {
      const int4 place = loadWords(shared.item(at)), work = loadWords(shared.item(at) + 16);
      const int steps = work.x + work.y;
      const unsigned full = shared.queryFull(queries.at);
      if (steps <= 0 && pending) copyValues();
      pending = pending && steps > 0;
      barrierWait(shared.queryEmpty(queries.at), queries.parity);
      if (steps < 0) {
        barrierArrive(full);
        return;
      }
      barrierExpect(full, QUERY_BYTES);
      copyBox(shared.query(queries.at), queryMap, full, place.z, place.y, place.x);
      queries.next();
      // Every block takes tickets until one is past the end; the last of all leaves the counter as it was.
      const int taken = atomicAdd(params.counter, 1);
      int4 span = loadWords(shared.span(at));
      int left = span.y, number = 0;
#pragma unroll 1
      for (int i = 0; i < steps; i++) {
        if (left == 0) {
          span = spanOf(params, {place, work}, ++number);
          left = span.y;
        }
        const int next = span.x + --left * KEYS;  // from the last step of the span to its first
        copyKeys(make_int4(span.x, next, span.z, span.w), place);
        if (pending) copyValues();
        key = next;
        head = place.y / (params.Hq / params.Hkv);
        b = place.x;
        pending = true;
        if (i == min(1, steps - 1)) tell((at + 1) % PLACES, taken + gridDim.x);
      }
      if (steps == 0) tell((at + 1) % PLACES, taken + gridDim.x);
      if (taken == params.itemCount - 1) *params.counter = 0;
    }
  }
};
`;
