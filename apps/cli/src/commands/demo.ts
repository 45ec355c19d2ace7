import { mkdir, writeFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { document, packedCausal } from "@vigil/attention";
import { gallery } from "@vigil/attention/testing";
import type { GalleryEntry } from "@vigil/attention/testing";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command } from "../command.ts";
import { packCorpus } from "../demo/corpus.ts";
import type { Corpus } from "../demo/corpus.ts";
import { embedBytes } from "../demo/embed.ts";
import { measureVariant } from "../demo/measure-variant.ts";
import { completeShape, shapeText } from "../input/shape.ts";
import { describeMachine, machineLine } from "../measure/machine.ts";
import { rounded, roundedOrNull } from "../measure/statistics.ts";
import { integer, text } from "../options.ts";
import type { DemoReport, VariantResult } from "../report/data.ts";
import { renderReport } from "../report/page.ts";
import {
  formatCount,
  formatError,
  formatFigure,
  formatMs,
  formatPercent,
  formatRatio,
} from "../terminal/format.ts";
import { formatTable } from "../terminal/table.ts";
import type { Column } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { UsageError } from "../usage-error.ts";

const DEFAULT_TOKENS = 1024;
const HEADS = { Hq: 4, Hkv: 2, D: 64 } as const;

const unfused =
  "Unfused means: all scores written to memory by a WebAssembly SIMD matrix product, the score function called on " +
  "each as JavaScript, a SIMD softmax, a SIMD product with the values; the mask is evaluated beforehand, off the clock.";

/** Variants that take documents get those of the corpus; the rest are the gallery's examples. */
const onCorpus = ({ ids }: Corpus): readonly GalleryEntry[] => {
  const makers: Readonly<Record<string, GalleryEntry["make"]>> = {
    document: () => ({ mask: document(ids) }),
    "packed-causal": () => ({ mask: packedCausal(ids) }),
  };
  return gallery.map((entry) => {
    const make = makers[entry.name];
    return make === undefined ? entry : { ...entry, make };
  });
};

const columns: readonly Column<VariantResult>[] = [
  { title: "variant", cell: (row) => row.name },
  { title: "compile", align: "right", cell: (row) => formatMs(row.compileMs) },
  { title: "float64", cell: ({ verification }) => (verification.passed ? "passed" : "FAILED") },
  { title: "error", align: "right", cell: (row) => formatError(row.verification.maxError) },
  { title: "skipped", align: "right", cell: (row) => formatPercent(row.skippedShare) },
  { title: "fused", align: "right", cell: (row) => formatMs(row.ms) },
  { title: "GFLOP/s", align: "right", cell: (row) => formatFigure(row.gflops) },
  {
    title: "unfused",
    align: "right",
    cell: (row) => `${formatMs(row.unfusedMs)}${row.unfusedInterpreted ? "*" : ""}`,
  },
  { title: "speed-up", align: "right", cell: (row) => formatRatio(row.speedup) },
];

async function writeReport(path: string, report: DemoReport): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, renderReport(report));
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(
      { name: "--out", expected: "a file that can be written", got, remedy: "pass another path" },
      { cause },
    );
  }
}

/** The figures of a row, without texts and pictures. */
const figures = (row: VariantResult): object => ({
  variant: row.name,
  compileMs: rounded(row.compileMs),
  verification: row.verification,
  ms: rounded(row.ms),
  gflops: rounded(row.gflops),
  skippedShare: rounded(row.skippedShare),
  unfusedMs: rounded(row.unfusedMs),
  unfusedInterpreted: row.unfusedInterpreted,
  speedup: rounded(row.speedup, 3),
  stolenPct: roundedOrNull(row.stolenPct),
});

function chosenEntries(corpus: Corpus, only: string | null): readonly GalleryEntry[] {
  const entries = onCorpus(corpus).filter(({ name }) => name.includes(only ?? ""));
  if (entries.length > 0) return entries;
  throw new UsageError({
    name: "--only",
    expected: "a part of a variant's name",
    got: JSON.stringify(only),
    remedy: `write a part of one of ${gallery.map(({ name }) => name).join(", ")}`,
  });
}

