/** One variant of the demo: compiled, checked, timed beside the unfused computation, drawn. */
import { blockMask, compile, openDevice } from "@vigil/attention";
import { elementsOf, plainMask, plainScore, roundedMods, Unfused } from "@vigil/attention/testing";
import type { GalleryEntry, Inputs, Mods, Shape, UnfusedProblem } from "@vigil/attention/testing";
import { variantText } from "../input/variant.ts";
import { checkRows } from "../measure/check-rows.ts";
import { Clocked, interleave } from "../measure/interleave.ts";
import { gflops, workOf } from "../measure/work.ts";
import type { VariantResult } from "../report/data.ts";
import { scoreSvg } from "../report/score-svg.ts";

/** Blocks of the pictures, finer than the kernels' so that narrow bands show. */
const PICTURE_BLOCK = 16;

/** Multiplications of one check: 32 rows of 1,024 keys in 4 heads. */
const CHECK_PRODUCTS = 2 ** 25;

/** Rounds while they are short, and fewer where the unfused computation is slow. */
const ROUNDS = { most: 5, least: 1, budgetMs: 600 } as const;

/** f32 in another order of summation, relative to values of about 1. */
const UNFUSED_TOLERANCE = 1e-3;

export interface DemoContext {
  readonly inputs: Inputs;
  readonly shape: Shape;
  readonly signal: AbortSignal;
}

type Functions = Pick<UnfusedProblem, "score" | "mask">;

function agrees(unfused: Float32Array, fused: Float64Array): boolean {
  return unfused.every(
    (element, at) => Math.abs(element - (fused[at] ?? NaN)) <= UNFUSED_TOLERANCE,
  );
}

interface Yardstick {
  readonly unfused: Unfused;
  /** Time of the run that showed that it computes the same. */
  readonly firstMs: number;
  readonly interpreted: boolean;
}

/**
 * The unfused computation with the functions as plain JavaScript. A function that relies on clamped indices is not right
 * as plain JavaScript: it is interpreted instead.
 */
function yardstickFor(
  mods: Mods,
  fused: Float64Array,
  { inputs, maskPerHead }: { readonly inputs: Inputs; readonly maskPerHead: boolean },
): Yardstick {
  const { score, mask, sinks } = mods;
  const common = { ...inputs, sinks, maskPerHead };
  const plain: Functions = {
    score: score === undefined ? undefined : plainScore(score),
    mask: mask === undefined ? undefined : plainMask(mask),
  };
  const tried = new Unfused({ ...common, ...plain });
  const first = tried.run();
  if (agrees(first.out, fused)) return { unfused: tried, firstMs: first.ms, interpreted: false };
  const { score: exact, mask: exactMask } = roundedMods(mods);
  const unfused = new Unfused({
    ...common,
    score: exact ?? undefined,
    mask: exactMask ?? undefined,
  });
  const second = unfused.run();
  if (agrees(second.out, fused)) return { unfused, firstMs: second.ms, interpreted: true };
  throw new Error("internal: the unfused computation gives something else");
}

function maskPicture({ mask }: Mods, { B, Hq, M, N }: Shape): string | null {
  return mask === undefined
    ? null
    : blockMask(mask, { B, Hq, M, N, blockSize: PICTURE_BLOCK }).toSvg();
}

export async function measureVariant(
  { name, title, source, make }: GalleryEntry,
  context: DemoContext,
): Promise<VariantResult> {
  const { inputs, shape, signal } = context;
  // A device of its own, so that no kernel is there already.
  await using device = await openDevice("wasm", { threads: 1 });
  const { query, key, value } = inputs;
  const mods = make(shape, 1);
  const { sinks, ...functions } = mods;
  const runtime = { signal, ...(sinks === undefined ? {} : { sinks }) };

  const start = performance.now();
  const kernel = await compile({ ...functions, D: shape.D, Dv: shape.Dv, device });
  const compileMs = performance.now() - start;

  const result = await kernel.run(query, key, value, { ...runtime, returnLse: true });
  const verification = checkRows(inputs, mods, result, { products: CHECK_PRODUCTS });

  const work = workOf(mods, shape);
  const { maskPerHead } = work;
  const fused = elementsOf(result.out);
  const { unfused, firstMs, interpreted } = yardstickFor(mods, fused, { inputs, maskPerHead });
  const rounds = Math.floor(ROUNDS.budgetMs / firstMs);
  const contestants = [
    { name: "fused", run: () => kernel.run(query, key, value, runtime) },
    {
      name: "unfused",
      run: () => {
        const { ms } = unfused.run();
        return new Clocked(ms, ms);
      },
    },
  ];
  const [ours, theirs] = await interleave(contestants, {
    rounds: Math.min(ROUNDS.most, Math.max(ROUNDS.least, rounds)),
    warmUp: 0,
    signal,
  });
  if (ours === undefined || theirs === undefined) throw new Error("internal: nothing was timed");
  return {
    name,
    title,
    source,
    device: device.name,
    scored: mods.score !== undefined,
    text: variantText(mods),
    compileMs,
    verification,
    ms: ours.minMs,
    gflops: gflops(work.flops, ours.minMs),
    skippedShare: work.skippedShare,
    unfusedMs: theirs.minMs,
    unfusedInterpreted: interpreted,
    speedup: theirs.minMs / ours.minMs,
    stolenPct: ours.stolenPct,
    ir: kernel.ir,
    kernel: kernel.source,
    pictureSvg: maskPicture(mods, shape) ?? scoreSvg(mods.score, shape),
  };
}
