/** From a variant to a kernel, and from tensors to a launch. */
import { internalError, rangeError, typeError } from "../errors.ts";
import { mergeCaptures, prefixCaptures } from "../ir/rename.ts";
import { printExpression } from "../ir/print.ts";
import type { CaptureValues, Expression } from "../ir/types.ts";
import { needsBits } from "../mask/needs-bits.ts";
import type { TensorHome } from "../device-tensor.ts";
import type {
  Device,
  Kernel,
  KernelSpec,
  Launch,
  LaunchResult,
  Target,
} from "../runtime/device.ts";
import { isResident } from "../runtime/shared/resident.ts";
import { chooseSchedule } from "../schedule/choose-schedule.ts";
import type { FloatType } from "../tensor.ts";
import { type Traced, traceMod } from "../trace/trace-mod.ts";
import { checkPrepared, preparedFor, PreparedMask } from "./block-mask.ts";
import { checkRangesAt } from "./check-launch.ts";
import { type AnyTensor, checkInputs, type Inputs } from "./check-tensors.ts";
import { withoutMaskedValues } from "./masked-values.ts";
import { asMaskMod, asScoreMod, type MaskMod, type ScoreMod } from "./mods.ts";
import { withDevice } from "./open-device.ts";
import type { AttentionResult, BlockSize, Placement, RunOptions, Variant } from "./options.ts";
import { checkFlags, checkOptions } from "./check-options.ts";
import * as check from "./validate.ts";

export interface CompileOptions extends Variant, Placement {
  /** Head size of queries and keys, 1 to 512. */
  readonly D: number;
  /** Head size of values and output, 1 to 512. Default D. */
  readonly Dv?: number;
  /** Storage of query, key, value and output. Default "f32". */
  readonly dtype?: FloatType;
  /** Kernel to compile ahead: many query rows, or few. Default "forward". `run` takes whichever fits its lengths. */
  readonly schedule?: KernelSpec["schedule"];
  /** Block size of masks built by `run`. Default 128. */
  readonly blockSize?: BlockSize;
}

/** A variant compiled for one device, dtype and pair of head sizes; lengths, batch and heads are free. */
export interface CompiledAttention {
  readonly device: Device;
  /** The score and mask functions as typed expression graphs, after simplification. */
  readonly ir: string;
  /** The kernel in the target's own language. */
  readonly source: string;
  /** Tile sizes, by name. */
  readonly tile: Readonly<Record<string, number>>;
  /** Which target the next `run` computes on: the device's own, or what serves until its compiler is done. */
  readonly servedBy: Target;
  /** Whether the score function is computed with the hardware's approximate instructions, within the dtype's error budget. */
  readonly approximate: boolean;
  /** The same as `attention` with this variant; compiles nothing for a new length, batch, scale or captured number. */
  run: RunVariant;
}

/** Results are where the tensors are. */
export interface RunVariant {
  <T extends AnyTensor>(
    query: T,
    key: T,
    value: T,
    options: RunOptions<T> & ({ readonly returnLse: true } | { readonly returnMax: true }),
  ): Promise<AttentionResult<T>>;
  <T extends AnyTensor>(
    query: T,
    key: T,
    value: T,
    options?: RunOptions<T> & { readonly returnLse?: false; readonly returnMax?: false },
  ): Promise<T>;
  <T extends AnyTensor>(
    query: T,
    key: T,
    value: T,
    options: RunOptions<T>,
  ): Promise<T | AttentionResult<T>>;
}

/** A variant's functions as mods. */
interface ModVariant {
  readonly score: ScoreMod | null;
  readonly mask: MaskMod | null;
  readonly prepared: PreparedMask | null;
}

/**
 * The functions with what their captures are worth at the call. Read once and before anything is awaited, so that block
 * mask, kernel and launch agree whatever the caller replaces meanwhile.
 */
interface TracedVariant {
  readonly mods: ModVariant;
  readonly score: Traced | null;
  readonly mask: Traced | null;
}

const renamed = new WeakMap<Expression, Expression>();

/** The traced expression with its captures under `score.` or `mask.`; one object per expression, so caches hit. */
function kernelExpression(expression: Expression): Expression {
  const known = renamed.get(expression) ?? prefixCaptures(expression, `${expression.kind}.`);
  renamed.set(expression, known);
  return known;
}

function variantOf({ score, mask }: Variant): ModVariant {
  const prepared = mask instanceof PreparedMask ? mask : null;
  return {
    score: score === undefined ? null : asScoreMod(score),
    mask:
      prepared?.mask ??
      (mask === undefined || mask instanceof PreparedMask ? null : asMaskMod(mask)),
    prepared,
  };
}

