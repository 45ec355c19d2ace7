import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { nodeBinaries } from "./node-binaries.ts";
import { afterEach, beforeEach, expect, test } from "vitest";

const [name = "", path = ""] = nodeBinaries[`${process.platform}-${process.arch}`] ?? [];
const binary = join(name, path);

// An npm of our own: it installs by copying the lock file's list, and counts how often it was
// asked.
const fakeNpm = (root: string): string => `
  const fs = require("node:fs");
  fs.appendFileSync(${JSON.stringify(join(root, "calls"))}, process.argv.slice(2).join(" ") + "\\n");
  if (fs.existsSync(${JSON.stringify(join(root, "offline"))})) process.exit(1);
  fs.copyFileSync(
    ${JSON.stringify(join(root, "package-lock.json"))},
    ${JSON.stringify(join(root, "node_modules/.package-lock.json"))},
  );
`;

const lock = (version: string): string =>
  JSON.stringify({
    packages: {
      "": { name: "root" },
      "node_modules/a": { version },
      "node_modules/@esbuild/elsewhere": { version: "1.0.0", optional: true },
    },
  });

let root = "";

beforeEach(async ({ skip }) => {
  skip(process.platform === "win32", "posix: Windows lets nobody link Node's binary");
  root = await mkdtemp(join(tmpdir(), "run-"));
  await mkdir(join(root, "tools"));
  for (const file of ["run.mjs", "node-binaries.json"]) {
    await copyFile(join(import.meta.dirname, file), join(root, "tools", file));
  }
  await writeFile(join(root, "package-lock.json"), lock("1.0.0"));
  await writeFile(join(root, "npm.js"), fakeNpm(root));
  await writeFile(join(root, "args.mjs"), "console.log(JSON.stringify(process.argv.slice(2)));\n");
  const node = join(root, "node_modules", binary);
  await mkdir(dirname(node), { recursive: true });
  await symlink(process.execPath, node);
});

afterEach(() => rm(root, { recursive: true, force: true }));

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  npm_execpath: join(root, "npm.js"),
});

const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(root, "tools/run.mjs"), ...args], {
    encoding: "utf8",
    env: environment(),
  });

const installs = async (): Promise<string[]> =>
  (await readFile(join(root, "calls"), "utf8").catch(() => "")).split("\n").slice(0, -1);

test("installs once in a fresh clone, says why, and then never again", async () => {
  expect(run("args.mjs").stdout).toMatch(/^set-up: installing.*\(nothing is installed yet\)/);
  expect(run("args.mjs").stdout).toBe("[]\n");
  expect(await installs()).toEqual([expect.stringMatching(/^ci --ignore-scripts/)]);
});

test("installs again when package-lock.json has moved on, naming the package", async () => {
  run("args.mjs");
  await writeFile(join(root, "package-lock.json"), lock("1.0.1"));
  expect(run("args.mjs").stdout).toContain("(a is not the version in package-lock.json)");
  expect(await installs()).toHaveLength(2);
});

test("installs again after an install that was cut short", async () => {
  await writeFile(join(root, "node_modules/.package-lock.json"), '{"packages": {');
  expect(run("args.mjs").stdout).toContain("nothing is installed yet");
});

test("runs nothing when the install fails", async () => {
  await writeFile(join(root, "offline"), "");
  const { status, stderr, stdout } = run("args.mjs");
  expect(status).toBe(1);
  expect(stderr).toContain("npm ci failed");
  expect(stdout).not.toContain("[]");
});

test("passes arguments, environment and exit code on, on our own Node", async () => {
  await writeFile(
    join(root, "all.mjs"),
    'console.log(process.argv.slice(2).join("|"), process.env.VIGIL_TEST, process.env.PATH);' +
      "process.exitCode = 7;\n",
  );
  const { status, stdout } = run("VIGIL_TEST=full", "all.mjs", "a b", "--c=d", "E=f");
  expect(status).toBe(7);
  expect(stdout).toContain("a b|--c=d|E=f full ");
  expect(stdout).toContain(` ${join(root, "node_modules", dirname(binary))}`);
});

test("passes SIGTERM on and reports the signal as shells do", async () => {
  await writeFile(join(root, "wait.mjs"), 'console.log("up"); setInterval(() => {}, 1000);\n');
  run("args.mjs");
  const child = spawn(process.execPath, [join(root, "tools/run.mjs"), "wait.mjs"], {
    env: environment(),
  });
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([143, null]);
});

test("says how it is used when no script is named", () => {
  const { status, stderr } = run();
  expect(status).toBe(2);
  expect(stderr).toMatch(/^usage: /);
});
