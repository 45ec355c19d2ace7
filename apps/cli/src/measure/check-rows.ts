/**
 * Checks a result against float64 on a choice of query rows, by the conformance suite's own rule: the error may be twice that of
 * the unfused computation in the same dtype, and 2 ulps. The budget comes from the compiler's expressions, so these are first held
 * against the functions themselves.
 *
 * The reference is slow on purpose (one product at a time), so long sequences are checked on rows spread
 * over the whole sequence, each with all of its keys; the report says how many.
 */
import type { AttentionResult, FloatType } from "@vigil/attention";
import {
  cut,
  elementsOf,
  findMisreading,
  judge,
  referenceAttention,
  roundedMods,
  sameDtypeAttention,
} from "@vigil/attention/testing";
import type { Inputs, Mods, Verdict } from "@vigil/attention/testing";

export interface RowCheck {
  readonly passed: boolean;
  /** Rows of scores that were checked, over all batch elements and heads, and how many there are. */
  readonly rows: number;
  readonly ofRows: number;
  readonly maxError: number;
  readonly allowedError: number;
  /** Rows of the whole output, checked or not, that hold a NaN: right where the inputs do, and worth knowing. */
  readonly nanRows: number;
  /** What failed, with every number; null where nothing did. */
  readonly problem: string | null;
}

/** Rows that are neighbours, so that positions of every kind inside a tile are met. */
const WINDOW = 8;

/** Multiplications that one check may take: about half a second. */
const DEFAULT_PRODUCTS = 2 ** 26;

/** Positions at which the compiled expressions are held against the functions: some hundredths of a second. */
const MISREADING_POSITIONS = 2 ** 14;

/** Half-open ranges of query rows, spread evenly from the first to the last. */
export function chooseWindows(
  M: number,
  rowProducts: number,
  budget: number,
): readonly (readonly [number, number])[] {
  const windows = Math.max(2, Math.floor(budget / rowProducts / WINDOW));
  if (windows * WINDOW >= M) return [[0, M]];
  return Array.from({ length: windows }, (_, at) => {
    const start = Math.round((at * (M - WINDOW)) / (windows - 1));
    return [start, start + WINDOW] as const;
  });
}

const joined = (parts: readonly Float64Array[]): Float64Array => {
  const whole = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/** Rows [Dv] with a NaN anywhere. */
function countNanRows(out: Float64Array, Dv: number): number {
  let count = 0;
  for (let start = 0; start < out.length; start += Dv) {
    if (out.subarray(start, start + Dv).some(Number.isNaN)) count++;
  }
  return count;
}

export interface CheckOptions {
  readonly products?: number;
}

/** @param result  out and lse of the whole computation */
export function checkRows(
  { query, key, value }: Inputs,
  mods: Mods,
  result: AttentionResult,
  { products = DEFAULT_PRODUCTS }: CheckOptions = {},
): RowCheck {
  const [B = 0, Hq = 0, M = 0, D = 0] = query.shape;
  const [, , N = 0, Dv = 0] = value.shape;
  // Each product is computed twice: in float64 and in the dtype.
  const windows = chooseWindows(M, 2 * B * Hq * N * (D + Dv), products);
  const { score = null, mask = null, sinks = null } = mods;
  const rounded = roundedMods(mods);
  const runs = windows.map(([start, end]) => {
    const problem = {
      query: cut(query, 2, start, end),
      key,
      value,
      sinks,
      queryOffset: new Int32Array(B).fill(start),
    };
    return {
      exact: referenceAttention({ ...problem, score, mask }),
      sameDtype: sameDtypeAttention({ ...problem, ...rounded }),
      out: elementsOf(cut(result.out, 2, start, end)),
      lse: result.lse === null ? new Float64Array(0) : elementsOf(cut(result.lse, 2, start, end)),
    };
  });
  const judged = (name: "out" | "lse", dtype: FloatType): Verdict =>
    judge({
      name,
      dtype,
      exact: joined(runs.map(({ exact }) => exact[name])),
      sameDtype: joined(runs.map(({ sameDtype }) => sameDtype[name])),
      kernel: joined(runs.map((run) => run[name])),
    });
  const out = judged("out", query.dtype as FloatType);
  const problem =
    findMisreading(mods, { B, Hq, M, N, budget: MISREADING_POSITIONS }) ??
    out.problem ??
    (result.lse === null ? null : judged("lse", "f32").problem);
  const rows = windows.reduce((sum, [start, end]) => sum + end - start, 0);
  return {
    passed: problem === null,
    rows: rows * B * Hq,
    ofRows: M * B * Hq,
    maxError: out.kernelError.max,
    allowedError: 2 * out.sameDtypeError.max + out.band,
    nanRows: countNanRows(elementsOf(result.out), Dv),
    problem,
  };
}

const rowCount = (rows: number): string => rows.toLocaleString("en-US");

/** For people: how it went and on how much. */
export function checkLine({
  passed,
  rows,
  ofRows,
  maxError,
  allowedError,
  nanRows,
  problem,
}: RowCheck): string {
  const share = rows === ofRows ? "every row" : `${rowCount(rows)} of ${rowCount(ofRows)} rows`;
  const errors = `largest error ${maxError.toExponential(1)}, allowed ${allowedError.toExponential(1)}`;
  const nan =
    nanRows === 0 ? "" : `; the result is NaN in ${rowCount(nanRows)} of ${rowCount(ofRows)} rows`;
  return passed
    ? `passed against float64 on ${share}: ${errors}${nan}`
    : `FAILED against float64 on ${share}: ${problem ?? errors}`;
}
