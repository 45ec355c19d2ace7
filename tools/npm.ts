import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Runs npm, the one that started us where there is one; gives what it prints, throws what it complains about. */
export async function npm(args: readonly string[], cwd: string): Promise<string> {
  const path = process.env["npm_execpath"];
  const ours = path?.endsWith(".js") ? { file: process.execPath, first: [path] } : undefined;
  const shell = ours === undefined && process.platform === "win32";
  const { stdout } = await promisify(execFile)(
    ours?.file ?? "npm",
    [...(ours?.first ?? []), ...args, "--loglevel=error", "--no-audit", "--no-fund"],
    { cwd, shell, maxBuffer: 1 << 24 },
  );
  return stdout;
}
