/** The error of a function that cannot become a kernel: what, where, and what to write instead. */

/** A piece of the user's text. Offsets are in UTF-16 code units, `end` excluded. */
export interface Span {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Longest line of text shown; minified functions are one line of any length. */
const frameWidth = 96;

interface Place {
  readonly line: number;
  readonly column: number;
  /** Where the line begins and ends in the text. */
  readonly from: number;
  readonly to: number;
}

function placeOf({ text, start }: Span): Place {
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const newline = text.indexOf("\n", start);
  const to = newline < 0 ? text.length : newline;
  return { line: text.slice(0, from).split("\n").length, column: start - from + 1, from, to };
}

/** The line with carets under the span, cut to a window around it. */
function drawFrame(span: Span, place: Place): string {
  const { line, column, from, to } = place;
  const whole = span.text.slice(from, to).trimEnd();
  const indent = Math.min(whole.length - whole.trimStart().length, column - 1);
  const skipped = Math.max(indent, column - 1 - Math.floor(frameWidth / 2));
  const shown = whole.slice(skipped, skipped + frameWidth);
  const before = skipped > indent ? "…" : "";
  const after = skipped + frameWidth < whole.length ? "…" : "";
  const at = column - 1 - skipped;
  const length = Math.max(1, Math.min(span.end, to) - span.start);
  const carets = "^".repeat(Math.max(1, Math.min(length, shown.length - at)));
  const gutter = `  ${line} | `;
  const margin = `${" ".repeat(gutter.length - 2)}| `;
  return `${gutter}${before}${shown}${after}\n${margin}${" ".repeat(before.length + at)}${carets}`;
}

/**
 * A score or mask function that cannot become a kernel.
 *
 * The message is what is wrong, the user's line with carets under the place, and what to write instead.
 * Lines and columns count from 1 at the start of the function's own text: an engine does not tell which
 * file it came from, but the error is thrown where the function is given to `scoreMod` or `maskMod`.
 */
export class TraceError extends TypeError {
  override readonly name: string = "TraceError";
  readonly line: number;
  readonly column: number;
  /** The line of the user's text, with carets under the place. */
  readonly frame: string;
  /** What to write instead. */
  readonly remedy: string;

  constructor(problem: string, span: Span, remedy: string) {
    const place = placeOf(span);
    const frame = drawFrame(span, place);
    super(`${problem}\n\n${frame}\n\n${remedy}`);
    this.line = place.line;
    this.column = place.column;
    this.frame = frame;
    this.remedy = remedy;
  }
}
