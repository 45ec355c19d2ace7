/** A module as WebAssembly text: the same code as the bytes, one statement a line, comments kept. */
import type { Expr } from "./expression.ts";
import type { FunctionBuilder, Statement } from "./function.ts";
import type { Import, MemoryImport, ModuleBuilder } from "./module.ts";

const width = 100;

const memoryText = (memory: MemoryImport): string =>
  `  (import "env" "memory" (memory ${memory.shared ? "1 65536 shared" : "1"}))`;

const importText = ({ module, name, params, result }: Import): string =>
  `  (import "${module}" "${name}" (func $${name} (param ${params.join(" ")}) (result ${result})))`;

/** The module under a legend, whose lines become comments. */
export function moduleText(module: ModuleBuilder, legend: readonly string[]): string {
  const lines = [
    ...legend.map((line) => `;; ${line}`.trimEnd()),
    "(module",
    ...(module.memory === null ? [] : [memoryText(module.memory)]),
    ...module.imports.map(importText),
    ...module.globals.map(
      (made) => `  (global $${made.name} (mut ${made.type}) (${made.type}.const 0))`,
    ),
    ...module.functions.flatMap((made) => [
      "",
      ...functionLines(made, module.exports.includes(made)),
    ]),
    ")",
  ];
  return `${lines.join("\n")}\n`;
}

function functionLines(made: FunctionBuilder, exported: boolean): string[] {
  const declared = made.locals.map(
    ({ name, type }, at) => `(${at < made.params.length ? "param" : "local"} $${name} ${type})`,
  );
  const params = declared.slice(0, made.params.length);
  const head = [
    `  (func $${made.name}`,
    ...(exported ? [`(export "${made.name}")`] : []),
    ...params,
    ...(made.result === null ? [] : [`(result ${made.result})`]),
  ];
  return [
    head.join(" "),
    ...filled(declared.slice(params.length), 4),
    ...bodyLines(made.body, 4),
    "  )",
  ];
}

/** Words joined to lines no wider than the page. */
function filled(words: readonly string[], indent: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width)
      lines.push(`${lines.pop()} ${word}`);
    else lines.push(" ".repeat(indent) + word);
  }
  return lines;
}

const bodyLines = (body: readonly Statement[], indent: number): string[] =>
  body.flatMap((statement) => statementLines(statement, indent));

function statementLines(statement: Statement, indent: number): string[] {
  const margin = " ".repeat(indent);
  switch (statement.kind) {
    case "note":
      return [`${margin};; ${statement.text}`];
    case "do":
      return exprLines(statement.expr, indent);
    case "branch":
      return statement.condition === null
        ? [`${margin}(br $${statement.to.name})`]
        : [`${margin}(br_if $${statement.to.name} ${flat(statement.condition)})`];
    case "if":
      return [
        `${margin}(if ${flat(statement.condition)}`,
        `${margin}  (then`,
        ...bodyLines(statement.then, indent + 4),
        ...(statement.otherwise.length === 0
          ? []
          : [`${margin}  )`, `${margin}  (else`, ...bodyLines(statement.otherwise, indent + 4)]),
        `${margin}  )`,
        `${margin})`,
      ];
    case "block":
    case "loop":
      return [
        `${margin}(${statement.kind} $${statement.label.name}`,
        ...bodyLines(statement.body, indent + 2),
        `${margin})`,
      ];
    default:
      return statement satisfies never;
  }
}

const flat = (expr: Expr): string =>
  expr.args.length === 0 ? `(${expr.head})` : `(${expr.head} ${expr.args.map(flat).join(" ")})`;

/** On one line where it fits, else operands below their instruction. */
function exprLines(expr: Expr, indent: number): string[] {
  const margin = " ".repeat(indent);
  const whole = margin + flat(expr);
  if (whole.length <= width || expr.args.length === 0) return [whole];
  const lines = expr.args.flatMap((arg) => exprLines(arg, indent + 2));
  return [`${margin}(${expr.head}`, ...lines.slice(0, -1), `${lines.at(-1)})`];
}
