/** Pictures of variants, element by element, by calling their functions as plain JavaScript. */
import type { MaskMod, ScoreMod } from "../api/mods.ts";
import type { GalleryEntry, GalleryShape } from "./gallery-entry.ts";

const shape: GalleryShape = { B: 1, Hq: 4, Hkv: 4, M: 32, N: 32 };

/** Two characters a cell, from low to high. */
const shades = ["  ", "░░", "▒▒", "▓▓", "██"];

/** A grid of cells, queries down and keys across. */
const grid = (cell: (q: number, kv: number) => string): string =>
  Array.from({ length: shape.M }, (_, q) =>
    Array.from({ length: shape.N }, (_, kv) => cell(q, kv)).join(""),
  ).join("\n");

const at = (q: number, kv: number): { b: number; h: number; q: number; kv: number } => ({
  b: 0,
  h: 0,
  q,
  kv,
});

const maskGrid = (mask: MaskMod): string => grid((q, kv) => (mask(at(q, kv)) ? "██" : " ·"));

/** Shades from the lowest to the highest bias on a score of 0. */
function biasGrid(score: ScoreMod, mask: MaskMod | undefined): string {
  const attends = (q: number, kv: number): boolean => mask?.(at(q, kv)) ?? true;
  const biases: number[] = [];
  grid((q, kv) => {
    if (attends(q, kv)) biases.push(score(0, at(q, kv)));
    return "";
  });
  const [low, high] = [Math.min(...biases), Math.max(...biases)];
  const shade = (bias: number): string =>
    shades[
      Math.min(Math.floor(((bias - low) / (high - low)) * shades.length), shades.length - 1)
    ] ?? "";
  const picture = grid((q, kv) => (attends(q, kv) ? shade(score(0, at(q, kv))) : " ·"));
  return `${picture}\nbias from ${low.toFixed(2)} (blank) to ${high.toFixed(2)} (██), head 0`;
}

/** One line per score from -8 to 8: what becomes of it. */
function curve(score: ScoreMod): string {
  const inputs = Array.from({ length: 17 }, (_, i) => i - 8);
  const outputs = inputs.map((input) => score(input, at(0, 0)));
  const finite = outputs.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return inputs
    .map((input, i) => {
      const output = outputs[i] ?? NaN;
      const length = Number.isFinite(output) ? Math.round(((output - low) / (high - low)) * 40) : 0;
      return `${String(input).padStart(3)} -> ${output.toFixed(2).padStart(9)} ${"█".repeat(length)}`;
    })
    .join("\n");
}

/** Whether a score function looks at positions. */
function isPositional(score: ScoreMod): boolean {
  const first = score(0, at(0, 0));
  return [at(1, 0), at(0, 1), at(9, 4), at(20, 31)].some((place) => score(0, place) !== first);
}

/** The variant at 32 x 32, with its title and source. Sinks add a column that holds no key, and are not drawn. */
export function drawEntry({ title, source, make }: GalleryEntry): string {
  const { score, mask } = make(shape, 1);
  const pictures = [
    score !== undefined && !isPositional(score) ? curve(score) : null,
    score !== undefined && isPositional(score) ? biasGrid(score, mask) : null,
    mask !== undefined && (score === undefined || !isPositional(score)) ? maskGrid(mask) : null,
  ];
  return [`${title} (${source})`, ...pictures.filter((picture) => picture !== null)].join("\n");
}

/**
 * Prints the pictures when a variant's own file is the program: `node sliding-window.ts`. Never in a bundle, whose main
 * module is another file; the calls are marked pure, so bundlers leave them out.
 */
export function drawWhenRun(meta: ImportMeta, ...entries: readonly GalleryEntry[]): void {
  if (meta.main && /\/variants\/[^/]+$/.test(meta.url)) {
    console.log(entries.map(drawEntry).join("\n\n"));
  }
}
