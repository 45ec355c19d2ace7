/** One conformance case, from its description to a verdict. */
import { attention } from "../api/attention.ts";
import { compile, type CompiledAttention } from "../api/compile.ts";
import type { AttentionOptions } from "../api/options.ts";
import { compileElement } from "../ir/evaluate.ts";
import { type Answer, type Problem, referenceAttention } from "../reference/attention.ts";
import { elementsOf } from "../reference/formats.ts";
import { sameDtypeAttention } from "../reference/same-dtype.ts";
import type { Device } from "../runtime/device.ts";
import { chooseSchedule } from "../schedule/choose-schedule.ts";
import type { Tensor } from "../tensor.ts";
import { traceMod } from "../trace/trace-mod.ts";
import type { Mods } from "../variants/gallery-entry.ts";
import { random } from "../variants/random.ts";
import { judge } from "./budget.ts";
import { type Case, scaleOf, shapeOf, testVariants } from "./cases.ts";
import { cut, emptyLike, type Inputs, makeInputs, poisonFrom } from "./inputs.ts";
import { findMisreading } from "./misreading.ts";

/** What a case calls `attention` with. */
export interface CaseSetup {
  readonly inputs: Inputs;
  readonly mods: Mods;
  readonly queryOffset: readonly number[];
  readonly kvLength: readonly number[];
}

/** A case with both references computed: what all devices and numbers of threads share. */
export interface PreparedCase extends CaseSetup {
  readonly exact: Answer;
  readonly sameDtype: Answer;
  /** Where the traced expressions are not what the functions say; null where they are. */
  readonly misreading: string | null;
}

/** Where the batch elements stand: by the case's `passes` and `positions`. */
function positionsOf(one: Case): { queryOffset: number[]; kvLength: number[] } {
  const { B, M, N, passes, positions, seed } = one;
  const rng = random(seed);
  const newest = passes === "decode" ? N - M : 0;
  const shifts = positions === "offset" || positions === "both";
  const shortens = positions === "length" || positions === "both";
  const batch = Array.from({ length: B }, (_, b) => b);
  return {
    queryOffset: batch.map(() => newest + (shifts ? rng.below(12) : 0)),
    // Of three batch elements the second has no keys at all.
    kvLength: batch.map((b) => (shortens ? (b === 1 ? 0 : 1 + rng.below(N)) : N)),
  };
}

/**
 * Score and mask as they round in f32, operation by operation: the traced expressions. Whoever grants a kernel this rounding checks
 * the expressions against the functions first (`findMisreading`).
 */
export function roundedMods({ score, mask }: Mods): Pick<Problem, "score" | "mask"> {
  const element = (
    mod: NonNullable<typeof score | typeof mask>,
  ): ReturnType<typeof compileElement> => {
    const { expression, captures } = traceMod(mod);
    return compileElement(expression.root, captures);
  };
  const scored = score === undefined ? null : element(score);
  const masked = mask === undefined ? null : element(mask);
  return {
    score: scored && ((s, { b, h, q, kv }) => Number(scored(b, h, q, kv, s))),
    mask: masked && (({ b, h, q, kv }) => masked(b, h, q, kv, 0) === true),
  };
}

/** The functions and sinks of a case. */
function modsOf(one: Case, queryOffset: readonly number[]): Mods {
  const shape = shapeOf(one);
  const entry = testVariants.find(({ name }) => name === one.variant);
  if (entry === undefined) throw new RangeError(`case: no variant called ${one.variant}`);
  const M = shape.M + Math.max(...queryOffset);
  const made = entry.make({ ...shape, M }, one.seed);
  const sinks = made.sinks ?? (one.sinks ? sinksFor(shape.Hq, one.seed) : undefined);
  return sinks === undefined ? made : { ...made, sinks };
}

/** Makes the inputs of a case. Equal but for `threads`: the same. */
export function setUpCase(one: Case): CaseSetup {
  const { queryOffset, kvLength } = positionsOf(one);
  const mods = modsOf(one, queryOffset);
  const inputs = makeInputs(shapeOf(one), { ...one, scale: scaleOf(one) ?? null });
  return { inputs, mods, queryOffset, kvLength };
}

/** Compiles the kernels that a case will ask for. */
export async function warmCase(device: Device, one: Case): Promise<void> {
  await kernelsOf(device, one);
}

/** The kernels that a case asks for, compiled if they are not yet. */
function kernelsOf(device: Device, one: Case): Promise<CompiledAttention[]> {
  const { score, mask } = modsOf(one, positionsOf(one).queryOffset);
  const functions = { ...(score && { score }), ...(mask && { mask }) };
  const { D, Dv, dtype, M } = one;
  const ends = chunkEnds(M);
  const lengths = one.passes === "chunks" ? ends.map((end, at) => end - (ends[at - 1] ?? 0)) : [M];
  const schedules = new Set(lengths.map((rows) => chooseSchedule({ ...shapeOf(one), M: rows })));
  const options = { ...functions, D, Dv, dtype, device };
  return Promise.all([...schedules].map((schedule) => compile({ ...options, schedule })));
}