const traceVariant = (mods: ModVariant): TracedVariant => ({
  mods,
  score: mods.score && traceMod(mods.score),
  mask: mods.mask && traceMod(mods.mask),
});

interface SpecOptions {
  readonly schedule: KernelSpec["schedule"];
  readonly D: number;
  readonly Dv: number;
  readonly dtype: FloatType;
}

function specOf(variant: TracedVariant, options: SpecOptions): KernelSpec {
  const score = variant.score && kernelExpression(variant.score.expression);
  const mask = variant.mask && kernelExpression(variant.mask.expression);
  const maskBits = mask !== null && needsBits(mask);
  return { ...options, score, mask: maskBits ? null : mask, maskBits };
}

function capturesOf(variant: TracedVariant): CaptureValues {
  const parts = (["score", "mask"] as const).flatMap((kind) => {
    const traced = variant[kind];
    return traced === null ? [] : [{ prefix: `${kind}.`, values: traced.captures }];
  });
  return mergeCaptures(parts);
}

/** Everything a call needs besides tensors and run-time values. */
interface Program extends SpecOptions {
  readonly device: Device;
  readonly mods: ModVariant;
  readonly blockSize: BlockSize | undefined;
}

type AnyResult = LaunchResult<AnyTensor>;

/** A call with all its options read: nothing is awaited before, so a caller may change them at once. */
interface Call {
  readonly spec: KernelSpec;
  readonly inputs: Inputs;
  readonly rest: Rest;
}

function callOf(
  { variant, blockSize }: Pick<Program, "blockSize"> & { readonly variant: TracedVariant },
  inputs: Inputs,
  options: RunOptions<AnyTensor>,
): Call {
  const { shape, dtype } = inputs;
  checkFlags(options);
  options.signal?.throwIfAborted();
  const scale = check.checkScale(options.scale, shape.D);
  const queryOffset = check.checkQueryOffset(options.queryOffset, shape.B, shape.M);
  const kvLength = check.checkKvLength(options.kvLength, shape.B, shape.N);
  const sinks = check.checkSinks(options.sinks, shape.Hq);
  const extent = { ...shape, queryOffset, kvLength };
  if (variant.score !== null) {
    const { expression, captures } = variant.score;
    checkRangesAt(expression, captures, extent);
  }
  const mask = maskFor(variant, { ...extent, ...check.checkBlockSize(blockSize) });
  const schedule = chooseSchedule(shape);
  const spec = specOf(variant, { schedule, dtype, D: shape.D, Dv: shape.Dv });
  const rest = {
    shape,
    scale,
    queryOffset,
    kvLength,
    blockMask: mask?.blocks ?? null,
    captures: capturesOf(variant),
    sinks,
    want: { lse: options.returnLse === true, max: options.returnMax === true },
    signal: options.signal ?? null,
  };
  return { spec, inputs, rest };
}

/** Everything of a launch but its tensors. */
type Rest = Omit<Launch, "query" | "key" | "value" | "out">;

async function perform(device: Device, { spec, inputs, rest }: Call): Promise<AnyResult> {
  if (inputs.home === null) {
    const { query, key, value, out } = inputs;
    const launch = { query, key, value, out, ...rest };
    const kernel = await device.kernel(spec);
    return rest.blockMask === null
      ? kernel.run(launch)
      : withoutMaskedValues(device, kernel, launch);
  }
  if (!isResident(device) || device !== inputs.home) throw elsewhere(inputs.home, device);
  const { query, key, value, out } = inputs;
  const kernel = await device.kernel(spec);
  return kernel.runResident({ query, key, value, out, ...rest });
}

const elsewhere = (home: TensorHome, device: Device): TypeError =>
  typeError({
    name: "device",
    expected: `the one that holds the tensors, ${home.name}`,
    got: device.name,
    remedy: "pass that device, or read the tensors back with await tensor.read()",
  });

function maskFor(
  variant: TracedVariant,
  shape: Parameters<typeof preparedFor>[1],
): PreparedMask | null {
  const { mask, prepared } = variant.mods;
  if (mask === null || variant.mask === null) return null;
  if (prepared === null) return preparedFor(mask, shape, variant.mask);
  checkPrepared(prepared, shape, variant.mask);
  return prepared;
}

/** Tensors in a device's memory are computed there, unless the caller names a device. */
function deviceOf({ home }: Inputs): Device | undefined {
  const holder: (Partial<Device> & TensorHome) | null = home;
  return holder?.kernel === undefined ? undefined : (holder as Device & TensorHome);
}

/** What a call gives its caller: more than the output only where that was asked for. */
async function answerOf(device: Device, call: Call): Promise<AnyTensor | AnyResult> {
  const { lse, max } = call.rest.want;
  const result = await perform(device, call);
  return lse || max ? result : result.out;
}

