/** Scores of one step to weights: the score function, the mask, the running maximum and sum. Members of `Consumer`. */
import type { KernelSpec } from "../../../runtime/device.ts";

const when = (condition: boolean, text: string): string => (condition ? text : "");

/** Whether an item's place is needed while its scores are computed. */
const readsPlace = ({ score, mask, maskBits }: KernelSpec): boolean =>
  score !== null || mask !== null || maskBits;

const modMembers = (kind: string): string => {
  const name = kind.toLowerCase();
  return `  ${kind}Head ${name}OfHead;\n  ${kind}Row ${name}OfRow[2];\n`;
};

/** What is kept of an item: its place, and what its functions compute once for a head and a row. */
export const placeMembers = (spec: KernelSpec): string =>
  when(
    readsPlace(spec),
    "  int b, h, row, q[2];  // q: positions of the thread's rows, row and row + 8\n",
  ) +
  when(spec.score !== null, modMembers("Score")) +
  when(spec.mask !== null, modMembers("Mask"));

const modValues = (name: string): string => `\
    ${name}OfHead = ${name}Head(params, b, h);
    for (int r = 0; r < 2; r++) ${name}OfRow[r] = ${name}Row(params, ${name}OfHead, b, h, q[r]);
`;

/** Statements that read an item's place. */
export const placeValues = (spec: KernelSpec, exact: boolean): string =>
  when(
    readsPlace(spec),
    `\
    const int4 item = loadWords(shared.item(place));
    b = uniform(item.x);
    h = uniform(item.y);
    row = item.z + rowInTile;
    for (int r = 0; r < 2; r++) q[r] = row + 8 * r + params.queryOffset[b];
`,
  ) +
  when(spec.score !== null, modValues("score")) +
  when(spec.score !== null && !exact, "    setFactor(scoreFactor(params, scoreOfHead));\n") +
  when(spec.mask !== null, modValues("mask"));

const tileValues = (kind: string): string => {
  const name = kind.toLowerCase();
  return `\
    ${kind}Tile ${name}OfTile[2];
    for (int r = 0; r < 2; r++)
      ${name}OfTile[r] = ${name}Tile(params, ${name}OfHead, ${name}OfRow[r], b, h, q[r], key);
`;
};

const byteValues = `\
      unsigned byteOf[2] = {0xFF, 0xFF};
      if (step.z >= 0)
        for (int r = 0; r < 2; r++) byteOf[r] = keptByte(params, step, row + 8 * r, step.x + 8 * j) >> 2 * (lane & 3);
`;

const columnValues = (kind: string): string => {
  const name = kind.toLowerCase();
  return `\
        const ${kind}Column ${name}OfColumn = ${name}Column(params, ${name}OfHead, b, h, key + column);
`;
};

const elementArguments = (name: string): string =>
  `params, ${name}OfHead, ${name}OfRow[r], ${name}OfColumn, ${name}OfTile[r], b, h, q[r], key, column`;

const scoreText = (exact: boolean): string => `\
          s = scoreElement(${elementArguments("score")}, s${exact ? " * params.scale" : ""});
`;

const keptText = ({ mask, maskBits }: KernelSpec): string => {
  const inside = "column < step.y - key";
  if (maskBits) return `${inside} && bitOf(byteOf[r], column)`;
  if (mask === null) return inside;
  return `${inside} && maskElement(${elementArguments("mask")})`;
};

const eachElement = (values: { bytes: string; columns: string; element: string }): string => `\
#pragma unroll
    for (int j = 0; j < KEYS / 8; j++) {
${values.bytes}\
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const int column = 8 * j + e;
${values.columns}\
#pragma unroll
        for (int r = 0; r < 2; r++) {
          float& s = scores[4 * j + 2 * r + e];
${values.element}\
        }
      }
    }
`;

const applyScore = (exact: boolean): string => `\
  // scores[4 j + 2 r + e] is of row + 8 r and key + 8 j + e
  __device__ __forceinline__ void applyScore(int key) {
${tileValues("Score")}\
${eachElement({ bytes: "", columns: columnValues("Score"), element: scoreText(exact) })}\
  }
`;

const applyMask = (spec: KernelSpec): string => `\
  // -infinity where a key does not count; step: key, limit, bits, first key of the span
  __device__ __forceinline__ void applyMask(int4 step, int key) {
${when(spec.mask !== null, tileValues("Mask"))}\
${eachElement({
  bytes: when(spec.maskBits, byteValues),
  columns: when(spec.mask !== null, columnValues("Mask")),
  element: `          if (!(${keptText(spec)})) s = -INFINITY_F;\n`,
})}\
  }
`;

const timesText = `\
    if (times != 1.f) {
#pragma unroll
      for (int i = 0; i < KEYS / 2; i++) scores[i] *= times;
    }
`;

/** `adjust<MASKED>(step)`: from dot products to what `weigh` takes. */
export const adjust = (spec: KernelSpec, exact: boolean): string => `\
${when(spec.score !== null, applyScore(exact))}${applyMask(spec)}\
  template <bool MASKED> __device__ __forceinline__ void adjust(int4 step) {
    const int key = step.x + 2 * (lane & 3);
${when(spec.score !== null, "    applyScore(key);\n")}\
${timesText}\
    if constexpr (MASKED) applyMask(step, key);
  }
`;

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
  __device__ __forceinline__ void weigh() {
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
  }
`;
