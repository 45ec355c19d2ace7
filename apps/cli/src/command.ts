/** What a command is: its place in the help, its options, and what it does. */
import { readArguments } from "./arguments.ts";
import type { Arguments, Positional } from "./arguments.ts";
import { commandHelp } from "./help.ts";
import { flag } from "./options.ts";
import type { Option, Options } from "./options.ts";
import type { Streams } from "./terminal/terminal.ts";
import { openTerminal } from "./terminal/terminal.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** What the process says to its caller. */
export const exitCodes = {
  ok: 0,
  /** A verification failed: the numbers are wrong. */
  failed: 1,
  /** The caller's mistake: an argument, a file, or a device that this machine does not have. */
  usage: 2,
  /** A mistake of ours (`EX_SOFTWARE` of sysexits.h). */
  internal: 70,
  /** Ended by Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface CommandText {
  readonly name: string;
  readonly summary: string;
  /** Paragraphs of the help, without line breaks. */
  readonly description: readonly string[];
  readonly positionals: readonly Positional[];
  readonly options: Options;
  readonly examples: readonly string[];
}

export interface Command extends CommandText {
  run(argv: readonly string[], streams: Streams, signal: AbortSignal): Promise<ExitCode>;
}

interface Definition<O extends Options> extends CommandText {
  readonly options: O;
  readonly run: (given: Arguments<O>, terminal: Terminal) => Promise<ExitCode>;
}

/** Every command has these. */
const common = {
  json: flag("print one JSON object as the last line of stdout; everything else goes to stderr"),
  help: flag("print this help"),
} satisfies Record<string, Option<boolean>>;

/** As it would be typed again. */
const commandLine = (name: string, argv: readonly string[]): string =>
  ["vigil", name, ...argv]
    .map((word) => (/^[\w./:=,@-]+$/.test(word) ? word : JSON.stringify(word)))
    .join(" ");

export function defineCommand<O extends Options>(definition: Definition<O>): Command {
  const options = { ...definition.options, ...common };
  const text = { ...definition, options };
  const shared: Options & typeof common = options;
  return {
    ...text,
    async run(argv, streams, signal) {
      // Help comes before any other complaint about the arguments.
      if (argv.includes("--help") || argv.includes("-h")) {
        streams.stdout.write(commandHelp(text));
        return exitCodes.ok;
      }
      const given = readArguments(argv, options, definition.positionals);
      const { json } = readArguments(argv, shared, definition.positionals).options;
      const terminal = openTerminal(streams, {
        json,
        signal,
        command: commandLine(text.name, argv),
      });
      try {
        return await definition.run(given, terminal);
      } finally {
        terminal.close();
      }
    },
  };
}
