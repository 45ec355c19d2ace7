/** Reads a command's arguments by its tables of options and positionals. */
import { parseArgs } from "node:util";
import type { Options, Values } from "./options.ts";
import { closest } from "./closest.ts";
import { UsageError } from "./usage-error.ts";

export interface Positional {
  readonly name: string;
  readonly help: string;
  readonly required: boolean;
}

export interface Arguments<O extends Options> {
  readonly options: Values<O>;
  readonly positionals: readonly string[];
}

type Token = NonNullable<ReturnType<typeof parseArgs>["tokens"]>[number];
type OptionToken = Extract<Token, { kind: "option" }>;

function readOption(options: Options, token: OptionToken): unknown {
  const { name, rawName, value } = token;
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (option === undefined) {
    const known = Object.keys(options).map((key) => `--${key}`);
    const near = closest(rawName, known);
    throw new UsageError({
      name: rawName,
      expected: `one of ${known.join(", ")}`,
      got: "an unknown option",
      remedy: near === null ? "see --help" : `did you mean ${near}`,
    });
  }
  if (option.value === null) {
    if (value === undefined) return option.read("", name);
    throw new UsageError({
      name: rawName,
      expected: "no value",
      got: JSON.stringify(value),
      remedy: `write ${rawName} alone`,
    });
  }
  if (value !== undefined) return option.read(value, name);
  throw new UsageError({
    name: rawName,
    expected: `a value (${option.value})`,
    got: "none",
    remedy: `write ${rawName} <${option.value}>`,
  });
}

function checkPositionals(given: readonly string[], known: readonly Positional[]): void {
  const missing = known.find((positional, at) => positional.required && at >= given.length);
  if (missing !== undefined) {
    throw new UsageError({
      name: `<${missing.name}>`,
      expected: missing.help,
      got: "nothing",
      remedy: "see --help",
    });
  }
  const extra = given[known.length];
  if (extra === undefined) return;
  throw new UsageError({
    name: "arguments",
    expected: known.length === 0 ? "options only" : `at most ${known.length}`,
    got: JSON.stringify(extra),
    remedy: "leave it out, or see --help",
  });
}

/** @throws UsageError an unknown option, a value out of range, a missing or a superfluous argument */
export function readArguments<O extends Options>(
  argv: readonly string[],
  options: O,
  known: readonly Positional[],
): Arguments<O> {
  const kinds = Object.entries(options).map(([name, option]) => {
    return [name, { type: option.value === null ? "boolean" : "string" }] as const;
  });
  // Not strict: unknown options come back as tokens, and the messages are ours.
  const { tokens, positionals } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(kinds),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map(Object.entries(options).map(([name, option]) => [name, option.fallback]));
  for (const token of tokens) {
    if (token.kind === "option") values.set(token.name, readOption(options, token));
  }
  checkPositionals(positionals, known);
  // Every key of the table is there, read by the option of that name.
  return { options: Object.fromEntries(values) as Values<O>, positionals };
}
