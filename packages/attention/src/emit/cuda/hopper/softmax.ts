/** Scores of one step to weights: the score function, the mask, the running maximum and sum. */
import type { KernelSpec } from "../../../runtime/device.ts";

const when = (condition: boolean, text: string): string => (condition ? text : "");

/** What is computed once for an item: of its head, and of the thread's two rows. */
export function itemValues(spec: KernelSpec): string {
  const hasPositions = spec.score !== null || spec.mask !== null;
  const forRows = (name: string): string =>
    `${name}Row(params, ${name}OfHead, b, h, q[0]), ${name}Row(params, ${name}OfHead, b, h, q[1])`;
  return (
    when(
      hasPositions,
      `\
    const int offset = params.queryOffset[b], q[2] = {row + offset, row + 8 + offset};
`,
    ) +
    when(
      spec.score !== null,
      `\
    const ScoreHead scoreOfHead = scoreHead(params, b, h);
    const ScoreRow scoreOfRow[2] = {${forRows("score")}};
`,
    ) +
    when(
      spec.mask !== null,
      `\
    const MaskHead maskOfHead = maskHead(params, b, h);
    const MaskRow maskOfRow[2] = {${forRows("mask")}};
`,
    )
  );
}

const scoreColumnText = `\
          const ScoreColumn scoreOfColumn = scoreColumn(params, scoreOfHead, b, h, key + column);
`;

const maskColumnText = `\
          MaskColumn maskOfColumn{};
          if constexpr (MASKED) maskOfColumn = maskColumn(params, maskOfHead, b, h, key + column);
`;

const scoreText = `\
            s = scoreElement(params, scoreOfHead, scoreOfRow[r], scoreOfColumn, scoreOfTile[r],
                             b, h, q[r], key, column, s * params.scale);
`;

const keptText = ({ mask, maskBits }: KernelSpec): string => {
  const inside = "column < step.y - key";
  if (maskBits) return `${inside} && bitOf(byteOf[r], column)`;
  if (mask === null) return inside;
  return `${inside} && maskElement(params, maskOfHead, maskOfRow[r], maskOfColumn, maskOfTile[r],
                                               b, h, q[r], key, column)`;
};

const tileValues = (name: string): string => {
  const of = (r: number): string =>
    `${name}Tile(params, ${name}OfHead, ${name}OfRow[${r}], b, h, q[${r}], key)`;
  return `${of(0)},\n                                   ${of(1)}`;
};

/** `adjust<masked>(step)`: the score function, and -infinity where a key does not count. */
export function adjust(spec: KernelSpec): string {
  const { score, mask, maskBits } = spec;
  return `\
    // scores[4 j + 2 r + e] is of row + 8 r and key + 8 j + e; step: key, limit, bits, first key of the span
    auto adjust = [&](int4 step, auto kind) {
      constexpr bool MASKED = decltype(kind)::masked;
      const int key = step.x + 2 * (lane & 3);
${when(score !== null, `      const ScoreTile scoreOfTile[2] = {${tileValues("score")}};\n`)}\
${when(
  mask !== null,
  `      MaskTile maskOfTile[2];
      if constexpr (MASKED) {
        maskOfTile[0] = maskTile(params, maskOfHead, maskOfRow[0], b, h, q[0], key);
        maskOfTile[1] = maskTile(params, maskOfHead, maskOfRow[1], b, h, q[1], key);
      }
`,
)}\
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++) {
${when(
  maskBits,
  `        unsigned byteOf[2] = {0xFF, 0xFF};
        if (MASKED && step.z >= 0) {
          byteOf[0] = keptByte(params, step, row, step.x + 8 * j) >> 2 * (lane & 3);
          byteOf[1] = keptByte(params, step, row + 8, step.x + 8 * j) >> 2 * (lane & 3);
        }
`,
)}\
#pragma unroll
        for (int e = 0; e < 2; e++) {
          const int column = 8 * j + e;
${when(score !== null, scoreColumnText)}${when(mask !== null, maskColumnText)}\
#pragma unroll
          for (int r = 0; r < 2; r++) {
            float& s = scores[4 * j + 2 * r + e];
${when(score !== null, scoreText)}\
            if constexpr (MASKED) {
              if (!(${keptText(spec)})) s = -INFINITY_F;
            }
          }
        }
      }
    };
`;
}

/** A byte of the block mask's bits: 8 keys of one row, from `key`, which is a multiple of 8 from its block's first. */
export const keptByte = `\
__device__ __forceinline__ unsigned keptByte(const Params& params, int4 step, int row, int key) {
  const int past = key - step.w, block = step.z + past / params.blockKv;
  const int line = row % params.blockQ * params.blockKv + past % params.blockKv;
  return ((const unsigned char*)params.bits)[((long long)block * params.blockQ * params.blockKv + line) >> 3];
}
__device__ __forceinline__ bool bitOf(unsigned byte, int column) { return byte >> (column & 1) & 1; }
`;

/**
 * `weigh`: weights 2^(factor (s - reference)). The reference follows the maximum only where some row of the warp has grown by
 * more than 2^8: the results are the same, and most steps leave O alone.
 */
export const weigh = `\
    auto weigh = [&]() {
#pragma unroll
      for (int r = 0; r < 2; r++) {
        float even = fmaxf(largest[r], scores[2 * r]), odd = scores[2 * r + 1];
#pragma unroll
        for (int j = 1; j < KEYS / 8; j++) {
          even = fmaxf(even, scores[4 * j + 2 * r]);
          odd = fmaxf(odd, scores[4 * j + 2 * r + 1]);
        }
        even = fmaxf(even, odd);
        even = fmaxf(even, __shfl_xor_sync(~0u, even, 1));
        largest[r] = fmaxf(even, __shfl_xor_sync(~0u, even, 2));
      }
      moved = __any_sync(~0u, (largest[0] - reference[0]) * factor > 8.f || (largest[1] - reference[1]) * factor > 8.f);
      float base[2];
#pragma unroll
      for (int r = 0; r < 2; r++) {
        const float next = moved ? largest[r] : reference[r], finite = next == -INFINITY_F ? 0.f : next;
        correction[r] = exp2Approximate((reference[r] - finite) * factor);
        reference[r] = next;
        base[r] = finite * factor;
        sum[r] *= correction[r];
      }
#pragma unroll
      for (int i = 0; i < KEYS / 2; i++) {
        scores[i] = exp2Approximate(fmaf(scores[i], factor, -base[(i >> 1) & 1]));
        sum[(i >> 1) & 1] += scores[i];
      }
    };
`;
