/**
 * The conformance cases: what every target has to compute right, as data.
 *
 * `pairwise`: every two values meet of variant, dtype, way of passing, heads, threads, numbers, layout, block size, positions,
 * sinks and batch; lengths and head sizes all occur. `full`: lengths and head sizes meet everything else in pairs too,
 * and all of that runs for every dtype and number of threads.
 */
import type { BlockSize } from "../api/options.ts";
import type { Shape } from "../runtime/device.ts";
import { chooseSchedule } from "../schedule/choose-schedule.ts";
import type { FloatType } from "../tensor.ts";
import { gallery } from "../variants/gallery.ts";
import type { GalleryEntry } from "../variants/gallery-entry.ts";
import { extraVariants } from "./extra-variants.ts";
import type { Layout, Numbers } from "./inputs.ts";
import { type Axes, coverPairs, type CoverOptions } from "./pairwise.ts";

export const testVariants: readonly GalleryEntry[] = [...gallery, ...extraVariants];

/** What varies between cases. */
interface Choices {
  readonly variant: string;
  readonly dtype: FloatType;
  /**
   * - `forward`: many rows in one call.
   * - `decode`: few rows in one call, the newest positions.
   * - `chunks`: M = N, in several calls with a growing `kvLength`, long ones and single tokens. Causal variants only.
   */
  readonly passes: "forward" | "decode" | "chunks";
  readonly B: number;
  readonly Hkv: number;
  /** Query heads per key head. */
  readonly group: number;
  readonly M: number;
  readonly N: number;
  readonly D: number;
  readonly Dv: number;
  readonly threads: number;
  readonly numbers: Numbers;
  readonly layout: Layout;
  readonly blockSize: BlockSize;
  /** Whether batch elements have offsets and key lengths of their own. */
  readonly positions: "plain" | "offset" | "length" | "both";
  readonly sinks: boolean;
  /** The scale as a multiple of the default, 1 / sqrt(D); null to leave it out. */
  readonly scale: number | null;
  /** Whether the output goes into a strided tensor of the caller. */
  readonly into: "new" | "given";
}

/** The `scale` of the call. */
export const scaleOf = ({ scale, D }: Pick<Choices, "scale" | "D">): number | undefined =>
  scale === null ? undefined : scale / Math.sqrt(D);

export interface Case extends Choices {
  /** For messages; also what a single case is asked for by. */
  readonly name: string;
  readonly seed: number;
}

const axes: Axes<Choices> = {
  variant: testVariants.map(({ name }) => name),
  dtype: ["f32", "f16", "bf16"],
  passes: ["forward", "decode", "chunks"],
  B: [1, 3],
  Hkv: [1, 2, 8],
  group: [1, 2, 3, 5, 8],
  M: [1, 3, 6, 7, 8, 63, 64, 65, 127, 128, 129, 257],
  N: [1, 2, 7, 8, 63, 64, 65, 127, 128, 129, 251, 509],
  D: [1, 3, 8, 17, 64, 80, 128, 257, 512],
  Dv: [1, 3, 8, 17, 64, 80, 128, 257, 512],
  threads: [1, 2],
  numbers: ["normal", "extreme", "equal", "nan"],
  layout: ["dense", "interleaved", "padded", "columns", "shared"],
  blockSize: [64, 128, 256, [128, 64]],
  positions: ["plain", "offset", "length", "both"],
  sinks: [false, true],
  scale: [null, 0.3, 0, -1],
  into: ["new", "given"],
};

const causalNames = new Set(testVariants.filter(({ causal }) => causal).map(({ name }) => name));

/** Largest case: float64 visits every score and every product, one at a time. */
const MOST_PRODUCTS = 6_000_000;
const MOST_SCORES = 120_000;

/** What is still open counts as its smallest value; chunks have M = N. */
function isSmall(partial: Partial<Choices>): boolean {
  const { passes, B = 1, Hkv = 1, group = 1, M, N, D = 1, Dv = 1 } = partial;
  const other = passes === "chunks" ? (M ?? N ?? 1) : 1;
  const scores = B * Hkv * group * (M ?? other) * (N ?? other);
  return scores <= MOST_SCORES && scores * (D + Dv) <= MOST_PRODUCTS;
}

