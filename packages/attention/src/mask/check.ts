/** Says whether a block mask is well formed: the executable description of `BlockMask`. */
import { rangeError } from "../errors.ts";
import { FULL, PARTIAL, RUN, RUN_STRIDE, wordsPerBlock, type BlockMask } from "./block-mask.ts";

function expectThat(holds: boolean, name: string, expected: string, got: unknown): void {
  if (holds) return;
  const remedy = "build it with blockMask, or correct the runs";
  throw rangeError({ name: `blockMask.${name}`, expected, got: String(got), remedy });
}

/**
 * Checks a mask that did not come from `buildBlockMask`, before kernels take its runs for
 * addresses. Cost: O(runs).
 *
 * @throws RangeError  the first field that is not as `BlockMask` describes it
 */
export function checkBlockMask(mask: BlockMask): void {
  const { B, H, M, N, blockQ, blockKv, rows, rowStart, runs, kvLength, queryOffset } = mask;
  for (const [name, value] of Object.entries({ B, H, M, N, blockQ, blockKv })) {
    expectThat(Number.isInteger(value) && value >= 1, name, "an integer of at least 1", value);
  }
  expectThat(rows === Math.ceil(M / blockQ), "rows", `${Math.ceil(M / blockQ)}`, rows);
  expectThat(queryOffset.length === B, "queryOffset", `${B} numbers`, queryOffset.length);
  expectThat(kvLength.length === B, "kvLength", `${B} numbers`, kvLength.length);
  const longest = kvLength.find((keys) => keys < 0 || keys > N);
  expectThat(longest === undefined, "kvLength", `0 to ${N}`, longest);
  const count = runs.length / RUN_STRIDE;
  expectThat(Number.isInteger(count), "runs", `a multiple of ${RUN_STRIDE} integers`, runs.length);
  expectThat(
    rowStart.length === B * H * rows + 1,
    "rowStart",
    `${B * H * rows + 1} numbers`,
    rowStart.length,
  );
  expectThat(rowStart[0] === 0, "rowStart[0]", "0", rowStart[0]);
  expectThat(rowStart.at(-1) === count, "rowStart's last", `${count} (runs)`, rowStart.at(-1));
  for (let row = 0; row < B * H * rows; row++) checkRow(mask, row);
}

function checkRow(mask: BlockMask, row: number): void {
  const { H, rows, blockKv, rowStart, runs, bits } = mask;
  const first = rowStart[row] ?? 0;
  const last = rowStart[row + 1] ?? 0;
  const keys = mask.kvLength[Math.floor(row / (H * rows))] ?? 0;
  expectThat(
    first <= last && last * RUN_STRIDE <= runs.length,
    `rowStart[${row + 1}]`,
    `${first} to ${runs.length / RUN_STRIDE}`,
    last,
  );
  const bitBlocks = bits === null ? 0 : bits.length / wordsPerBlock(mask.blockQ, blockKv);
  let end = 0;
  for (let run = first; run < last; run++) {
    const field = (at: number): number => runs[run * RUN_STRIDE + at] ?? 0;
    const [start, stop, kind, block] = [
      field(RUN.start),
      field(RUN.end),
      field(RUN.kind),
      field(RUN.bits),
    ];
    const name = `runs of row ${row}`;
    expectThat(
      start >= end && start % blockKv === 0,
      name,
      `a start from ${end}, a multiple of ${blockKv}`,
      start,
    );
    const ends = stop > start && (stop === keys || (stop < keys && stop % blockKv === 0));
    expectThat(
      ends,
      name,
      `an end after ${start}: a multiple of ${blockKv}, or kvLength ${keys}`,
      stop,
    );
    expectThat(kind === FULL || kind === PARTIAL, name, `kind ${FULL} or ${PARTIAL}`, kind);
    const blocks = Math.ceil((stop - start) / blockKv);
    const numbered = kind === PARTIAL && bits !== null;
    expectThat(
      numbered ? block >= 0 && block + blocks <= bitBlocks : block === -1,
      name,
      numbered ? `bits of ${blocks} blocks below ${bitBlocks}` : "no bits (-1)",
      block,
    );
    end = stop;
  }
}
