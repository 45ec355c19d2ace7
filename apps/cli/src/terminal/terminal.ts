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
  /** The command line, for the record. */
  readonly command: string;
  /** A line (or several) for people. */
  print(text: string): void;
  /** What is being done now; on a terminal each replaces the one before. */
  progress(text: string): void;
  /** The same for something that is said often: shown from time to time. */
  tick(text: string): void;
  /** The JSON object of `--json`; nothing without it. */
  result(value: Readonly<Record<string, unknown>>): void;
  style(style: Style, text: string): string;
  /** Clears the progress line. */
  close(): void;
}

/** Between two ticks that are shown, in milliseconds: where lines are rewritten, and where they pile up. */
const TICK_MS = { rewritten: 100, piled: 5000 } as const;

const CLEAR_LINE = "\r\u001B[K";

/** https://no-color.org: any value but the empty string turns colour off. */
const hasColor = (output: Output, env: Streams["env"]): boolean =>
  output.isTTY === true && !env.NO_COLOR && env.TERM !== "dumb";

export function openTerminal(
  { stdout, stderr, env }: Streams,
  { json, command, signal }: Pick<Terminal, "json" | "command" | "signal">,
): Terminal {
  const people = json ? stderr : stdout;
  const color = hasColor(people, env);
  const rewrites = stderr.isTTY === true && env.TERM !== "dumb";
  let shown = false;
  let lastTick = -Infinity;
  const clear = (): void => {
    if (shown) stderr.write(CLEAR_LINE);
    shown = false;
  };
  const progress = (text: string): void => {
    signal.throwIfAborted();
    clear();
    stderr.write(rewrites ? text.slice(0, 100) : `${text}\n`);
    shown = rewrites;
  };
  return {
    signal,
    json,
    command,
    progress,
    tick(text) {
      const now = performance.now();
      if (now - lastTick < (rewrites ? TICK_MS.rewritten : TICK_MS.piled)) return;
      lastTick = now;
      progress(text);
    },
    print(text) {
      clear();
      people.write(`${text}\n`);
    },
    result(value) {
      clear();
      if (json) stdout.write(`${JSON.stringify(value)}\n`);
    },
    style: (style, text) => (color ? styleText(style, text, { validateStream: false }) : text),
    close: clear,
  };
}