function printReport({ variants, seconds }: DemoReport, path: string, terminal: Terminal): void {
  terminal.print(formatTable(columns, variants));
  const failed = variants.filter(({ verification }) => !verification.passed);
  for (const { name, verification } of failed) {
    terminal.print(terminal.style("red", `FAILED ${name}: ${verification.problem}`));
  }
  const { rows = 0, ofRows = 0 } = variants[0]?.verification ?? {};
  terminal.print(
    [
      "",
      `Each on one thread, checked against float64 on ${formatCount(rows)} of ${formatCount(ofRows)} rows. ${unfused}`,
      ...(variants.some((v) => v.unfusedInterpreted)
        ? ["* relies on clamped indices, which plain arrays lack: interpreted, and slow"]
        : []),
      `${variants.length - failed.length} of ${variants.length} variants verified in ${formatMs(seconds * 1000)}`,
      `report: ${relative(process.cwd(), path)} (${pathToFileURL(path).href})`,
    ].join("\n"),
  );
}

interface DemoOptions {
  readonly tokens: number;
  readonly only: string | null;
}

async function runGallery({ tokens, only }: DemoOptions, terminal: Terminal): Promise<DemoReport> {
  const began = performance.now();
  const machine = describeMachine();
  const shape = completeShape(HEADS, { B: 1, M: tokens, ...HEADS });
  const corpus = await packCorpus(tokens);
  const { documents, bytes } = corpus;
  const entries = chosenEntries(corpus, only);
  terminal.print(
    [
      "Vigil: attention variants written as TypeScript functions, each one fused kernel",
      terminal.style("dim", machineLine(machine)),
      `${formatCount(tokens)} bytes of ${documents.length} files packed into one sequence; ${shapeText(shape)}\n`,
    ].join("\n"),
  );
  const inputs = embedBytes(bytes, shape);
  const variants: VariantResult[] = [];
  for (const entry of entries) {
    terminal.progress(`${variants.length + 1} of ${entries.length}: ${entry.name}`);
    const { signal } = terminal;
    variants.push(await measureVariant(entry, { inputs, shape, signal }));
  }
  const { command } = terminal;
  const device = variants[0]?.device ?? "wasm";
  const date = new Date().toISOString();
  const seconds = (performance.now() - began) / 1000;
  return {
    machine,
    command,
    date,
    seconds,
    device,
    shape,
    documents,
    unfused,
    variants,
  };
}

export const demo: Command = defineCommand({
  name: "demo",
  summary: "run the whole gallery on this repository's files, and write a report",
  description: [
    "Packs files of the repository as documents into one sequence of bytes, embeds them with fixed seeded projections, and runs every variant of the gallery on it: compiled, verified against float64, timed on one thread, beside the unfused computation.",
    "Prints a table and writes a self-contained HTML report with mask pictures, charts, IR and kernels. Takes about a minute.",
  ],
  positionals: [],
  options: {
    tokens: integer("length of the sequence", { min: 256, max: 8192 }, DEFAULT_TOKENS),
    out: text("where the report goes", "file", "out/report.html"),
    only: text("only variants whose name contains this", "text", null),
  },
  examples: ["vigil demo", "vigil demo --tokens 2048 --only window"],
  async run({ options: given }, terminal) {
    const report = await runGallery(given, terminal);
    const path = resolve(given.out);
    await writeReport(path, report);
    printReport(report, path, terminal);
    const { machine, command, device, shape, seconds, variants } = report;
    terminal.result({
      ...{ machine, command, device, shape },
      seconds: rounded(seconds),
      report: relative(process.cwd(), path),
      rows: variants.map(figures),
    });
    return variants.every(({ verification }) => verification.passed)
      ? exitCodes.ok
      : exitCodes.failed;
  },
});
