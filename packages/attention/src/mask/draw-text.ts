/** Draws a block mask with characters. */
import { FULL, PARTIAL, type BlockMask } from "./block-mask.ts";
import { coarsen, type Picture } from "./coarsen.ts";
import { EMPTY } from "./dense.ts";
import { checkedDrawing, count, type DrawOptions } from "./draw-options.ts";

/** Two characters a cell: about as wide as high. */
const glyphs: Readonly<Record<number, string>> = { [FULL]: "██", [PARTIAL]: "░░", [EMPTY]: " ·" };

/**
 * The mask as text: queries run down, keys across, with a legend below.
 *
 * `██` every score of the cell is kept, `░░` some are (or the cell mixes blocks of several
 * kinds), `·` none is.
 *
 * @throws RangeError  a batch element or head that the mask does not have, or no cells
 */
export function drawText(mask: BlockMask, options: DrawOptions = {}): string {
  const { head, title, caption, cells } = checkedDrawing(mask, options, 32);
  const picture = coarsen(head, cells);
  const width = count(Math.max(0, picture.rows - 1) * picture.cellQ).length;
  const lines = Array.from({ length: picture.rows }, (_, row) => {
    const label = row % 4 === 0 ? count(row * picture.cellQ) : "";
    return `${label.padStart(width)} ${rowText(picture, row)}`.trimEnd();
  });
  const summary = caption.join(", ");
  const heading = title === "" ? [summary] : [title, summary];
  return [
    ...heading,
    `${" ".repeat(width)} ${ruler(picture)}`,
    ...lines,
    legend(mask, picture),
  ].join("\n");
}

const rowText = ({ kinds, columns }: Picture, row: number): string =>
  Array.from({ length: columns }, (_, at) => glyphs[kinds[row * columns + at] ?? EMPTY]).join("");

/** First key of every eighth cell, as far as the labels fit. */
function ruler({ columns, cellKv }: Picture): string {
  let text = "";
  for (let column = 0; column < columns; column += 8) {
    if (column > 0 && text.length >= column * 2) continue;
    text = text.padEnd(column * 2) + count(column * cellKv);
  }
  return text;
}

function legend({ blockQ, blockKv }: BlockMask, { cellQ, cellKv }: Picture): string {
  const whole = cellQ === blockQ && cellKv === blockKv;
  const cell = whole ? "" : `, a cell is ${count(cellQ)} x ${count(cellKv)}`;
  return `██ full  ░░ ${whole ? "partial" : "partial or mixed"}   · skipped${cell}`;
}
