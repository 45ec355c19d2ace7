/** Runs a command line in this process, and keeps what it says. */
import type { ExitCode } from "../src/command.ts";
import { vigil } from "../src/vigil.ts";

export interface Outcome {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
  /** The last line of stdout as JSON. */
  json(): Record<string, unknown>;
}

export async function run(...argv: readonly string[]): Promise<Outcome> {
  const written = { out: "", err: "" };
  const streams = {
    stdout: { write: (text: string) => (written.out += text) },
    stderr: { write: (text: string) => (written.err += text) },
    env: {},
  };
  const code = await vigil(argv, streams, new AbortController().signal);
  return {
    code,
    ...written,
    json: () => JSON.parse(written.out.trimEnd().split("\n").at(-1) ?? ""),
  };
}
