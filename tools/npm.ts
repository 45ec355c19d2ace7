import { execFile } from "node:child_process";
import { dirname, delimiter } from "node:path";
import { promisify } from "node:util";

/**
 * Runs npm (the one that started us, where one did) on the given Node; gives what it prints, throws
 * what it complains about.
 */
export async function npm(
  args: readonly string[],
  cwd: string,
  node: string = process.execPath,
): Promise<string> {
  const path = process.env["npm_execpath"];
  const [file, first] = path?.endsWith(".js") ? [node, [path]] : ["npm", []];
  const quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts"];
  const { stdout } = await promisify(execFile)(file, [...first, ...args, ...quiet], {
    cwd,
    env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env["PATH"] ?? ""}` },
    shell: file === "npm" && process.platform === "win32",
    maxBuffer: 1 << 24,
  });
  return stdout;
}
