/** The text of `--help`. */
import type { CommandText } from "./command.ts";
import type { Option } from "./options.ts";

const WIDTH = 96;

/** Breaks a paragraph at spaces; every line but the first is indented. */
export function wrap(paragraph: string, indent: number, width: number = WIDTH): string {
  const lines: string[] = [];
  let line = "";
  for (const word of paragraph.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

/** Two columns: names on the left, what they mean on the right. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const left = Math.min(30, Math.max(...rows.map(([name]) => name.length)));
  return rows
    .map(([name, meaning]) => {
      const gap =
        name.length > left ? `\n${" ".repeat(left + 4)}` : " ".repeat(left - name.length + 2);
      return `  ${name}${gap}${wrap(meaning, left + 4)}\n`;
    })
    .join("");
}

const fallbackOf = ({ fallback }: Option<unknown>): string =>
  typeof fallback === "string" || typeof fallback === "number" ? ` (default ${fallback})` : "";

const optionRow = ([name, option]: [string, Option<unknown>]): readonly [string, string] => [
  option.value === null ? `--${name}` : `--${name} <${option.value}>`,
  option.help + fallbackOf(option),
];

const section = (title: string, body: string): string => (body === "" ? "" : `\n${title}\n${body}`);

export function commandHelp(command: CommandText): string {
  const names = command.positionals.map(({ name, required }) =>
    required ? ` <${name}>` : ` [${name}]`,
  );
  const examples = command.examples.map((example) => `  ${example}\n`).join("");
  return [
    `vigil ${command.name}${names.join("")} [options]\n`,
    ...command.description.map((paragraph) => `\n${wrap(paragraph, 0)}\n`),
    section(
      "Arguments",
      command.positionals.length === 0
        ? ""
        : columns(command.positionals.map(({ name, help }) => [name, help])),
    ),
    section("Options", columns(Object.entries(command.options).map(optionRow))),
    section("Examples", examples),
  ].join("");
}
