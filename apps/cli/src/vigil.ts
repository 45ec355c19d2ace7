/** The `vigil` command: finds the command that was named, runs it, and turns errors into exit codes. */
import { existsSync, readFileSync } from "node:fs";
import { closest } from "./closest.ts";
import type { Command, ExitCode } from "./command.ts";
import { exitCodes } from "./command.ts";
import { columns } from "./help.ts";
import type { Streams } from "./terminal/terminal.ts";
import { isCallersMistake } from "./mistakes.ts";
import { UsageError } from "./usage-error.ts";

interface Entry {
  readonly summary: string;
  /** Loaded when named, so that `vigil --help` does not wait for the compiler. */
  load(): Promise<Command>;
}

export const commands: Readonly<Record<string, Entry>> = {
  run: {
    summary: "compile, verify and time a variant: yours or one of the gallery",
    load: async () => (await import("./commands/run.ts")).run,
  },
  show: {
    summary: "draw a variant's mask, as text or SVG",
    load: async () => (await import("./commands/show.ts")).show,
  },
  emit: {
    summary: "print what the compiler makes of a variant: its IR or its kernel",
    load: async () => (await import("./commands/emit.ts")).emit,
  },
  verify: {
    summary: "run the conformance suite on a device",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
  bench: {
    summary: "measure: attention, mask, compile, peers, versions",
    load: async () => (await import("./commands/bench.ts")).bench,
  },
  device: {
    summary: "serve secret versions for protected memory, over TLS",
    load: async () => (await import("./commands/device.ts")).device,
  },
  doctor: {
    summary: "say what this machine can run, and why not the rest",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  demo: {
    summary: "run the whole gallery on this repository's files, and write a report",
    load: async () => (await import("./commands/demo.ts")).demo,
  },
};

const help = (): string =>
  [
    "vigil <command> [options]\n\n",
    "Attention variants written as TypeScript functions, compiled to fused and verified kernels.\n",
    "\nCommands\n",
    columns(Object.entries(commands).map(([name, { summary }]) => [name, summary])),
    "\n`vigil <command> --help` says more. `vigil --version` prints the version.\n",
    "\nExit codes: 0 done; 1 a verification failed; 2 a mistake of the caller, named in the message;\n",
    "70 a mistake of ours; 130 ended by Ctrl-C.\n",
  ].join("");

/** From package.json, which lies beside the built files and one folder above the sources. */
function version(): string {
  const [beside, above] = ["./package.json", "../package.json"].map(
    (path) => new URL(path, import.meta.url),
  );
  const file = beside !== undefined && existsSync(beside) ? beside : above;
  const { version: number }: { readonly version: string } = JSON.parse(
    readFileSync(file ?? "", "utf8"),
  );
  return `${number}\n`;
}

/** Words that are not commands, and what they print. */
const words: Readonly<Record<string, () => string>> = {
  "--help": help,
  "-h": help,
  help,
  "--version": version,
};

async function start(
  argv: readonly string[],
  streams: Streams,
  signal: AbortSignal,
): Promise<ExitCode> {
  const [name, ...rest] = argv;
  if (name === undefined) {
    streams.stderr.write(help());
    return exitCodes.usage;
  }
  const word = Object.hasOwn(words, name) ? words[name] : undefined;
  if (word !== undefined) {
    streams.stdout.write(word());
    return exitCodes.ok;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry !== undefined) return (await entry.load()).run(rest, streams, signal);
  const known = Object.keys(commands);
  const near = closest(name, known);
  throw new UsageError({
    name: "command",
    expected: `one of ${known.join(", ")}`,
    got: JSON.stringify(name),
    remedy: near === null ? "see vigil --help" : `did you mean ${near}`,
  });
}

/** What to print about an error, and what to leave with. */
function verdict(
  error: unknown,
  signal: AbortSignal,
): { readonly text: string; readonly code: ExitCode } {
  if (signal.aborted) return { text: "interrupted", code: exitCodes.interrupted };
  if (isCallersMistake(error)) return { text: error.message, code: exitCodes.usage };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `internal error; please report this\n${text}`, code: exitCodes.internal };
}

/** Runs one command line and returns the exit code; never throws. */
export async function vigil(
  argv: readonly string[],
  streams: Streams,
  signal: AbortSignal,
): Promise<ExitCode> {
  try {
    return await start(argv, streams, signal);
  } catch (error) {
    const { text, code } = verdict(error, signal);
    streams.stderr.write(`vigil: ${text}\n`);
    return code;
  }
}
