/** What the report shows: the figures of one demo run, as plain data. */
import type { RowCheck } from "../measure/check-rows.ts";
import type { Machine } from "../measure/machine.ts";

export interface VariantResult {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  /** What it ran on. */
  readonly device: string;
  /** Whether it has a score function, which costs time on every score. */
  readonly scored: boolean;
  /** The functions as their author wrote them. */
  readonly text: string;
  readonly compileMs: number;
  readonly verification: RowCheck;
  /** Fused, on one thread. */
  readonly ms: number;
  readonly gflops: number;
  /** Share of the 128 x 128 blocks of scores that were not computed, 0 to 1. */
  readonly skippedShare: number;
  readonly unfusedMs: number;
  /** Whether the unfused computation had to interpret the score function. */
  readonly unfusedInterpreted: boolean;
  readonly speedup: number;
  readonly stolenPct: number | null;
  readonly ir: string;
  readonly kernel: string;
  /** The mask, or else the score function, as an SVG document; null for a variant without either. */
  readonly pictureSvg: string | null;
}

export interface Document {
  readonly path: string;
  /** Tokens of it in the sequence: bytes of its text. */
  readonly tokens: number;
}

export interface DemoReport {
  readonly machine: Machine;
  readonly command: string;
  /** ISO 8601. */
  readonly date: string;
  readonly seconds: number;
  readonly device: string;
  readonly shape: Readonly<Record<"B" | "Hq" | "Hkv" | "M" | "N" | "D" | "Dv", number>>;
  readonly documents: readonly Document[];
  /** What "unfused" means here, as a sentence. */
  readonly unfused: string;
  readonly variants: readonly VariantResult[];
}