const scheduleOf = (M: number): "forward" | "decode" =>
  chooseSchedule({ B: 1, Hq: 1, Hkv: 1, M, N: 1, D: 1, Dv: 1 });

/** What is still open counts as what suits best. */
const passRules: { readonly [K in Choices["passes"]]: (partial: Partial<Choices>) => boolean } = {
  forward: ({ M }) => M === undefined || scheduleOf(M) === "forward",
  decode: ({ M, N = Infinity }) => M === undefined || (scheduleOf(M) === "decode" && M <= N),
  chunks: ({ variant = "causal", positions = "plain", into = "new", M, N }) =>
    causalNames.has(variant) &&
    positions === "plain" &&
    into === "new" &&
    (N === undefined || axes.M.includes(N)) &&
    (M === undefined || (N === undefined ? axes.N.includes(M) : M === N)),
};

/**
 * The budget is an estimate from a sample of roundings: a few rows can be lucky. Where a dot product rounds more than a few
 * times, there are enough rows that luck does not set the bar.
 */
const isSampled = ({ B = 3, Hkv = 8, group = 8, M = 257, D = 1 }: Partial<Choices>): boolean =>
  D <= 3 || B * Hkv * group * M >= 24;

/**
 * The logarithm of an activation magnifies rounding without bound where the activation is nearly 0: an error budget says
 * nothing about a row that hangs on such a score. Among many different keys no row does.
 */
const isConditioned = ({
  variant,
  N = 509,
  numbers,
  positions = "plain",
}: Partial<Choices>): boolean =>
  variant !== "activation-relu" ||
  (N >= 63 && numbers !== "equal" && (positions === "plain" || positions === "offset"));

const allows = (partial: Partial<Choices>): boolean =>
  isSmall(partial) &&
  isSampled(partial) &&
  isConditioned(partial) &&
  (partial.passes === undefined || passRules[partial.passes](partial));

const optionsOf = (loose: readonly (keyof Choices)[]): CoverOptions<Choices> => ({
  allows,
  loose,
  seed: 20_260,
});

export const shapeOf = ({ B, Hkv, group, M, N, D, Dv }: Choices): Shape => ({
  ...{ B, Hkv, M, N, D, Dv },
  Hq: Hkv * group,
});

function named(choices: Choices, seed: number): Case {
  const { variant, dtype, passes, B, Hkv, group, M, N, D, Dv, numbers, layout } = choices;
  const { blockSize, positions, sinks, scale, into, threads } = choices;
  const extras = [
    positions === "plain" ? [] : [positions],
    sinks ? ["sinks"] : [],
    scale === null ? [] : [`scale x ${scale}`],
    into === "new" ? [] : ["into a given tensor"],
  ].flat();
  const shape = `B${B} Hq${Hkv * group} Hkv${Hkv} M${M} N${N} D${D} Dv${Dv}`;
  const blocks = `blocks ${typeof blockSize === "number" ? blockSize : blockSize.join("x")}`;
  const parts = [variant, dtype, passes, shape, numbers, layout, blocks, ...extras];
  return { ...choices, seed, name: `${parts.join(", ")}, threads ${threads}` };
}

export type Suite = "full" | "pairwise";

/** The cases of a suite; the same ones each time, twins that differ in threads only next to each other. */
export function conformanceCases(suite: Suite): Case[] {
  if (suite === "pairwise") {
    const loose = optionsOf(["M", "N", "D", "Dv", "Hkv", "scale", "into"]);
    return coverPairs(axes, loose).map((choices, at) => named(choices, at + 1));
  }
  const crossed = { ...axes, dtype: ["f32"], threads: [1] } as const;
  const rows = coverPairs<Choices>(crossed, optionsOf(["Hkv", "scale", "into"]));
  return rows.flatMap((choices, at) =>
    axes.dtype.flatMap((dtype) =>
      axes.threads.map((threads) => named({ ...choices, dtype, threads }, at + 1)),
    ),
  );
}
