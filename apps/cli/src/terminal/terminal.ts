/**
 * Where a command speaks: results to stdout, progress to stderr.
 *
 * With `--json`, stdout carries one line, the JSON object; the text for people moves to stderr.
 */
import { styleText } from "node:util";

/** The part of a stream that is used; tests pass their own. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Style = "bold" | "dim" | "red" | "green";

export interface Terminal {
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly json: boolean;
  /** A line (or several) for people. */
  print(text: string): void;
  /** What is being done now; on a terminal each replaces the one before. */
  progress(text: string): void;
  /** The JSON object of `--json`; nothing without it. */
  result(value: Readonly<Record<string, unknown>>): void;
  style(style: Style, text: string): string;
  /** Clears the progress line. */
  close(): void;
}

const CLEAR_LINE = "\r\u001B[K";

/** https://no-color.org: any value but the empty string turns colour off. */
const hasColor = (output: Output, env: Streams["env"]): boolean =>
  output.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";

export function openTerminal(
  { stdout, stderr, env }: Streams,
  { json, signal }: { readonly json: boolean; readonly signal: AbortSignal },
): Terminal {
  const people = json ? stderr : stdout;
  const color = hasColor(people, env);
  const rewrites = stderr.isTTY === true && env.TERM !== "dumb";
  let shown = false;
  const clear = (): void => {
    if (shown) stderr.write(CLEAR_LINE);
    shown = false;
  };
  return {
    signal,
    json,
    print(text) {
      clear();
      people.write(`${text}\n`);
    },
    progress(text) {
      signal.throwIfAborted();
      clear();
      stderr.write(rewrites ? text.slice(0, 100) : `${text}\n`);
      shown = rewrites;
    },
    result(value) {
      clear();
      if (json) stdout.write(`${JSON.stringify(value)}\n`);
    },
    style: (style, text) => (color ? styleText(style, text, { validateStream: false }) : text),
    close: clear,
  };
}
