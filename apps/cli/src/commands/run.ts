import { compile } from "@vigil/attention";
import type { Device } from "@vigil/attention";
import { checkInputs } from "@vigil/attention/testing";
import type { Inputs, Mods, Shape } from "@vigil/attention/testing";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command } from "../command.ts";
import { deviceOptions, openChosen } from "../device-options.ts";
import { completeShape, shapeOption, shapeText } from "../input/shape.ts";
import type { PartialShape } from "../input/shape.ts";
import { randomInputs, readInputs } from "../input/tensors.ts";
import { findVariant } from "../input/variant.ts";
import { checkLine, checkRows } from "../measure/check-rows.ts";
import type { RowCheck } from "../measure/check-rows.ts";
import { interleave } from "../measure/interleave.ts";
import type { Timing } from "../measure/interleave.ts";
import { describeMachine, machineLine } from "../measure/machine.ts";
import { rounded, roundedOrNull } from "../measure/statistics.ts";
import { gflops, gflopsOrNull, unmaskedFlops, workOf } from "../measure/work.ts";
import { choice, integer, text } from "../options.ts";
import { formatFigure, formatMs, formatPercent } from "../terminal/format.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { UsageError } from "../usage-error.ts";

const DEFAULT_SHAPE = { B: 1, Hq: 8, M: 1024, D: 64 };

const options = {
  input: text("q, k and v from a safetensors file; else seeded random numbers", "file", null),
  layout: choice(
    "axes of the tensors in the file: batch, heads, sequence, head size",
    ["bhsd", "bshd"],
    "bhsd",
  ),
  shape: shapeOption(
    "lengths of random inputs, B=1,Hq=8,M=1024,D=64 by default; Hkv, N, Dv like Hq, M, D",
  ),
  dtype: choice("storage of random inputs", ["f32", "f16", "bf16"], "f32"),
  rounds: integer("how often to time it", { min: 1, max: 10_000 }, 11),
  ...deviceOptions,
};

const shapeOf = ({ query, key, value }: Inputs): Shape => {
  const [B = 0, Hq = 0, M = 0, D = 0] = query.shape;
  const [, Hkv = 0, N = 0] = key.shape;
  return { B, Hq, Hkv, M, N, D, Dv: value.shape[3] ?? 0 };
};

interface Source {
  readonly input: string | null;
  readonly layout: "bhsd" | "bshd";
  readonly shape: PartialShape | null;
  readonly dtype: "f32" | "f16" | "bf16";
}

async function inputsOf({ input, layout, shape, dtype }: Source): Promise<Inputs> {
  if (input === null) return randomInputs(completeShape(shape ?? {}, DEFAULT_SHAPE), dtype);
  if (shape === null) {
    const inputs = await readInputs(input, layout);
    // Before anything is made of their shapes: what does not fit together is the file's mistake.
    checkInputs(inputs.query, inputs.key, inputs.value);
    return inputs;
  }
  throw new UsageError({
    name: "--shape",
    expected: "no shape beside --input",
    got: "both",
    remedy: "leave one of them out: the file has lengths of its own",
  });
}

interface Measured {
  readonly shape: Shape;
  readonly dtype: Source["dtype"];
  readonly compileMs: number;
  readonly verification: RowCheck;
  readonly timing: Timing;
}

/** From the functions to a kernel, from that to a checked result, and from that to a time. */
async function measure(
  mods: Mods,
  inputs: Inputs,
  {
    device,
    rounds,
    terminal,
  }: { readonly device: Device; readonly rounds: number; readonly terminal: Terminal },
): Promise<Measured> {
  const { query, key, value } = inputs;
  const { sinks, ...functions } = mods;
  const shape = shapeOf(inputs);
  const dtype = query.dtype as Source["dtype"];
  const { signal } = terminal;
  const runtime = { signal, ...(sinks === undefined ? {} : { sinks }) };

  terminal.progress("compiling");
  const start = performance.now();
  const kernel = await compile({ ...functions, D: shape.D, Dv: shape.Dv, dtype, device });
  const compileMs = performance.now() - start;

  terminal.progress("verifying");
  const result = await kernel.run(query, key, value, { ...runtime, returnLse: true });
  const verification = checkRows(inputs, mods, result);

  terminal.progress("timing");
  const contestant = { name: "run", run: () => kernel.run(query, key, value, runtime) };
  const [timing] = await interleave([contestant], { rounds, signal });
  if (timing === undefined) throw new Error("internal: nothing was timed");
  return { shape, dtype, compileMs, verification, timing };
}

