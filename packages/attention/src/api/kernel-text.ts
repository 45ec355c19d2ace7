/** A variant's kernel as text, for machines other than this one. */
import { emitKernel } from "../emit/cuda/kernel.ts";
import { describe, rangeError } from "../errors.ts";
import { checkFlag, checkOptions } from "./check-options.ts";
import { type KernelOptions, specOfVariant } from "./compile.ts";
import type { Variant } from "./options.ts";

export interface KernelTextOptions extends Variant, KernelOptions {
  /** CUDA C++ 17: one file that nvcc compiles, with its own way to launch it in the comments above. */
  readonly target: "cuda";
  /** The GPUs that it is for. Default "sm_90a": Hopper, with its copy engine and matrix units. "sm_80": every one from Ampere on. */
  readonly arch?: "sm_90a" | "sm_80";
  /** Without the hardware's approximate functions in 16-bit dtypes. Default false. */
  readonly exact?: boolean;
}

export interface KernelText {
  readonly text: string;
  /** Which template wrote it, for example "hopper". */
  readonly template: string;
  /** Tile sizes, by name. */
  readonly tile: Readonly<Record<string, number>>;
}

const archs: readonly unknown[] = ["sm_90a", "sm_80"];

function checkTarget({
  target,
  arch,
}: {
  readonly target: unknown;
  readonly arch?: unknown;
}): void {
  if (target !== "cuda") {
    const remedy = "compile shows the source of a target that this machine has";
    throw rangeError({ name: "target", expected: '"cuda"', got: describe(target), remedy });
  }
  if (arch === undefined || archs.includes(arch)) return;
  const remedy = "leave it out for Hopper";
  throw rangeError({ name: "arch", expected: '"sm_90a" or "sm_80"', got: describe(arch), remedy });
}

/**
 * The kernel of a variant as text, without a device of its target. It depends on the functions, the dtype and the head sizes only.
 *
 * @throws TraceError              a function cannot be compiled
 * @throws TypeError, RangeError   an option is of the wrong kind or out of range
 */
export function kernelText(options: KernelTextOptions): KernelText {
  checkOptions("kernelText", options);
  checkTarget(options);
  checkFlag("exact", options.exact);
  const { arch = "sm_90a", exact = false } = options;
  const spec = specOfVariant(options);
  const { text, template, tile } = emitKernel(spec, { arch, fastMath: !exact, standalone: true });
  return { text, template, tile: { ...tile } };
}
