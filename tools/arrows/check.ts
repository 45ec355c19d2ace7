import { existsSync, readFileSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { dirname, join, posix, sep } from "node:path";
import { cyclesIn } from "./cycles.ts";
import { importsOf } from "./imports.ts";
import type { Import } from "./imports.ts";
import { anything, longestFile, nodeOnly, packages, typesOf } from "./table.ts";
import type { Arrows } from "./table.ts";

interface Source {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly lines: number;
  readonly generated: boolean;
  readonly imports: readonly Import[];
}

const sourceGlobs = ["{packages,apps}/*/{src,test}/**/*.{ts,mjs}", "{tools,test}/**/*.{ts,mjs}"];

async function readSources(root: string): Promise<Source[]> {
  const sources: Source[] = [];
  for await (const file of glob(sourceGlobs, { cwd: root })) {
    const text = await readFile(join(root, file), "utf8");
    const lines = text.trimEnd().split("\n").length;
    const path = file.split(sep).join("/");
    const generated = text.startsWith("// Generated");
    sources.push({ path, lines, generated, imports: await importsOf(text) });
  }
  return sources.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** Everything wrong with the imports and file lengths under `root`, one sentence each. */
export async function findings(root: string): Promise<{ files: number; problems: string[] }> {
  const sources = await readSources(root);
  const problems = sources.flatMap((source) => [
    ...tooLong(source),
    ...source.imports.flatMap((imported) => problemsOf(root, source.path, imported)),
  ]);
  const graph = new Map(sources.map((source) => [source.path, valueTargets(source)]));
  for (const cycle of cyclesIn(graph)) problems.push(`import cycle: ${cycle.join(" -> ")}`);
  return { files: sources.length, problems };
}

const tooLong = ({ path, lines, generated }: Source): string[] =>
  lines <= longestFile || generated
    ? []
    : [`${path}: ${lines} lines; split it (at most ${longestFile})`];

/** The repository path of a relative import. */
const target = (from: string, specifier: string): string => posix.join(dirname(from), specifier);

const valueTargets = ({ path, imports }: Source): string[] =>
  imports
    .filter(({ kind, specifier }) => kind === "static" && specifier.startsWith("."))
    .map(({ specifier }) => target(path, specifier));

/** Tests, and what only they use; the build leaves both out. */
const isTest = (path: string): boolean => /(?:\.test|\/test(?:ing)?-[\w-]+)\.ts$/.test(path);

function problemsOf(root: string, from: string, { specifier, kind }: Import): string[] {
  const wrong = (why: string): string[] => [`${from} imports ${specifier}: ${why}`];
  const home = /^(?:packages|apps)\/[^/]+/.exec(from)?.[0];
  if (specifier.startsWith(".")) {
    const to = target(from, specifier);
    if (!existsSync(join(root, to))) return wrong("there is no such file");
    return home === undefined ? [] : relativeProblem(home, from, to, kind).flatMap(wrong);
  }
  if (home === undefined) return [];
  const rules = packages[home];
  if (rules === undefined) return wrong(`${home} has no row in tools/arrows/table.ts`);
  if (specifier.startsWith("node:")) return nodeProblem(home, from, kind).flatMap(wrong);
  return bareProblem(root, home, from, specifier).flatMap(wrong);
}

function relativeProblem(home: string, from: string, to: string, kind: Import["kind"]): string[] {
  if (!to.startsWith(`${home}/`)) return ["another package is imported by its name"];
  const arrows = packages[home]?.inside;
  if (arrows === undefined) return [];
  const source = posix.relative(`${home}/src`, from);
  const destination = posix.relative(`${home}/src`, to);
  if (source.startsWith("..")) {
    return destination.startsWith("..") ? [] : ["tests in test/ use the public entry points"];
  }
  if (isTest(from)) return [];
  if (isTest(to)) return ["it is for tests, and not in the built package"];
  return arrowProblem(arrows, source, destination, kind);
}

function arrowProblem(arrows: Arrows, from: string, to: string, kind: Import["kind"]): string[] {
  const [source, destination] = [zoneOf(arrows, from), zoneOf(arrows, to)];
  if (source === undefined) return [`${from} has no row in tools/arrows/table.ts`];
  if (destination === undefined) return [`${to} has no row in tools/arrows/table.ts`];
  if (source.folder === destination.folder) return [];
  const allowed = [...(arrows[source.row] ?? []), source.folder];
  if (allowed.some((name) => covers(name, destination.row, kind))) return [];
  return [`${source.row} may import ${arrows[source.row]?.join(", ") || "nothing"}`];
}

function covers(allowed: string, row: string, kind: Import["kind"]): boolean {
  if (allowed.startsWith(typesOf))
    return kind === "type" && covers(allowed.slice(typesOf.length), row, kind);
  return allowed === anything || row === allowed || row.startsWith(`${allowed}/`);
}

/** The row that a path under `src` belongs to, and the folder or file that stands for it. */
function zoneOf(arrows: Arrows, path: string): { row: string; folder: string } | undefined {
  for (let depth = path.split("/").length; depth > 0; depth--) {
    const folder = path.split("/").slice(0, depth).join("/");
    const wildcard = posix.join(dirname(folder), "*");
    const row = [folder, wildcard].find((name) => name in arrows);
    if (row !== undefined) return { row, folder };
  }
  return undefined;
}

function nodeProblem(home: string, from: string, kind: Import["kind"]): string[] {
  const folder = posix.relative(`${home}/src`, from).split("/")[0] ?? "";
  if (home.startsWith("apps/") || isTest(from) || folder === ".." || kind === "type") return [];
  if (!nodeOnly.includes(folder))
    return [`only ${nodeOnly.join(", ")} may know Node; browsers load this file`];
  return kind === "lazy"
    ? []
    : ["browsers load this file: use `await import(...)` where it is needed"];
}

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (root: string, home: string): Manifest =>
  JSON.parse(readFileSync(join(root, home, "package.json"), "utf8")) as Manifest;

function bareProblem(root: string, home: string, from: string, specifier: string): string[] {
  const [scope = "", rest = ""] = specifier.split("/");
  const name = scope.startsWith("@") ? `${scope}/${rest}` : scope;
  const own = manifestOf(root, home);
  if (scope === "@vigil") {
    const allowed = [own.name, ...(packages[home]?.mayImport ?? [])];
    if (!allowed.includes(name)) return [`${home} may import ${allowed.join(", ")}`];
    return exported(root, name, specifier) ? [] : [`${name} does not export it`];
  }
  const declared = { ...own.dependencies, ...own.peerDependencies };
  if (name in declared || isTest(from)) return [];
  return [`${home}/package.json does not list ${name} in its dependencies`];
}

function exported(root: string, name: string, specifier: string): boolean {
  const home = Object.keys(packages).find((folder) => manifestOf(root, folder).name === name);
  const entry = `.${specifier.slice(name.length)}`;
  return home !== undefined && entry in (manifestOf(root, home).exports ?? {});
}
