/** Refuses option names that do not exist, so that a misspelt `mask` never means "no mask". */
import { checkNames, describe, typeError } from "../errors.ts";
import type { AttentionOptions, RunOptions } from "./options.ts";
import type { BlockMaskOptions } from "./block-mask.ts";
import type { CompileOptions } from "./compile.ts";
import type { KernelTextOptions } from "./kernel-text.ts";
import type { DeviceOptions } from "./open-device.ts";
import type { CropOptions } from "../mask/crop-options.ts";
import type { SliceOptions } from "../mask/slice.ts";

/** Every option by name; a new one does not compile until it stands here. */
type Names<Options> = { readonly [K in keyof Required<Options>]: true };

const run: Names<RunOptions> = {
  scale: true,
  queryOffset: true,
  kvLength: true,
  sinks: true,
  returnLse: true,
  returnMax: true,
  out: true,
  signal: true,
};

const variant = { score: true, mask: true, device: true, blockSize: true } as const;

const names: {
  readonly attention: Names<AttentionOptions>;
  readonly compile: Names<CompileOptions>;
  readonly kernelText: Names<KernelTextOptions>;
  readonly run: Names<RunOptions>;
  readonly blockMask: Names<BlockMaskOptions>;
  readonly crop: Names<CropOptions>;
  readonly slice: Names<SliceOptions>;
  readonly openDevice: Names<DeviceOptions>;
} = {
  attention: { ...variant, ...run },
  compile: { ...variant, D: true, Dv: true, dtype: true, schedule: true },
  kernelText: {
    ...{ score: true, mask: true, D: true, Dv: true, dtype: true, schedule: true },
    ...{ target: true, arch: true, exact: true },
  },
  run,
  blockMask: {
    B: true,
    Hq: true,
    M: true,
    N: true,
    blockSize: true,
    queryOffset: true,
    kvLength: true,
  },
  crop: { first: true, M: true, N: true, kvLength: true },
  slice: { b: true, h: true, rows: true },
  openDevice: {
    threads: true,
    background: true,
    revectorize: true,
    compiler: true,
    isa: true,
    cacheFolder: true,
    warm: true,
    gpu: true,
    exact: true,
    memoryLimitBytes: true,
    nvrtcPath: true,
    driverPath: true,
  },
};

/** @throws TypeError  not an object, or an object with a name that the function does not know */
export const checkOptions = (of: keyof typeof names, options: unknown): void =>
  checkNames(options, Object.keys(names[of]));

/** @throws TypeError  neither a boolean nor left out */
export function checkFlag(name: string, flag: unknown): void {
  if (flag === undefined || typeof flag === "boolean") return;
  const remedy = "write true or false, or leave it out for false";
  throw typeError({ name, expected: "a boolean", got: describe(flag), remedy });
}

/** @throws TypeError  a flag that is not a boolean, or a signal that is not an AbortSignal */
export function checkFlags({
  returnLse,
  returnMax,
  signal,
}: Pick<RunOptions, "returnLse" | "returnMax" | "signal">): void {
  for (const [name, flag] of Object.entries({ returnLse, returnMax })) checkFlag(name, flag);
  if (signal === undefined || signal instanceof AbortSignal) return;
  const remedy = "pass the signal of an AbortController, or AbortSignal.timeout(ms)";
  throw typeError({ name: "signal", expected: "an AbortSignal", got: describe(signal), remedy });
}