/** Makes the inputs of a case, and computes what is right. */
export function prepareCase(one: Case): PreparedCase {
  const setup = setUpCase(one);
  const { inputs, mods, queryOffset, kvLength } = setup;
  const problem: Problem = {
    ...inputs,
    ...scaleOption(one),
    queryOffset,
    kvLength,
    sinks: mods.sinks ?? null,
  };
  return {
    ...setup,
    exact: referenceAttention({ ...problem, score: mods.score ?? null, mask: mods.mask ?? null }),
    sameDtype: sameDtypeAttention({ ...problem, ...roundedMods(mods) }),
    misreading: findMisreading(mods, { ...shapeOf(one), queryOffset, kvLength }),
  };
}

function scaleOption(one: Case): { scale?: number } {
  const scale = scaleOf(one);
  return scale === undefined ? {} : { scale };
}

const sinksFor = (heads: number, seed: number): Float32Array =>
  Float32Array.from({ length: heads }, random(seed + 1).normal);

/** Out, lse and max of the whole case, in its row-major order. */
export interface CaseResult extends Answer {
  /** Whether a kernel said that it approximates its score function. */
  readonly approximate?: boolean;
}

/** Computes the case on a device, through the public API. */
export async function computeCase(
  device: Device,
  one: Case,
  setup: CaseSetup,
): Promise<CaseResult> {
  const compute = one.passes === "chunks" ? computeChunks : computeWhole;
  const result = await compute(device, one, setup);
  const kernels = await kernelsOf(device, one);
  return { ...result, approximate: kernels.some(({ approximate }) => approximate) };
}

const optionsOf = (device: Device, one: Case, { mods }: CaseSetup) =>
  ({
    ...{ device, ...mods, blockSize: one.blockSize },
    ...scaleOption(one),
    ...{ returnLse: true, returnMax: true },
  }) as const satisfies AttentionOptions;

async function computeWhole(device: Device, one: Case, setup: CaseSetup): Promise<CaseResult> {
  const { inputs, queryOffset, kvLength } = setup;
  const { B, Hq, M, Dv } = shapeOf(one);
  const given = one.into === "given" ? { out: emptyLike([B, Hq, M, Dv], one.dtype) } : {};
  const { query, key, value } = inputs;
  const options = { ...optionsOf(device, one, setup), queryOffset, kvLength, ...given };
  const { out, lse, max } = await attention(query, key, value, options);
  if (given.out !== undefined && out !== given.out)
    throw new Error("out: another tensor came back");
  return { out: elementsOf(out), lse: rowsOf(lse), max: rowsOf(max) };
}

const rowsOf = (rows: Tensor | null): Float64Array =>
  rows === null ? new Float64Array() : elementsOf(rows);

/** Ends of the calls: a long prefill, a short one, then single tokens at the end. */
const chunkEnds = (length: number): number[] =>
  [Math.ceil(length / 2), Math.ceil(length / 2) + 3, length - 2, length - 1, length]
    .filter((end) => end >= 1 && end <= length)
    .toSorted((a, b) => a - b)
    .filter((end, at, ends) => end !== ends[at - 1]);

/** The rows in several calls; keys and values that do not exist yet are NaN. */
async function computeChunks(device: Device, one: Case, setup: CaseSetup): Promise<CaseResult> {
  const { query, key, value } = setup.inputs;
  const { B, Hq, M, Dv } = shapeOf(one);
  const whole: CaseResult = {
    out: new Float64Array(B * Hq * M * Dv),
    lse: new Float64Array(B * Hq * M),
    max: new Float64Array(B * Hq * M),
  };
  let start = 0;
  for (const end of chunkEnds(M)) {
    const options = { ...optionsOf(device, one, setup), queryOffset: start, kvLength: end };
    const rows = cut(query, 2, start, end);
    const part = await attention(rows, poisonFrom(key, end), poisonFrom(value, end), options);
    const place = { start, rows: end - start, M };
    copyRows(elementsOf(part.out), whole.out, { ...place, width: Dv });
    copyRows(rowsOf(part.lse), whole.lse, { ...place, width: 1 });
    copyRows(rowsOf(part.max), whole.max, { ...place, width: 1 });
    start = end;
  }
  return whole;
}

/** Puts [heads, rows, width] at row `start` of [heads, M, width]. */
function copyRows(
  from: Float64Array,
  to: Float64Array,
  { start, rows, M, width }: { start: number; rows: number; M: number; width: number },
): void {
  for (let head = 0; head * rows * width < from.length; head++) {
    const part = from.subarray(head * rows * width, (head + 1) * rows * width);
    to.set(part, (head * M + start) * width);
  }
}

/**
 * What is wrong with a result, one sentence each; none where it passes. Lse and max are judged as f32; where the kernel said that it
 * approximates the score function, as the dtype that it is made for.
 */
export function judgeCase(one: Case, prepared: PreparedCase, result: CaseResult): string[] {
  const { exact, sameDtype, misreading } = prepared;
  const problems = (["out", "lse", "max"] as const)
    .map((name) => {
      const dtype = name === "out" || result.approximate === true ? one.dtype : "f32";
      const runs = { exact: exact[name], sameDtype: sameDtype[name], kernel: result[name] };
      return judge({ name, dtype, ...runs }).problem;
    })
    .filter((problem) => problem !== null);
  return misreading === null ? problems : [misreading, ...problems];
}

/** Prepares, computes and judges a case; an error is a problem too. */
export async function runCase(device: Device, one: Case): Promise<string[]> {
  const prepared = prepareCase(one);
  return judgeCase(one, prepared, await computeCase(device, one, prepared));
}