/** One call of `attention`: checks, finds or compiles the kernel, runs it. */
export async function runVariant(
  tensors: readonly [query: unknown, key: unknown, value: unknown],
  options: Variant & Placement & RunOptions<AnyTensor> & { readonly blockSize?: BlockSize },
): Promise<AnyTensor | AttentionResult<AnyTensor>> {
  checkOptions("attention", options);
  const inputs = checkInputs(...tensors, options.out);
  const program = { variant: traceVariant(variantOf(options)), blockSize: options.blockSize };
  const call = callOf(program, inputs, options);
  return withDevice(options.device ?? deviceOf(inputs), (device) => answerOf(device, call));
}

class Compiled implements CompiledAttention {
  readonly #program: Program;
  readonly #kernel: Kernel;

  constructor(program: Program, kernel: Kernel) {
    this.#program = program;
    this.#kernel = kernel;
  }

  get device(): Device {
    return this.#program.device;
  }

  get ir(): string {
    const { score, mask } = this.#program.mods;
    const mods = [score, mask].filter((mod) => mod !== null);
    return mods.map((mod) => printExpression(traceMod(mod).expression)).join("\n\n");
  }

  get source(): string {
    return this.#kernel.source();
  }

  get tile(): Readonly<Record<string, number>> {
    return this.#kernel.tile;
  }

  get approximate(): boolean {
    return this.#kernel.approximate === true;
  }

  get servedBy(): Target {
    return this.#kernel.servedBy ?? this.#program.device.target;
  }

  readonly run: RunVariant = (async (
    query: AnyTensor,
    key: AnyTensor,
    value: AnyTensor,
    given?: RunOptions<AnyTensor>,
  ): Promise<AnyTensor | AttentionResult<AnyTensor>> => {
    const options = given === undefined ? {} : given;
    checkOptions("run", options);
    const inputs = checkInputs(query, key, value, options.out);
    const { D, Dv, dtype } = this.#program;
    if (inputs.shape.D !== D || inputs.shape.Dv !== Dv || inputs.dtype !== dtype) {
      const got = `${inputs.dtype} with D = ${inputs.shape.D}, Dv = ${inputs.shape.Dv}`;
      const remedy = "compile the variant for these, or call attention, which does";
      const expected = `${dtype} with D = ${D}, Dv = ${Dv}, as compiled`;
      throw rangeError({ name: "query, key and value", expected, got, remedy });
    }
    const { device, mods, blockSize } = this.#program;
    const call = callOf({ blockSize, variant: traceVariant(mods) }, inputs, options);
    return withDevice(device, () => answerOf(device, call));
    // What comes back is where the tensors are: the types say so, `perform` does so.
  }) as RunVariant;
}

/** What a kernel's text depends on besides functions. */
export type KernelOptions = Pick<CompileOptions, "D" | "Dv" | "dtype" | "schedule">;

function checkedKernel(options: KernelOptions): SpecOptions {
  const { D, Dv = D, dtype = "f32", schedule = "forward" } = options;
  check.checkHeadSize("D", D);
  check.checkHeadSize("Dv", Dv);
  check.checkFloatType("dtype", dtype);
  check.checkSchedule(schedule);
  return { D, Dv, dtype, schedule };
}

/** The spec of a variant's kernel, for whoever writes its text. */
export const specOfVariant = (options: Variant & KernelOptions): KernelSpec =>
  specOf(traceVariant(variantOf(options)), checkedKernel(options));

/**
 * Compiles a variant ahead of its first call, and shows what became of it.
 *
 * Shapes and formula as in `attention`. The kernel depends on the functions, the dtype and the head sizes only; lengths,
 * batch, heads, scale, offsets and captured numbers and tensors are run-time values.
 *
 * @throws TraceError        a function cannot be compiled; the message shows the line and what to write instead
 * @throws TypeError         an option is of the wrong kind
 * @throws RangeError        a head size outside 1 to 512, or a block size that is not a multiple of 8
 * @throws UnsupportedError  the named device cannot run it here; says why
 */
export async function compile(options: CompileOptions): Promise<CompiledAttention> {
  checkOptions("compile", options);
  const { D, Dv, dtype, schedule } = checkedKernel(options);
  const { blockQ, blockKv } = check.checkBlockSize(options.blockSize);
  const mods = variantOf(options);
  const variant = traceVariant(mods);
  const blockSize: BlockSize = [blockQ, blockKv];
  const spec = specOf(variant, { schedule, D, Dv, dtype });
  return withDevice(options.device, async (device) => {
    const kernel = await device.kernel(spec);
    if (kernel.spec.D !== D) throw internalError("a kernel for another head size");
    return new Compiled({ mods, device, D, Dv, dtype, schedule, blockSize }, kernel);
  });
}