function reportOf(mods: Mods, { shape, dtype, compileMs, verification, timing }: Measured) {
  const work = workOf(mods, shape);
  return {
    shape,
    dtype,
    compileMs: rounded(compileMs),
    verification,
    ms: rounded(timing.minMs),
    medianMs: rounded(timing.medianMs),
    rounds: timing.rounds.length,
    gflops: rounded(gflops(work.flops, timing.minMs)),
    gflopsUnmasked: roundedOrNull(gflopsOrNull(unmaskedFlops(mods, shape), timing.minMs)),
    skippedShare: rounded(work.skippedShare),
    stolenPct: roundedOrNull(timing.stolenPct),
  };
}

function linesOf(report: ReturnType<typeof reportOf>, { style }: Terminal): readonly string[] {
  const { verification, gflopsUnmasked } = report;
  const mark = verification.passed ? style("green", "verified") : style("red", "WRONG   ");
  const perPair =
    gflopsUnmasked === null ? "" : `; ${formatFigure(gflopsUnmasked)} per unmasked pair`;
  return [
    `  compiled   ${formatMs(report.compileMs)}`,
    `  ${mark}   ${checkLine(verification)}`,
    `  time       ${formatMs(report.ms)} least, ${formatMs(report.medianMs)} median of ${report.rounds}`,
    `  speed      ${formatFigure(report.gflops)} GFLOP/s (4 * D per pair in unskipped blocks${perPair})`,
    `  skipped    ${formatPercent(report.skippedShare)} of the 128 x 128 blocks`,
  ];
}

export const run: Command = defineCommand({
  name: "run",
  summary: "compile, verify and time a variant",
  description: [
    "Compiles a variant, checks its result against float64, times it, and reports.",
    "A file exports its variant as default: a scoreMod or maskMod, a plain function without captures (two parameters: a score, one: a mask), or { score, mask, sinks }. Exports named score, mask and sinks do as well.",
  ],
  positionals: [
    {
      name: "variant",
      help: "a TypeScript or JavaScript file, or a name of the gallery",
      required: true,
    },
  ],
  options,
  examples: [
    "vigil run my-variant.ts",
    "vigil run my-variant.ts --input qkv.safetensors --threads 2",
    "vigil run sliding-window --shape B=1,Hq=8,M=4096,D=128 --json",
  ],
  async run({ options: given, positionals: [reference = ""] }, terminal) {
    const variant = await findVariant(reference);
    const inputs = await inputsOf(given);
    const mods = variant.make(shapeOf(inputs));
    await using device = await openChosen(given);
    const { rounds } = given;
    const report = reportOf(mods, await measure(mods, inputs, { device, rounds, terminal }));
    const machine = describeMachine();
    const { shape, dtype, stolenPct, verification } = report;
    const stolen = stolenPct === null ? "unknown" : `${stolenPct.toFixed(1)} %`;
    terminal.print(
      [
        `${terminal.style("bold", variant.name)}  ${shapeText(shape)} ${dtype}, ${device.name}`,
        ...linesOf(report, terminal),
        terminal.style("dim", `  ${machineLine(machine)}; stolen time ${stolen}`),
      ].join("\n"),
    );
    const { command } = terminal;
    terminal.result({ machine, command, variant: variant.name, device: device.name, ...report });
    return verification.passed ? exitCodes.ok : exitCodes.failed;
  },
});
