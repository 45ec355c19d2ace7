/**
 * Partial blocks as bits, for masks whose comparisons are not all between integers.
 *
 * Two targets may round such a comparison differently, and a block that one of them takes for full
 * would disagree with the other's elements; so it is decided once, here, and every target reads the
 * same bits.
 */
import { rangeError } from "../errors.ts";
import { PARTIAL, RUN, RUN_STRIDE, wordsPerBlock, type BlockMask } from "./block-mask.ts";
import type { Explorer } from "./explore.ts";
import { forEachRun, rowIndex } from "./walk.ts";

/** What one typed array of bits may take. Unit: bytes. */
const MOST_BYTES = 2 ** 32;

/** Gives every partial block its bits, as the explorer of its (batch, head) finds them. */
export function withBits(
  mask: BlockMask,
  explorerAt: (b: number, h: number) => Explorer,
): BlockMask {
  const { runs, blocks } = numberBlocks(mask);
  const bits = allocate(mask, blocks);
  const numbered: BlockMask = { ...mask, runs, bits };
  for (let b = 0; b < mask.B; b++) {
    for (let h = 0; h < mask.H; h++) fillHead(numbered, bits, b, h, explorerAt(b, h));
  }
  return numbered;
}

/** Numbers the partial blocks in the order of the runs. */
function numberBlocks({ runs, blockKv }: BlockMask): { runs: Int32Array; blocks: number } {
  const numbered = runs.slice();
  let blocks = 0;
  for (let at = 0; at < runs.length; at += RUN_STRIDE) {
    if (runs[at + RUN.kind] !== PARTIAL) continue;
    numbered[at + RUN.bits] = blocks;
    blocks += Math.ceil(((runs[at + RUN.end] ?? 0) - (runs[at + RUN.start] ?? 0)) / blockKv);
  }
  return { runs: numbered, blocks };
}

function allocate({ blockQ, blockKv }: BlockMask, blocks: number): Uint32Array {
  const words = blocks * wordsPerBlock(blockQ, blockKv);
  if (words * 4 <= MOST_BYTES) return new Uint32Array(words);
  throw rangeError({
    name: "mask",
    expected: `at most ${MOST_BYTES} bytes for blocks that comparisons of floats leave partial`,
    got: `${words * 4} bytes in ${blocks} blocks`,
    remedy: "compare integers instead (positions, or captured Int32Arrays), which needs no bits",
  });
}

function fillHead(
  mask: BlockMask,
  bits: Uint32Array,
  b: number,
  h: number,
  explore: Explorer,
): void {
  const { M, blockQ, blockKv } = mask;
  const words = wordsPerBlock(blockQ, blockKv);
  const offset = mask.queryOffset[b] ?? 0;
  for (let row = 0; row < mask.rows; row++) {
    const q0 = row * blockQ + offset;
    const q1 = Math.min((row + 1) * blockQ, M) - 1 + offset;
    forEachRun(mask, rowIndex(mask, b, h, row), (start, end, kind, first) => {
      if (kind !== PARTIAL) return;
      for (let kv = start, block = first; kv < end; kv += blockKv, block++) {
        explore(q0, q1, kv, Math.min(kv + blockKv, end) - 1, (value, top, bottom, left, right) => {
          for (let q = top; value && q <= bottom; q++) {
            const line = block * words * 32 + (q - q0) * blockKv - kv;
            setBits(bits, line + left, line + right + 1);
          }
          return false;
        });
      }
    });
  }
}

/** Sets bits `from` up to `to`; numbers may pass 2^31. */
function setBits(bits: Uint32Array, from: number, to: number): void {
  for (let at = from; at < to;) {
    const bit = at % 32;
    const count = Math.min(32 - bit, to - at);
    const word = (at - bit) / 32;
    const ones = (2 ** count - 1) << bit;
    bits[word] = (bits[word] ?? 0) | ones;
    at += count;
  }
}

/** Whether key `k` of the block attends from row `row` of it. */
export function readBit(mask: BlockMask, block: number, row: number, k: number): boolean {
  const i = row * mask.blockKv + k;
  const word = block * wordsPerBlock(mask.blockQ, mask.blockKv) + Math.floor(i / 32);
  return (((mask.bits?.[word] ?? 0) >>> (i % 32)) & 1) === 1;
}
