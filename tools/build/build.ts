import { execFile } from "node:child_process";
import { cp, glob, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { npm } from "../npm.ts";
import { builtManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";

export const root: string = join(import.meta.dirname, "../..");

/**
 * In the order of their dependencies: each is compiled against the declarations of those before it.
 */
export const packages: readonly string[] = [
  "packages/attention",
  "packages/version-device",
  "apps/cli",
];

export interface Built {
  readonly name: string;
  /** The folder of built files, a package of its own. */
  readonly folder: string;
  readonly tarball: string;
  /** Whether others import it; a command is only run. */
  readonly isLibrary: boolean;
}

/** Compiles one package into its `dist`, and packs that into `out/packed`. */
export async function build(home: string): Promise<Built> {
  const source = join(root, home);
  const folder = join(source, "dist");
  await rm(folder, { recursive: true, force: true });
  await compile(source);
  await pointWorkersAtBuiltFiles(folder);
  const manifest = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as Manifest;
  const text = JSON.stringify(builtManifest(manifest), null, 2);
  await writeFile(join(folder, "package.json"), `${text}\n`);
  await cp(join(root, "LICENSE"), join(folder, "LICENSE"));
  const isLibrary = manifest.exports !== undefined;
  return { name: manifest.name, folder, tarball: await pack(folder), isLibrary };
}

async function compile(source: string): Promise<void> {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const project = join(source, "tsconfig.build.json");
  await promisify(execFile)(process.execPath, [tsc, "--project", project], { cwd: root }).catch(
    ({ stdout }: { stdout?: string }) => {
      throw new Error(`tsc --project ${project} failed:\n${stdout ?? ""}`);
    },
  );
}

/** tsc rewrites `./x.ts` in imports, not in the URL of a worker. */
async function pointWorkersAtBuiltFiles(folder: string): Promise<void> {
  for await (const file of glob("**/*.js", { cwd: folder })) {
    const text = await readFile(join(folder, file), "utf8");
    const pointed = text.replaceAll(/(new URL\("\.[^"]*)\.ts(", import\.meta\.url\))/g, "$1.js$2");
    if (pointed !== text) await writeFile(join(folder, file), pointed);
  }
}

async function pack(folder: string): Promise<string> {
  const destination = join(root, "out/packed");
  await mkdir(destination, { recursive: true });
  const printed = await npm(
    ["pack", folder, "--json", "--pack-destination", destination],
    dirname(folder),
  );
  const [packed] = JSON.parse(printed) as { filename: string }[];
  if (packed === undefined) throw new Error(`npm pack said nothing about ${folder}`);
  return join(destination, packed.filename);
}
