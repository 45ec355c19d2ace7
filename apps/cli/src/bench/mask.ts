/** `vigil bench mask`: block masks from interval analysis at a million tokens, beside one evaluation per element. */
import { blockMask, maskMod } from "@vigil/attention";
import type { MaskFunction, MaskMod, PreparedMask } from "@vigil/attention";
import { packedCausal, prefixLm, slidingWindow } from "@vigil/attention";
import { blockMaskStats, fresh, plainMask, random } from "@vigil/attention/testing";
import { interleave } from "../measure/interleave.ts";
import type { Contestant, Timing } from "../measure/interleave.ts";
import { rounded, roundedOrNull } from "../measure/statistics.ts";
import { formatBytes, formatCount, formatMs, formatPercent } from "../terminal/format.ts";
import type { Column } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { printRows, stolenText, wanted } from "./bench.ts";
import type { Bench, BenchOptions, BenchResult } from "./bench.ts";

const LONG = 1_048_576;
const SHORT = 8192;
const BLOCK = 128;
const ROUNDS = 15;

/** Documents of 200 to 4,200 tokens. */
function documentIds(length: number): Int32Array {
  const rng = random(7);
  const ids = new Int32Array(length);
  for (let start = 0, id = 0; start < length; id++) {
    const end = start + 200 + rng.below(4001);
    ids.fill(id, start, end);
    start = end;
  }
  return ids;
}

/** Each makes a mask that nothing has been remembered about. */
const masks: Readonly<Record<string, (length: number) => MaskMod>> = {
  causal: () => maskMod(({ q, kv }) => q >= kv),
  "sliding-window 1024": () => slidingWindow(1024),
  "prefix-lm": (length) => prefixLm(Math.floor(length / 8)),
  "packed-causal": (length) => packedCausal(documentIds(length)),
};

interface Counts {
  readonly fullBlocks: number;
  readonly partialBlocks: number;
}

/** Every pair is evaluated. As new code for each mask, so that the engine can inline it. */
function countElements(attends: MaskFunction, length: number, block: number): Counts {
  const at = { b: 0, h: 0, q: 0, kv: 0 };
  let [fullBlocks, partialBlocks] = [0, 0];
  for (let row = 0; row < length; row += block) {
    for (let column = 0; column < length; column += block) {
      let kept = 0;
      for (at.q = row; at.q < row + block; at.q++) {
        for (at.kv = column; at.kv < column + block; at.kv++) if (attends(at)) kept++;
      }
      if (kept === block * block) fullBlocks++;
      else if (kept > 0) partialBlocks++;
    }
  }
  return { fullBlocks, partialBlocks };
}

/** Two lists (full, partial) of as many 4-byte numbers as a row has blocks, and their lengths: what is kept the element-wise way. */
const elementWiseBytes = (length: number): number =>
  2 * (length / BLOCK) * (length / BLOCK + 1) * 4;

interface MaskRow extends Counts {
  readonly mask: string;
  readonly way: "intervals" | "element by element";
  readonly length: number;
  readonly ms: number;
  readonly medianMs: number;
  readonly medianCpuMs: number;
  readonly bytes: number;
  readonly sparsity: number;
  readonly rounds: number;
  readonly stolenPct: number | null;
}

const build = (mask: MaskMod, length: number): PreparedMask =>
  blockMask(mask, { M: length, N: length, blockSize: BLOCK });

interface Measured {
  readonly mask: string;
  readonly way: MaskRow["way"];
  readonly length: number;
  readonly bytes: number;
}

function rowOf(measured: Measured, timing: Timing, { fullBlocks, partialBlocks }: Counts): MaskRow {
  return {
    ...measured,
    ms: rounded(timing.minMs),
    medianMs: rounded(timing.medianMs),
    medianCpuMs: rounded(timing.medianCpuMs),
    fullBlocks,
    partialBlocks,
    sparsity: rounded(1 - (fullBlocks + partialBlocks) / (measured.length / BLOCK) ** 2),
    rounds: timing.rounds.length,
    stolenPct: roundedOrNull(timing.stolenPct),
  };
}

