import { readFile } from "node:fs/promises";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import type { Built } from "./build.ts";

/** What publint and "are the types wrong" find wrong with a built package, one line each. */
export async function complaintsAbout({ folder, tarball, isLibrary }: Built): Promise<string[]> {
  const { messages, pkg } = await publint({ pkgDir: folder, strict: true });
  const linted = messages.map((message) => formatMessage(message, pkg) ?? message.code);
  return isLibrary ? [...linted, ...(await typeProblems(tarball))] : linted;
}

async function typeProblems(tarball: string): Promise<string[]> {
  const analysis = await checkPackage(createPackageFromTarballData(await readFile(tarball)));
  if (!analysis.types) return [];
  return analysis.problems
    .filter((problem) => !("resolutionKind" in problem) || !esmOnly.has(problem.resolutionKind))
    .map((problem) => `types: ${problem.kind} ${JSON.stringify(problem)}`);
}

// The packages are ES modules alone; every Node they support can `require` those.
const esmOnly = new Set(["node10", "node16-cjs"]);
