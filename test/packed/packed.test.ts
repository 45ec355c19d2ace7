// What a user gets: the packed packages, installed into an empty project, in every Node that is
// supported and in a page.
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chromium, noChromium } from "../../tools/browser/chromium.ts";
import { openPage } from "../../tools/browser/page.ts";
import { build, packages, root } from "../../tools/build/build.ts";
import type { Built } from "../../tools/build/build.ts";
import { complaintsAbout } from "../../tools/build/check.ts";
import { nodeBinaries } from "../../tools/node-binaries.ts";
import { npm } from "../../tools/npm.ts";

const run = promisify(execFile);
const ours = process.versions.node;
const expected = [1, 1.5, 2, 3];

const noRegistry = await npm(["view", "acorn", "version", "--fetch-retries=0"], root).then(
  () => undefined,
  () => "npm-registry: npm's registry does not answer",
);

const scratch = await mkdtemp(join(tmpdir(), "packed-"));
afterAll(() => rm(scratch, { recursive: true }));

const built: Built[] = [];
beforeAll(async () => {
  for (const home of packages) built.push(await build(home));
});

const program = `
  import compute from "./consumer.ts";
  console.log(JSON.stringify(await compute()));
`;

/** An empty project with the packages installed by an npm that runs on `node`. */
async function project(name: string, node: string): Promise<string> {
  const folder = join(scratch, name);
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const tarballs = built.map(({ tarball }) => tarball);
  await npm(["install", "--engine-strict", ...tarballs], folder, node);
  await copyFile(join(import.meta.dirname, "consumer.ts"), join(folder, "consumer.ts"));
  await writeFile(join(folder, "main.mjs"), program);
  return folder;
}

/** Node of another version, from the package that carries its binary. */
async function installNode(version: string): Promise<string> {
  const [name, path] = nodeBinaries[`${process.platform}-${process.arch}`] ?? [];
  if (name === undefined || path === undefined) throw new Error("no Node for this platform");
  const folder = join(scratch, `node-${version}`);
  await mkdir(folder);
  await npm(["install", "--prefix", folder, `${name}@${version}`], folder);
  return join(folder, "node_modules", name, path);
}

test("publint and the type checker for packages find nothing wrong", async () => {
  for (const each of built) expect(await complaintsAbout(each)).toEqual([]);
});

describe.each(["22.18.0", "24.21.0", ours])("on Node %s", (version) => {
  let node = "";
  let folder = "";
  beforeAll(async () => {
    if (noRegistry !== undefined) return;
    node = version === ours ? process.execPath : await installNode(version);
    folder = await project(version, node);
  });
  beforeEach(({ skip }) => skip(noRegistry !== undefined, noRegistry));

  test("a program that imports the package computes attention", async () => {
    expect((await run(node, ["--version"])).stdout.trim()).toBe(`v${version}`);
    const { stdout } = await run(node, ["main.mjs"], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual(expected);
  });

  test("the vigil command verifies the kernels", { timeout: 300_000 }, async () => {
    const command = join(folder, "node_modules/@vigil/cli/main.js");
    // The oldest Node runs them all; on our own, the tests of the sources do.
    const cases = version === "22.18.0" ? [] : ["--case", "causal"];
    const verify = ["verify", "--device", "wasm", "--quick", "--json", ...cases];
    const { stdout } = await run(node, [command, ...verify], { cwd: folder });
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ failed: 0 });
  });
});

describe("in any project", () => {
  let folder = "";
  beforeAll(async () => {
    if (noRegistry === undefined) folder = await project("any", process.execPath);
  });
  beforeEach(({ skip }) => skip(noRegistry !== undefined, noRegistry));

  test("the declarations satisfy a strict compiler", async () => {
    const options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "esnext"];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const result = await run(process.execPath, [tsc, ...options, "consumer.ts"], { cwd: folder });
    expect(result.stdout).toBe("");
  });

  test("a page that imports the package computes attention", async ({ skip }) => {
    skip(chromium === undefined, noChromium);
    await using page = await openPage({
      root: folder,
      imports: {
        "@vigil/attention": "/node_modules/@vigil/attention/index.js",
        acorn: "/node_modules/acorn/dist/acorn.mjs",
      },
    });
    expect(await page.run("consumer.ts")).toEqual(expected);
  });
});