/** Where both ways were asked, they have to agree on every block's kind. */
function agree(mask: string, intervals: Counts, elements: Counts, terminal: Terminal): boolean {
  const same =
    intervals.fullBlocks === elements.fullBlocks &&
    intervals.partialBlocks === elements.partialBlocks;
  if (!same)
    terminal.print(`${mask}: WRONG: intervals and elements disagree at ${formatCount(SHORT)}`);
  return same;
}

async function benchMask(
  name: string,
  make: (length: number) => MaskMod,
  { options, terminal }: { readonly options: BenchOptions; readonly terminal: Terminal },
): Promise<{ readonly rows: readonly MaskRow[]; readonly correct: boolean }> {
  terminal.progress(`${name}: ${formatCount(LONG)} and ${formatCount(SHORT)} tokens`);
  const [long, short] = [make(LONG), make(SHORT)];
  const [count, attends] = [fresh(countElements), plainMask(short)];
  const [longStats, shortStats] = [
    blockMaskStats(build(long, LONG).blocks),
    blockMaskStats(build(short, SHORT).blocks),
  ];
  const elements = count(attends, SHORT, BLOCK);
  if (!agree(name, shortStats, elements, terminal)) return { rows: [], correct: false };
  const contestants: readonly Contestant[] = [
    { name: "long", run: () => build(long, LONG) },
    { name: "short", run: () => build(short, SHORT) },
    { name: "elements", run: () => count(attends, SHORT, BLOCK) },
  ];
  const { signal } = terminal;
  const timings = await interleave(contestants, { rounds: options.rounds ?? ROUNDS, signal });
  const measured: readonly (readonly [Measured, Counts])[] = [
    [{ mask: name, way: "intervals", length: LONG, bytes: longStats.bytes }, longStats],
    [{ mask: name, way: "intervals", length: SHORT, bytes: shortStats.bytes }, shortStats],
    [
      { mask: name, way: "element by element", length: SHORT, bytes: elementWiseBytes(SHORT) },
      elements,
    ],
  ];
  const rows = measured.flatMap(([what, counts], at) => {
    const timing = timings[at];
    return timing === undefined ? [] : [rowOf(what, timing, counts)];
  });
  return { rows, correct: true };
}

const columns: readonly Column<MaskRow>[] = [
  { title: "mask", cell: (row) => row.mask },
  { title: "way", cell: (row) => row.way },
  { title: "length", align: "right", cell: (row) => formatCount(row.length) },
  { title: "time", align: "right", cell: (row) => formatMs(row.ms) },
  { title: "median", align: "right", cell: (row) => formatMs(row.medianMs) },
  { title: "CPU time", align: "right", cell: (row) => formatMs(row.medianCpuMs) },
  { title: "memory", align: "right", cell: (row) => formatBytes(row.bytes) },
  { title: "skipped", align: "right", cell: (row) => formatPercent(row.sparsity) },
  { title: "rounds", align: "right", cell: (row) => String(row.rounds) },
  { title: "stolen", align: "right", cell: (row) => stolenText(row.stolenPct) },
];

async function run(options: BenchOptions, terminal: Terminal): Promise<BenchResult> {
  const rows: MaskRow[] = [];
  let correct = true;
  for (const [name, make] of Object.entries(masks)) {
    if (!wanted(options, name)) continue;
    const result = await benchMask(name, make, { options, terminal });
    rows.push(...result.rows);
    correct &&= result.correct;
  }
  printRows(terminal, "block masks", columns, rows);
  return { rows, correct };
}

export const maskBench: Bench = {
  summary: "block masks at 1,048,576 tokens, beside one evaluation per element at 8,192",
  run,
};
