import { compile, kernelText } from "@vigil/attention";
import type { FloatType } from "@vigil/attention";
import type { Mods, Shape } from "@vigil/attention/testing";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command } from "../command.ts";
import { deviceOptions, openChosen } from "../device-options.ts";
import { completeShape, shapeOption } from "../input/shape.ts";
import { findVariant } from "../input/variant.ts";
import { choice, integer, text } from "../options.ts";
import { UsageError } from "../usage-error.ts";

const DEFAULT_SHAPE = { B: 1, Hq: 8, M: 1024, D: 64 };
const MAX_HEAD = 512;

const functionsOf = ({ score, mask }: Mods): Pick<Mods, "score" | "mask"> => ({
  ...(score === undefined ? {} : { score }),
  ...(mask === undefined ? {} : { mask }),
});

function referenceOf(positional: string | undefined, named: string | null): string {
  const reference = positional ?? named;
  if (reference !== null && (positional === undefined || named === null)) return reference;
  throw new UsageError({
    name: "<variant>",
    expected: "one variant",
    got: reference === null ? "none" : "two",
    remedy: "write for example vigil emit causal",
  });
}

interface Emitted {
  readonly target: string;
  readonly ir: string;
  readonly source: string;
  readonly tile: Readonly<Record<string, number>>;
}

interface Request {
  readonly mods: Mods;
  readonly shape: Shape;
  readonly dtype: FloatType;
  readonly schedule: "forward" | "decode";
}

const optionsOf = ({ mods, shape: { D, Dv }, dtype, schedule }: Request) => ({
  ...functionsOf(mods),
  ...{ D, Dv, dtype, schedule },
});

/** For a target that this machine need not have. */
function emitFor(
  request: Request,
  { arch, exact }: { readonly arch: "sm_90a" | "sm_80"; readonly exact: boolean },
): Omit<Emitted, "ir"> {
  const { text: source, tile } = kernelText({
    ...optionsOf(request),
    ...{ target: "cuda", arch, exact },
  });
  return { target: "cuda", source, tile };
}

export const emit: Command = defineCommand({
  name: "emit",
  summary: "print what the compiler makes of a variant",
  description: [
    "Prints the variant's functions as typed expression graphs (ir), or its kernel in the target's own language (source).",
    "With --target cuda the kernel is one self-contained .cu file, which nvcc compiles, and needs no GPU here.",
    "The kernel depends on the functions, the dtype and the head sizes; lengths, batch and captured numbers are run-time values.",
  ],
  positionals: [{ name: "variant", help: "a file, or a name of the gallery", required: false }],
  options: {
    what: choice("what to print; by default ir, and source with --target", ["ir", "source"], null),
    variant: text("the same as <variant>", "name", null),
    target: choice("the kernel for this target, which need not be here", ["cuda"], null),
    arch: choice("--target cuda: which GPUs", ["sm_90a", "sm_80"], "sm_90a"),
    shape: shapeOption("only D and Dv count, D=64 by default"),
    "head-dim": integer("the same as --shape D=n", { min: 1, max: MAX_HEAD }, null),
    dtype: choice("storage of query, key, value and output", ["f32", "f16", "bf16"], "f32"),
    schedule: choice("kernel for many query rows, or for few", ["forward", "decode"], "forward"),
    ...deviceOptions,
  },
  examples: [
    "vigil emit causal",
    "vigil emit my-variant.ts --what source --shape D=128",
    "vigil emit alibi --target cuda --head-dim 128 --dtype bf16",
  ],
  async run({ options: given, positionals: [positional] }, terminal) {
    const { dtype, schedule, target } = given;
    const variant = await findVariant(referenceOf(positional, given.variant));
    const headDim = given["head-dim"];
    const D = headDim === null ? {} : { D: headDim };
    const shape = completeShape({ ...given.shape, ...D }, DEFAULT_SHAPE);
    const what = given.what ?? (target === null ? "ir" : "source");
    const request: Request = { mods: variant.make(shape), shape, dtype, schedule };
    await using device = what === "ir" || target === null ? await openChosen(given) : null;
    const compiled = device && (await compile({ ...optionsOf(request), device }));
    const own = target === null ? null : emitFor(request, given);
    const source = own?.source ?? compiled?.source ?? "";
    const printed = what === "ir" ? (compiled?.ir ?? "") : source;
    terminal.print(printed === "" ? "(no functions: plain attention)" : printed.trimEnd());
    terminal.result({
      variant: variant.name,
      what,
      target: target ?? device?.target,
      ...{ D: shape.D, Dv: shape.Dv, dtype, schedule },
      tile: own?.tile ?? compiled?.tile,
      text: printed,
    });
    return exitCodes.ok;
  },
});
