// What a user gets: the packed packages, installed into an empty project, in the oldest and the newest Node and in a page.
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromium, noChromium } from "../../tools/browser/chromium.ts";
import { openPage } from "../../tools/browser/page.ts";
import { build, packages, root } from "../../tools/build/build.ts";
import type { Built } from "../../tools/build/build.ts";
import { complaintsAbout } from "../../tools/build/check.ts";
import { nodeBinaries } from "../../tools/node-binaries.ts";
import { npm } from "../../tools/npm.ts";

const run = promisify(execFile);
const oldest = "22.18.0";
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

async function oldestNode(): Promise<string> {
  const [name, path] = nodeBinaries[`${process.platform}-${process.arch}`] ?? [];
  if (name === undefined || path === undefined) throw new Error("no Node for this platform");
  const folder = join(scratch, "oldest");
  await mkdir(folder);
  await npm(["install", "--prefix", folder, `${name}@${oldest}`], folder);
  return join(folder, "node_modules", name, path);
}

test("publint and the type checker for packages find nothing wrong", async () => {
  for (const each of built) expect(await complaintsAbout(each)).toEqual([]);
});

const nodes = [
  { version: `v${oldest}`, find: oldestNode },
  { version: process.version, find: () => Promise.resolve(process.execPath) },
];

describe.each(nodes)("on Node $version", ({ version, find }) => {
  let node = "";
  let folder = "";
  beforeAll(async () => {
    if (noRegistry !== undefined) return;
    node = await find();
    folder = await project(version, node);
  });

  test("a program that imports the package computes attention", async ({ skip }) => {
    skip(noRegistry !== undefined, noRegistry);
    expect((await run(node, ["--version"])).stdout.trim()).toBe(version);
    const { stdout } = await run(node, ["main.mjs"], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual(expected);
  });

  test("the vigil command starts", async ({ skip }) => {
    skip(noRegistry !== undefined, noRegistry);
    const command = join(folder, "node_modules/@vigil/cli/main.js");
    const { stdout } = await run(node, [command, "--help"], { cwd: folder });
    expect(stdout).toContain("vigil");
  });

  test("the declarations satisfy a strict project", async ({ skip }) => {
    skip(noRegistry !== undefined, noRegistry);
    const options = ["--strict", "--noEmit", "--module", "nodenext", "--target", "esnext"];
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, ...options, "consumer.ts"], {
      cwd: folder,
    });
    expect(stdout).toBe("");
  });

  test("a page that imports the package computes attention", async ({ skip }) => {
    skip(noRegistry !== undefined, noRegistry);
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
