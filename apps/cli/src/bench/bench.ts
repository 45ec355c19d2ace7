/** What the four benchmarks have in common: what they are given, and what they give back. */
import type { Device, DeviceName, DeviceOptions, FloatType } from "@vigil/attention";
import type { Column } from "../terminal/table.ts";
import { formatTable } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface BenchOptions {
  readonly device: DeviceName;
  /** What `openDevice` is told besides. */
  readonly open: DeviceOptions;
  /** Null: those that the target is made for. */
  readonly dtype: FloatType | null;
  /** Null: what suits each row. */
  readonly rounds: number | null;
  /** Only rows whose label contains this. */
  readonly only: string | null;
  /** Lengths to measure, parted by spaces, on a GPU; null: those that the peers' figures are known for. */
  readonly shapes: string | null;
  readonly mayInstall: boolean;
  /** Peers by name; null: those that suit the target. */
  readonly peers: readonly string[] | null;
}

/** A row of a result: figures and what they are of, as plain data. */
export type Row = object;

export interface BenchResult {
  readonly rows: readonly Row[];
  /** Fields of the result beside the rows. */
  readonly more?: Row;
  /** False where a result was wrong: such a row has no figures. */
  readonly correct: boolean;
  /** Whether `only` left anything to measure. Default: whether there are rows. */
  readonly chosen?: boolean;
}

export interface Bench {
  readonly summary: string;
  run(options: BenchOptions, terminal: Terminal): Promise<BenchResult>;
}

/** Whether a row is asked for. */
export const wanted = ({ only }: BenchOptions, label: string): boolean =>
  only === null || label.includes(only);

/** Storage types to measure: those asked for, or those that the target has products for. */
export const dtypesFor = ({ dtype }: BenchOptions, { target }: Device): readonly FloatType[] =>
  dtype === null ? (target === "native" ? ["f32", "bf16"] : ["f32"]) : [dtype];

/** Prints rows as a table under a title. */
export function printRows<R>(
  terminal: Terminal,
  title: string,
  columns: readonly Column<R>[],
  rows: readonly R[],
): void {
  if (rows.length === 0) return;
  terminal.print(`\n${terminal.style("bold", title)}\n${formatTable(columns, rows)}`);
}

export const stolenText = (stolenPct: number | null): string =>
  stolenPct === null ? "unknown" : `${stolenPct.toFixed(1)} %`;
