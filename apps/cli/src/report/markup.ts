/** HTML and SVG from templates whose holes are escaped unless they hold markup themselves. */

export class Markup {
  readonly text: string;

  /** @param text is trusted as it is */
  constructor(text: string) {
    this.text = text;
  }
}

export type Hole = Markup | string | number | readonly Markup[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (char) => entities[char] ?? char);

function fill(hole: Hole): string {
  if (hole instanceof Markup) return hole.text;
  if (typeof hole === "object") return hole.map(({ text }) => text).join("");
  return escaped(String(hole));
}

/** For example `` html`<p>${anything}</p>` ``. */
export const html = (parts: TemplateStringsArray, ...holes: readonly Hole[]): Markup =>
  new Markup(
    parts.map((part, at) => part + (at < holes.length ? fill(holes[at] ?? "") : "")).join(""),
  );

export const nothing: Markup = new Markup("");
