/** Runs of keys: those that a query row attends to, of the block mask, or all keys as one full run where there is none. */
import { FULL, PARTIAL, RUN, RUN_STRIDE } from "../../../mask/block-mask.ts";

export const runs: string = `\
enum { RUN_START = ${RUN.start}, RUN_END = ${RUN.end}, RUN_KIND = ${RUN.kind}, RUN_BITS = ${RUN.bits}, RUN_STRIDE = ${RUN_STRIDE}, RUN_FULL = ${FULL}, RUN_PARTIAL = ${PARTIAL} };
struct runs { const int32_t *at, *stop; int32_t length, all[RUN_STRIDE]; };

/* For query row \`row\` of (b, h). */
static UNUSED void runs_begin(struct runs *r, const struct vigil_launch *L, int32_t b, int32_t h, int32_t row) {
  r->length = L->kvLength[b];
  if (L->rowStart == NULL) {
    r->all[RUN_START] = 0, r->all[RUN_END] = r->length, r->all[RUN_KIND] = RUN_FULL, r->all[RUN_BITS] = -1;
    r->at = r->all, r->stop = r->all + RUN_STRIDE;
    return;
  }
  int64_t plane = (L->maskB == 1 ? 0 : b) * L->maskH + (L->maskH == 1 ? 0 : h);
  const int32_t *entry = L->rowStart + plane * L->maskRows + row / L->blockQ;
  r->at = L->runs + (int64_t)entry[0] * RUN_STRIDE, r->stop = L->runs + (int64_t)entry[1] * RUN_STRIDE;
}

struct run { int32_t start, end, kind, first, bits; };
/* The next run with keys, its ends within [from, to); whether there is one. */
static UNUSED int runs_next(struct runs *r, struct run *run, int32_t from, int32_t to) {
  if (to > r->length) to = r->length;
  for (; r->at < r->stop; r->at += RUN_STRIDE) {
    run->first = r->at[RUN_START], run->kind = r->at[RUN_KIND], run->bits = r->at[RUN_BITS];
    run->start = run->first > from ? run->first : from;
    run->end = r->at[RUN_END] < to ? r->at[RUN_END] : to;
    if (run->start < run->end) return r->at += RUN_STRIDE, 1;
  }
  return 0;
}
/* The block mask's bits: the byte that has \`key\` (a multiple of 8) of query row \`row\`, in this run. */
INLINE uint32_t mask_byte(const struct vigil_launch *L, const struct run *run, int32_t key, int32_t row) {
  int64_t block = run->bits + (key - run->first) / L->blockKv, bytes = (L->blockQ * L->blockKv + 31) / 32 * 4;
  return L->bits[block * bytes + (row % L->blockQ) * L->blockKv / 8 + (key - run->first) % L->blockKv / 8];
}
`;
