/**
 * Which scores of a partial tile stay: a bit for each query, and the first and last key that any query attends to.
 *
 * The mask is evaluated before anything else, so that keys which no query of the panel attends to cost no products: inside a
 * partial block the work follows the mask to a panel's width.
 */
import { fill, lowered } from "../context.ts";
import type { KernelContext } from "../context.ts";

const frame = `\
static void $keep(const struct vigil_launch *L, struct $scratch *w, int key, int count, int row) {
  w->alive_start = count, w->alive_end = 0;
  @before
  for (int n = 0; n < count; n++) {
    uint32_t bits = 0;
    @bits
    w->keep[n] = bits;
    if (bits == 0) continue;
    if (n < w->alive_start) w->alive_start = n;
    w->alive_end = n + 1;
  }
}`;

/** A byte has eight keys of one query; keys of a tile begin at a multiple of eight. */
const fromBits = {
  before: ["uint8_t bytes[PANEL];"],
  bits: [
    "if (n % 8 == 0) for (int lane = 0; lane < PANEL; lane++) {",
    "  int own = row + lane < w->last ? row + lane : w->last;",
    "  bytes[lane] = (uint8_t)mask_byte(L, &w->run, key + n, w->first + own);",
    "}",
    "for (int lane = 0; lane < PANEL; lane++) bits |= (uint32_t)(bytes[lane] >> n % 8 & 1) << lane;",
  ],
};

export function keep(context: KernelContext): string {
  if (context.spec.maskBits) return fill(frame, context, fromBits);
  const mask = lowered(context, context.spec.mask, {
    laneAxis: "q",
    axes: { b: "b", h: "h", q: "q[j]", kv: "kv" },
    score: null,
  });
  if (mask === null) return "";
  return fill(frame, context, {
    before: [
      "const int32_t b = w->b, h = w->h;",
      "i32x q[NV];",
      "EACH_VECTOR q[j] = $positions(w, row, j);",
      ...mask.outside,
      "(void)L, (void)b, (void)h, (void)q;",
    ],
    bits: [
      "const int32_t kv = key + n;",
      "(void)kv;",
      ...mask.perKey,
      "EACH_VECTOR {",
      ...mask.inside.map((line) => `  ${line}`),
      `  bits |= v_bits(${mask.result}) << (j * LANES);`,
      "}",
    ],
  });
}
