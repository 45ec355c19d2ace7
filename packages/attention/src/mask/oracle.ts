/**
 * The block mask, element by element: what `buildBlockMask` must equal, written to be obviously
 * right. Cost: one evaluation of the mask function per score, B * H * M * N of them.
 */
import { compileElement } from "../ir/evaluate.ts";
import { FULL, PARTIAL, type BlockMask } from "./block-mask.ts";
import { collapse } from "./build.ts";
import { needsBits } from "./needs-bits.ts";
import { checkBuildOptions, type BuildOptions } from "./options.ts";

/** Whether the score at (row, k) of a block exists and attends; null where it does not exist. */
type Score = (i: number, k: number) => boolean | null;

interface Block {
  readonly kind: typeof FULL | typeof PARTIAL | "empty";
  readonly start: number;
  readonly end: number;
  readonly score: Score;
}

function kindOf({ blockQ, blockKv }: BuildOptions, score: Score): Block["kind"] {
  let some = false;
  let all = true;
  for (let i = 0; i < blockQ; i++) {
    for (let k = 0; k < blockKv; k++) {
      const attends = score(i, k);
      if (attends === true) some = true;
      if (attends === false) all = false;
    }
  }
  return !some ? "empty" : all ? FULL : PARTIAL;
}

function wordsOf({ blockQ, blockKv }: BuildOptions, score: Score): readonly number[] {
  const words: number[] = Array(Math.ceil((blockQ * blockKv) / 32)).fill(0);
  for (let i = 0; i < blockQ; i++) {
    for (let k = 0; k < blockKv; k++) {
      const number = i * blockKv + k;
      const word = Math.floor(number / 32);
      if (score(i, k) === true) words[word] = (words[word] ?? 0) + 2 ** (number % 32);
    }
  }
  return words;
}

/** Row `row` of blocks, block by block. */
function* blocksOf(
  options: BuildOptions,
  attends: (q: number, kv: number) => boolean,
  { b, row }: { readonly b: number; readonly row: number },
): Generator<Block> {
  const { M, blockQ, blockKv } = options;
  const offset = options.queryOffset[b] ?? 0;
  const keys = options.kvLength[b] ?? 0;
  for (let start = 0; start < keys; start += blockKv) {
    const score: Score = (i, k) => {
      const q = row * blockQ + i;
      return q < M && start + k < keys ? attends(q + offset, start + k) : null;
    };
    yield { kind: kindOf(options, score), start, end: Math.min(start + blockKv, keys), score };
  }
}

/** The same result as `buildBlockMask`, to the last integer. */
export function oracleBlockMask(options: BuildOptions): BlockMask {
  checkBuildOptions(options);
  const { expression, captures, M, N, blockQ, blockKv } = options;
  const element = compileElement(expression.root, captures);
  const { B, H } = collapse(options);
  const rows = Math.ceil(M / blockQ);
  const rowStart = [0];
  const runs: [start: number, end: number, kind: number, bits: number][] = [];
  const bits: number[] | null = needsBits(expression) ? [] : null;
  let partialBlocks = 0;

  const addRow = (b: number, h: number, row: number): void => {
    const attends = (q: number, kv: number): boolean => element(b, h, q, kv, 0) === true;
    let last: Block["kind"] = "empty";
    for (const { kind, start, end, score } of blocksOf(options, attends, { b, row })) {
      const open = runs.at(-1);
      if (kind !== "empty" && kind === last && open !== undefined) open[1] = end;
      else if (kind === PARTIAL && bits !== null) runs.push([start, end, kind, partialBlocks]);
      else if (kind !== "empty") runs.push([start, end, kind, -1]);
      last = kind;
      if (kind !== PARTIAL) continue;
      partialBlocks++;
      bits?.push(...wordsOf(options, score));
    }
    rowStart.push(runs.length);
  };

  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) for (let row = 0; row < rows; row++) addRow(b, h, row);
  }
  return {
    ...{ B, H, M, N, blockQ, blockKv, rows },
    queryOffset: options.queryOffset.slice(0, B),
    kvLength: options.kvLength.slice(0, B),
    rowStart: Int32Array.from(rowStart),
    runs: Int32Array.from(runs.flat()),
    bits: bits === null ? null : Uint32Array.from(bits),
  };
}
