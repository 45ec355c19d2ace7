/** Which rows a block has, and which steps of keys it visits. */

/** Items and spans from the lists of `schedule/tile-work.ts`. */
const fromLists = `\
__device__ __forceinline__ Item itemOf(const Params& params, int number) {
  const int4* words = (const int4*)params.items + 2 * number;
  const int4 place = __ldg(words), work = __ldg(words + 1);
  return {place.x, place.y, place.z, place.w, work.x, work.y, work.z};
}
__device__ __forceinline__ Span spanOf(const Params& params, const Item& item, int number) {
  const int4 words = __ldg((const int4*)params.spans + item.span + number);
  return {words.x, words.y, words.z, words.w};
}
`;

/** Without a mask: every key below kvLength, the last ones first. */
const counted = `\
__device__ __forceinline__ Item itemOf(const Params& params, int number) {
  const int tiles = (params.M + ROWS - 1) / ROWS, head = number / tiles, first = number % tiles * ROWS;
  const int b = head / params.Hq, length = params.kvLength[b];
  return {b, head % params.Hq, first, min(first + ROWS, params.M), 0, length % KEYS > 0, length / KEYS};
}
__device__ __forceinline__ Span spanOf(const Params& params, const Item& item, int number) {
  const int length = params.kvLength[item.b], whole = item.wholeSteps * KEYS;
  return number < item.maskedSteps ? Span{whole, 1, length, -1} : Span{0, item.wholeSteps, length, -1};
}
`;

/** A byte of the block mask's bits; the step's bits count from the first key of its span. */
const bits = `\
__device__ __forceinline__ unsigned keptByte(const Params& params, const Step& step, int b, int h, int line, int key) {
  if (step.bits < 0) return 0xFF;
  const int past = key - step.first, block = step.bits + past / params.blockKv;
  const int at = line % params.blockQ * params.blockKv + past % params.blockKv;
  return key < step.limit ? ((const unsigned char*)params.bits)[((long long)block * params.blockQ * params.blockKv + at) >> 3] : 0;
}
`;

export const items = (lists: boolean, maskBits: boolean): string => `\
// Rows [first, end) of query head h; steps whose scores are looked at one by one come first, then the whole ones.
struct Item { int b, h, first, end, span, maskedSteps, wholeSteps; };
// Steps from key on, the last of them first; keys from limit on do not count; bits: the first block in params.bits, or -1.
struct Span { int key, steps, limit, bits; };
struct Step { int key, limit, bits, first; };
${lists ? fromLists : counted}
// The steps of an item, one after the other.
struct Walk {
  Span span;
  int left, number;
  __device__ __forceinline__ Step next(const Params& params, const Item& item) {
    if (left == 0) {
      span = spanOf(params, item, number++);
      left = span.steps;
    }
    left--;
    return {span.key + left * KEYS, span.limit, span.bits, span.key};
  }
};
${maskBits ? bits : ""}`;
