/** What a figure was measured on: part of every result, so that it can be judged later. */
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Machine {
  readonly cpu: string;
  /** Processors that this process may use at the same time. */
  readonly cores: number;
  readonly memoryGiB: number;
  /** For example `linux-x64`. */
  readonly platform: string;
  readonly node: string;
  readonly v8: string;
  /** The commit of the sources, with `+` where files differ from it; null outside a clone. */
  readonly commit: string | null;
}

/** The folder that holds `apps/` and `packages/`. */
export const repositoryRoot: string = join(
  dirname(fileURLToPath(import.meta.url)),
  "..",
  "..",
  "..",
  "..",
);

function git(...args: readonly string[]): string | null {
  try {
    const stdio = ["ignore", "pipe", "ignore"] as const;
    return execFileSync("git", args, { cwd: repositoryRoot, stdio: [...stdio] })
      .toString()
      .trim();
  } catch {
    return null; // No git, or no clone.
  }
}

function commit(): string | null {
  const hash = git("rev-parse", "--short=10", "HEAD");
  if (hash === null) return null;
  const changed = git("status", "--porcelain", "--untracked-files=no");
  return changed === "" ? hash : `${hash}+`;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    commit: commit(),
  };
}

/** One line for people. */
export const machineLine = (machine: Machine): string =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.platform}, ` +
  `Node ${machine.node} (V8 ${machine.v8})` +
  (machine.commit === null ? "" : `, commit ${machine.commit}`);
