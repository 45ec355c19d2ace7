/** Tables of plain text, with numbers flush right. */

export interface Column<Row> {
  readonly title: string;
  readonly align?: "left" | "right";
  cell(row: Row): string;
}

/** A header, a rule and one line per row; no trailing blanks, no trailing line break. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const grid = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map((c) => c.cell(row))),
  ];
  const widths = columns.map((_, at) => Math.max(...grid.map((line) => (line[at] ?? "").length)));
  const pad = (cell: string, at: number): string =>
    columns[at]?.align === "right" ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
  const lines = grid.map((line) => line.map(pad).join("  ").trimEnd());
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}
