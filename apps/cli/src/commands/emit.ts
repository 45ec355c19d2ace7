import { compile } from "@vigil/attention";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command } from "../command.ts";
import { deviceOptions, openChosen } from "../device-options.ts";
import { completeShape, shapeOption } from "../input/shape.ts";
import { findVariant } from "../input/variant.ts";
import { choice } from "../options.ts";

const DEFAULT_SHAPE = { B: 1, Hq: 8, M: 1024, D: 64 };

export const emit: Command = defineCommand({
  name: "emit",
  summary: "print what the compiler makes of a variant",
  description: [
    "Prints the variant's functions as typed expression graphs (ir), or its kernel in the target's own language (source).",
    "The kernel depends on the functions, the dtype and the head sizes; lengths, batch and captured numbers are run-time values.",
  ],
  positionals: [{ name: "variant", help: "a file, or a name of the gallery", required: true }],
  options: {
    what: choice("what to print", ["ir", "source"], "ir"),
    shape: shapeOption("only D and Dv count, D=64 by default"),
    dtype: choice("storage of query, key, value and output", ["f32", "f16", "bf16"], "f32"),
    schedule: choice("kernel for many query rows, or for few", ["forward", "decode"], "forward"),
    ...deviceOptions,
  },
  examples: ["vigil emit causal", "vigil emit my-variant.ts --what source --shape D=128"],
  async run({ options: given, positionals: [reference = ""] }, terminal) {
    const { what, dtype, schedule } = given;
    const variant = await findVariant(reference);
    const shape = completeShape(given.shape ?? {}, DEFAULT_SHAPE);
    const { score, mask } = variant.make(shape);
    await using device = await openChosen(given);
    const { D, Dv } = shape;
    const functions = {
      ...(score === undefined ? {} : { score }),
      ...(mask === undefined ? {} : { mask }),
    };
    const { ir, source, tile } = await compile({ ...functions, D, Dv, dtype, schedule, device });
    const printed = what === "ir" ? ir : source;
    terminal.print(printed === "" ? "(no functions: plain attention)" : printed.trimEnd());
    terminal.result({
      variant: variant.name,
      what,
      target: device.target,
      D,
      Dv,
      dtype,
      schedule,
      tile,
      text: printed,
    });
    return exitCodes.ok;
  },
});
