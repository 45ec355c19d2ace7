/** Draws a block mask as a small, self-contained SVG. */
import { FULL, PARTIAL, type BlockMask } from "./block-mask.ts";
import { coarsen, type Picture } from "./coarsen.ts";
import { checkedDrawing, count, type DrawOptions } from "./draw-options.ts";

/** Sides of the plot and its margins. Unit: px. */
const SIDE = 240;
const LEFT = 58;
const TOP = 44;
const RIGHT = 8;
const BOTTOM = 34;
/** A side stays visible however short it is beside the other. */
const THINNEST = 8;
/** Room for both labels of the keys. */
const NARROWEST_RULER = 92;

const colors = { full: "#2563eb", partial: "#93c5fd", empty: "#f1f5f9", text: "#475569" };

const escapeXml = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

/**
 * The mask as a picture: queries run down, keys across; dark where every score is kept, light where
 * some are.
 *
 * Runs become rectangles, and equal runs of neighbouring rows one rectangle, in one path per kind:
 * a few kilobytes at any length.
 *
 * @throws RangeError  a batch element or head that the mask does not have, or no cells
 */
export function drawSvg(mask: BlockMask, options: DrawOptions = {}): string {
  const { head, title, caption, cells } = checkedDrawing(mask, options, 128);
  const summary = caption.join(", ");
  const scale = SIDE / Math.max(head.M, head.N);
  const size = {
    width: Math.max(THINNEST, head.N * scale),
    height: Math.max(THINNEST, head.M * scale),
  };
  const name = escapeXml(title === "" ? summary : `${title}: ${summary}`);
  const viewWidth = LEFT + SIDE + RIGHT;
  const viewHeight = round(TOP + size.height + BOTTOM);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${viewWidth} ${viewHeight}" width="${viewWidth}" ` +
      `height="${viewHeight}" role="img" aria-label="${name}" font-family="system-ui, sans-serif" ` +
      `font-size="10" fill="${colors.text}">`,
    `<title>${name}</title>`,
    text(LEFT, 14, escapeXml(title), 'font-size="13" font-weight="600"'),
    plot(head, coarsen(head, cells), size),
    ...axes(head, size),
    ...caption.map((line, at) => text(LEFT, TOP + size.height + 15 + 13 * at, line)),
    "</svg>",
  ].join("\n");
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** One unit of its coordinates is one cell. */
function plot({ M, N }: BlockMask, picture: Picture, { width, height }: Size): string {
  const paths = [FULL, PARTIAL].map((kind) => {
    const data = rectangles(picture, kind).map(({ x, y, w, h }) => `M${x} ${y}h${w}v${h}h-${w}z`);
    const fill = kind === FULL ? colors.full : colors.partial;
    return `<path fill="${fill}" d="${data.join("")}"/>`;
  });
  const view = `0 0 ${round(N / picture.cellKv)} ${round(M / picture.cellQ)}`;
  return (
    `<svg x="${LEFT}" y="${TOP}" width="${round(width)}" height="${round(height)}" ` +
    `viewBox="${view}" preserveAspectRatio="none" shape-rendering="crispEdges">` +
    `<rect width="100%" height="100%" fill="${colors.empty}"/>${paths.join("")}</svg>`
  );
}

const round = (value: number): number => Math.round(value * 1000) / 1000;

const text = (x: number, y: number, content: string, attributes = ""): string =>
  `<text x="${round(x)}" y="${round(y)}"${attributes && ` ${attributes}`}>${content}</text>`;

function axes({ M, N }: BlockMask, { width, height }: Size): readonly string[] {
  const end = 'text-anchor="end"';
  const middle = round(TOP + height / 2);
  // Too low for three labels: the length alone.
  const isLow = height < 60;
  const low = [text(LEFT - 4, middle + 4, count(M), end)];
  const high = [
    text(LEFT - 4, TOP + 8, "0", end),
    text(LEFT - 4, TOP + height, count(M), end),
    text(
      LEFT - 8,
      middle,
      "queries",
      `text-anchor="middle" transform="rotate(-90 ${LEFT - 8} ${middle})"`,
    ),
  ];
  return [
    text(LEFT, TOP - 4, "0 keys"),
    text(LEFT + Math.max(width, NARROWEST_RULER), TOP - 4, count(N), end),
    ...(isLow ? low : high),
  ];
}

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  h: number;
}

/**
 * Runs of cells of one kind; a run that the row above has too makes that one's rectangle higher.
 */
function rectangles({ rows, columns, kinds }: Picture, kind: number): readonly Rectangle[] {
  const done: Rectangle[] = [];
  let above = new Map<string, Rectangle>();
  for (let y = 0; y < rows; y++) {
    const here = new Map<string, Rectangle>();
    for (let x = 0; x < columns; x++) {
      if (kinds[y * columns + x] !== kind) continue;
      const start = x;
      while (x + 1 < columns && kinds[y * columns + x + 1] === kind) x++;
      const key = `${start} ${x}`;
      const rectangle = above.get(key) ?? { x: start, y, w: x - start + 1, h: 0 };
      if (rectangle.h === 0) done.push(rectangle);
      rectangle.h++;
      here.set(key, rectangle);
    }
    above = here;
  }
  return done;
}
