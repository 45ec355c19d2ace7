import { writeFile } from "node:fs/promises";
import { blockMask } from "@vigil/attention";
import { defineCommand, exitCodes } from "../command.ts";
import type { Command } from "../command.ts";
import { completeShape, shapeOption } from "../input/shape.ts";
import { drawEntry } from "@vigil/attention/testing";
import { scoreSvg } from "../report/score-svg.ts";
import { findVariant, variantText } from "../input/variant.ts";
import { integer, text } from "../options.ts";
import { rounded } from "../measure/statistics.ts";
import { UsageError } from "../usage-error.ts";

const DEFAULT_SHAPE = { B: 1, Hq: 8, M: 1024, D: 64 };

async function writePicture(path: string, svg: string): Promise<void> {
  await writeFile(path, svg).catch((cause: unknown) => {
    throw new UsageError(
      {
        name: "--svg",
        expected: "a file that can be written",
        got: `${path} (${cause instanceof Error ? cause.message : String(cause)})`,
        remedy: "pass a path in a folder that exists",
      },
      { cause },
    );
  });
}

export const show: Command = defineCommand({
  name: "show",
  summary: "draw a variant's mask",
  description: [
    "Draws which blocks of scores a mask leaves empty, fills, or cuts: as text, or as an SVG with --svg.",
    "Of a variant without a mask it draws the score function: what is added where, or what becomes of a score.",
  ],
  positionals: [{ name: "variant", help: "a file, or a name of the gallery", required: true }],
  options: {
    svg: text("write an SVG here instead of text", "file", null),
    shape: shapeOption("lengths to draw it at, M=1024 by default; N like M"),
    "block-size": integer("queries and keys per block", { min: 8, max: 4096 }, 32),
  },
  examples: ["vigil show causal", "vigil show my-variant.ts --shape M=4096 --svg mask.svg"],
  async run({ options: given, positionals: [reference = ""] }, terminal) {
    const variant = await findVariant(reference);
    const shape = completeShape(given.shape ?? {}, DEFAULT_SHAPE);
    const { B, Hq, M, N } = shape;
    const mods = variant.make(shape);
    const functions = variantText(mods);
    const found = { variant: variant.name, shape, text: functions };
    if (mods.mask === undefined) {
      const picture = scoreSvg(mods.score, shape);
      if (given.svg !== null && picture !== null) await writePicture(given.svg, picture);
      const drawing = drawEntry({ ...variant, kind: "score", causal: false });
      terminal.print(given.svg === null || picture === null ? drawing : `wrote ${given.svg}`);
      terminal.result({ ...found, sparsity: 0, drawing, svg: picture === null ? null : given.svg });
      return exitCodes.ok;
    }
    const prepared = blockMask(mods.mask, { B, Hq, M, N, blockSize: given["block-size"] });
    const drawing = prepared.toString();
    if (given.svg !== null) await writePicture(given.svg, prepared.toSvg());
    terminal.print(given.svg === null ? `${variant.title}\n${drawing}` : `wrote ${given.svg}`);
    terminal.result({ ...found, sparsity: rounded(prepared.sparsity), drawing, svg: given.svg });
    return exitCodes.ok;
  },
});
