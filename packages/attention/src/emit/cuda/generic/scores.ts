/**
 * From the products of one step to weights: the score function, the mask, the running maximum and sum.
 *
 * A thread has two rows, r = 0 and 1. They may be of different heads: decode packs the query heads that share a key head. Where
 * they are not, the compiler sees that both ask for the same.
 */
import type { KernelSpec } from "../../../runtime/device.ts";

const when = (condition: boolean, text: string): string => (condition ? text : "");

type Kind = "score" | "mask";
const upper = { score: "Score", mask: "Mask" } as const;

const rowFields = (kind: Kind): string => `\
  ${upper[kind]}Head ${kind}OfHead[2];
  ${upper[kind]}Row ${kind}OfRow[2];
`;

const rowValues = (kind: Kind): string => `\
    rows.${kind}OfHead[r] = ${kind}Head(params, b, h);
    rows.${kind}OfRow[r] = ${kind}Row(params, rows.${kind}OfHead[r], b, h, q);
`;

const tileValue = (kind: Kind): string => `\
      const ${upper[kind]}Tile ${kind}OfTile = ${kind}Tile(params, rows.${kind}OfHead[r], rows.${kind}OfRow[r], b, h, q, key);
`;

const columnValue = (kind: Kind): string =>
  `${kind}Column(params, rows.${kind}OfHead[r], b, h, key + column)`;

const element = (kind: Kind): string =>
  `${kind}Element(params, rows.${kind}OfHead[r], rows.${kind}OfRow[r], ${kind}OfColumn, ${kind}OfTile, b, h, q, key, column`;

/** Whether a key counts for a row, given that it is below the step's limit. */
const keptText = ({ mask, maskBits }: KernelSpec): string => {
  if (maskBits) return `kept >> (column & 7) & 1`;
  return mask === null ? "true" : `${element("mask")})`;
};

/** What every kernel needs of a row: where it is, and what score and mask make of that. */
const rowPair = (spec: KernelSpec): string => `\
// Two rows of a thread: query heads h, positions q (offset included), query rows \`line\` (as the block mask counts them).
struct RowPair {
  int b, h[2], q[2], line[2];
${when(spec.score !== null, rowFields("score"))}${when(spec.mask !== null, rowFields("mask"))}\
};
__device__ __forceinline__ RowPair rowPair(const Params& params, int b, int h0, int h1, int line0, int line1) {
  const int offset = params.queryOffset[b];
  RowPair rows{b, {h0, h1}, {line0 + offset, line1 + offset}, {line0, line1}};
#pragma unroll
  for (int r = 0; r < 2; r++) {
    const int h = rows.h[r], q = rows.q[r];
${when(spec.score !== null, rowValues("score"))}${when(spec.mask !== null, rowValues("mask"))}\
  }
  return rows;
}
`;

const adjust = (spec: KernelSpec): string => {
  const { score, mask, maskBits } = spec;
  return `\
// scores[4 j + 2 r + e]: row r, key 8 j + 2 (lane % 4) + e of the step. In: dot products; out: scores, -infinity where masked.
template <bool MASKED>
__device__ __forceinline__ void adjust(const Params& params, const RowPair& rows, const Step& step, float (&scores)[KEYS / 2], int lane) {
  const int b = rows.b, key = step.key + 2 * (lane & 3);
#pragma unroll
  for (int j = 0; j < KEYS / 8; j++) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const int h = rows.h[r], q = rows.q[r];
${when(score !== null, tileValue("score"))}${when(mask !== null, tileValue("mask"))}\
${when(maskBits, "      const unsigned kept = MASKED ? keptByte(params, step, b, h, rows.line[r], step.key + 8 * j) >> 2 * (lane & 3) : 0;\n")}\
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const int column = 8 * j + e;
        float& s = scores[4 * j + 2 * r + e];
        s *= params.scale;
${when(
  score !== null,
  `        const ScoreColumn scoreOfColumn = ${columnValue("score")};
        s = ${element("score")}, s);
`,
)}\
        if constexpr (MASKED) {
${when(mask !== null, `          const MaskColumn maskOfColumn = ${columnValue("mask")};\n`)}\
          if (!(key + column < step.limit && ${keptText(spec)})) s = -INFINITY_F;
        }
      }
    }
  }
}
`;
};

const weigh = `\
// The softmax of a thread's two rows so far: weights are e^(score - largest). NaN in a score is NaN in both.
struct Softmax { float largest[2], sum[2]; };
// Scores to weights; returns by how much earlier sums and results shrink.
__device__ __forceinline__ float2 weigh(Softmax& state, float (&scores)[KEYS / 2]) {
  float shrink[2];
#pragma unroll
  for (int r = 0; r < 2; r++) {
    float most = state.largest[r];
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) most = larger(most, larger(scores[4 * j + 2 * r], scores[4 * j + 2 * r + 1]));
    most = larger(most, __shfl_xor_sync(~0u, most, 1));
    most = larger(most, __shfl_xor_sync(~0u, most, 2));
    const float base = most == -INFINITY_F ? 0.f : most;
    shrink[r] = exp2Approximate((state.largest[r] - base) * LOG2E);
    state.largest[r] = most;
    float sum = 0.f;
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        float& s = scores[4 * j + 2 * r + e];
        s = exp2Approximate((s - base) * LOG2E);
        sum += s;
      }
    }
    state.sum[r] = state.sum[r] * shrink[r] + sum;
  }
  return make_float2(shrink[0], shrink[1]);
}
// Most steps find no larger score, in none of the warp's rows: then there is nothing to do.
template <int N> __device__ __forceinline__ void rescale(float (&result)[N], float2 shrink) {
  if (!__any_sync(~0u, shrink.x != 1.f || shrink.y != 1.f)) return;
#pragma unroll
  for (int i = 0; i < N; i++) result[i] *= i & 2 ? shrink.y : shrink.x;
}
`;

/** Needs `Params`, `Step` and the functions of the mods; with bits, `keptByte`: the bits of 8 keys from a multiple of 8 on. */
export const scores = (spec: KernelSpec): string => `${rowPair(spec)}${adjust(spec)}${weigh}`;
