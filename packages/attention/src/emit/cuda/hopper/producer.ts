/** The producer: one thread that takes items from the queue and copies queries, keys and values into shared memory. */

/** Items and spans from the lists of `schedule/tile-work.ts`. */
const fromLists = `\
__device__ __forceinline__ Item itemOf(const Params& params, int ticket) {
  const int4* words = (const int4*)params.items + 2 * ticket;
  const int4 place = __ldg(words), work = __ldg(words + 1);
  return {place.x, place.y, place.z, place.w, work.x, work.y, work.z};
}
__device__ __forceinline__ Span spanOf(const Params& params, const Item& item, int number) {
  const int4 words = __ldg((const int4*)params.spans + item.span + number);
  return {words.x, words.y, words.z, words.w};
}
`;

/** Without a mask: every key below kvLength, the last ones first; items head by head. */
const counted = `\
__device__ __forceinline__ Item itemOf(const Params& params, int ticket) {
  const int tiles = (params.M + ROWS - 1) / ROWS, head = ticket / tiles, first = ticket % tiles * ROWS;
  const int b = head / params.Hq, length = params.kvLength[b];
  return {b, head % params.Hq, first, min(first + ROWS, params.M), 0, length % KEYS > 0, length / KEYS};
}
__device__ __forceinline__ Span spanOf(const Params& params, const Item& item, int number) {
  const int length = params.kvLength[item.b], whole = item.wholeSteps * KEYS;
  return number < item.maskedSteps ? Span{whole, 1, length, -1} : Span{0, item.wholeSteps, length, -1};
}
`;

export const producer = (lists: boolean, bits: boolean): string => `\
// Rows [first, end) of query head h; steps whose scores are looked at one by one come first, then the whole ones.
struct Item { int b, h, first, end, span, maskedSteps, wholeSteps; };
// Steps from key on; keys from limit on do not count; bits: the first block in params.bits, or -1.
struct Span { int key, steps, limit, bits; };

${lists ? fromLists : counted}
// The next ticket. Every block takes them until one is past the end; the last of all leaves the counter as it was.
__device__ __forceinline__ int takeTicket(const Params& params) {
  const int taken = atomicAdd(params.counter, 1);
  if (taken == params.itemCount - 1) *params.counter = 0;
  return taken + (int)gridDim.x;
}

__device__ __forceinline__ void produce(const TensorMap* queryMap, const TensorMap* keyMap,
                                        const TensorMap* valueMap, const Params& params, Shared shared) {
  Ring<QUERY_BUFFERS> queries{0, 1};
  Ring<STAGES> keys{0, 1}, values{0, 1};
  int place = 0;
  for (int ticket = blockIdx.x;;) {
    barrierWait(shared.queryEmpty(queries.at), queries.parity);
    const unsigned full = shared.queryFull(queries.at), told = shared.item(place);
    if (ticket >= params.itemCount) {
      storeWords(told + 16, make_int4(-1, 0, 0, 0));
      barrierArrive(full);
      return;
    }
    const Item item = itemOf(params, ticket);
    storeWords(told, make_int4(item.b, item.h, item.first, item.end));
    storeWords(told + 16, make_int4(item.maskedSteps, item.wholeSteps, 0, 0));
    barrierExpect(full, QUERY_BYTES);
    copyBox(shared.query(queries.at), queryMap, full, item.first, item.h, item.b);
    queries.next();
    place = (place + 1) % (2 * QUERY_BUFFERS);
    ticket = takeTicket(params);
    const int head = item.h / (params.Hq / params.Hkv), steps = item.maskedSteps + item.wholeSteps;
    Span span{0, 0, 0, 0};
    int left = 0, number = 0;
#pragma unroll 1
    for (int i = 0, key = 0; i <= steps; i++) {  // keys of step i, then values of the step before
      const int before = key;
      if (i < steps) {
        if (left == 0) {
          span = spanOf(params, item, number++);
          left = span.steps;
        }
        key = span.key + --left * KEYS;  // from the last step of the span to its first
        barrierWait(shared.keysEmpty(keys.at), keys.parity);
        storeWords(shared.step(keys.at), make_int4(key, span.limit, ${bits ? "span.bits, span.key" : "0, 0"}));
        barrierExpect(shared.keysFull(keys.at), KEY_BYTES);
        copyBox(shared.keys(keys.at), keyMap, shared.keysFull(keys.at), key, head, item.b);
        keys.next();
      }
      if (i > 0) {
        barrierWait(shared.valuesEmpty(values.at), values.parity);
        barrierExpect(shared.valuesFull(values.at), VALUE_BYTES);
        copyBox(shared.values(values.at), valueMap, shared.valuesFull(values.at), before, head, item.b);
        values.next();
      }
    }
  }
}
`;
