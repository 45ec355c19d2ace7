/** Finding a C compiler, and running it without disturbing anybody. */
import { UnsupportedError } from "../../errors.ts";
import { atExit } from "./at-exit.ts";
import { type Machine, node } from "./machine.ts";

export interface Compiler {
  /** Program and the arguments that belong to it: `CC` may hold some. */
  readonly command: readonly [program: string, ...more: string[]];
  readonly family: "gcc" | "clang";
  /** For example `12.2.0`. */
  readonly version: string;
  /** First line of `--version`, which tells apart builds of one version too. */
  readonly banner: string;
}

const usual = ["gcc", "clang", "cc"] as const;

const families: readonly (readonly [Compiler["family"], RegExp])[] = [
  ["clang", /clang/i],
  ["gcc", /Free Software Foundation/],
];

const installed = "install gcc or clang, or name one with the option compiler or in CC";

/** Program and arguments of a command line without quotes. */
function wordsOf(text: string): [string, ...string[]] | null {
  const [program, ...more] = text.trim().split(/\s+/);
  return program === undefined || program === "" ? null : [program, ...more];
}

/** Reads what `--version` prints. @returns null for anything but gcc and clang */
export function parseVersion(text: string): Pick<Compiler, "family" | "version" | "banner"> | null {
  const banner = text.split("\n", 1)[0]?.trim() ?? "";
  const [family] = families.find(([, pattern]) => pattern.test(text)) ?? [];
  // gcc names its packager's version in parentheses before its own.
  const version = /(\d+\.\d+(?:\.\d+)?)/.exec(banner.replace(/\(.*?\)/, ""))?.[1];
  return family === undefined || version === undefined ? null : { family, version, banner };
}

/** Why a program is no compiler for us, or the compiler. */
async function ask(
  command: Compiler["command"],
  { environment }: Machine,
): Promise<Compiler | string> {
  const [program, ...more] = command;
  const { execFile } = node.childProcess();
  const text = await new Promise<string | Error>((resolve) => {
    const env = { ...environment, LC_ALL: "C" };
    execFile(program, [...more, "--version"], { env, timeout: 10_000 }, (error, stdout) => {
      resolve(error ?? stdout);
    });
  });
  if (text instanceof Error) {
    const isAbsent = (text as NodeJS.ErrnoException).code === "ENOENT";
    return isAbsent ? `there is no ${program}` : `${program} does not start: ${text.message}`;
  }
  const found = parseVersion(text);
  return found === null ? `${program} is neither gcc nor clang` : { command, ...found };
}

/**
 * The compiler that was asked for, by the option or by the variable `CC`; else the first of gcc, clang and cc on PATH.
 *
 * @throws UnsupportedError  there is none, or the one asked for is neither gcc nor clang
 */
export async function findCompiler(machine: Machine, chosen?: string): Promise<Compiler> {
  const asked = wordsOf(chosen ?? machine.environment["CC"] ?? "");
  const candidates = asked === null ? usual.map((name): [string] => [name]) : [asked];
  const reasons: string[] = [];
  for (const command of candidates) {
    const answer = await ask(command, machine);
    if (typeof answer !== "string") return answer;
    reasons.push(answer);
  }
  const none = "no C compiler: none of gcc, clang and cc is on PATH";
  throw new UnsupportedError("native", asked === null ? none : reasons.join(", "), installed);
}

export interface Compilation {
  readonly compiler: Compiler;
  readonly arguments: readonly string[];
  /** Piped to the compiler, so that nothing has to be written first. */
  readonly source: string;
  /** The compiler's temporary files go here. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Ends a compiler and what it started. */
function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

/**
 * Runs the compiler in a process group of its own.
 *
 * @returns whether it made what it was asked for, and what it complained about
 * @throws the signal's reason  it was aborted: the compiler and its parts have been killed
 * @throws Error                it could not be started
 */
export async function runCompiler({
  compiler,
  arguments: given,
  source,
  folder,
  signal,
}: Compilation): Promise<{ readonly ok: boolean; readonly complaint: string }> {
  signal.throwIfAborted();
  const [program, ...more] = compiler.command;
  const child = node.childProcess().spawn(program, [...more, ...given], {
    stdio: ["pipe", "ignore", "pipe"],
    env: { ...process.env, TMPDIR: folder, LC_ALL: "C" },
    detached: true,
  });
  const stop = (): void => kill(child.pid);
  signal.addEventListener("abort", stop, { once: true });
  const ended = atExit(stop);
  try {
    return await new Promise((resolve, reject) => {
      const complaint: Buffer[] = [];
      child.on("error", reject);
      child.stderr.on("data", (bytes: Buffer) => complaint.push(bytes));
      // A compiler that ends before it has read everything says why on its own.
      child.stdin.on("error", () => undefined);
      child.on("close", (code) => {
        if (signal.aborted) reject(signal.reason);
        else resolve({ ok: code === 0, complaint: Buffer.concat(complaint).toString() });
      });
      child.stdin.end(source);
    });
  } finally {
    ended();
    signal.removeEventListener("abort", stop);
  }
}
