// Every code block of README.md: TypeScript runs as it stands; shell commands run, or, where they
// take minutes, must at least exist (commands.ts says which, and why).
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { codeBlocks, commandsOf } from "./blocks.ts";
import { treatmentOf } from "./commands.ts";
import type { Treatment } from "./commands.ts";

const root = join(import.meta.dirname, "../..");
const cli = join(root, "apps/cli/src/main.ts");
const blocks = codeBlocks(await readFile(join(root, "README.md"), "utf8"));
const node = (...args: string[]): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, args, { cwd: root });

// Inside the repository, so that `@vigil/attention` is found as a user's project would find it.
const folder = join(root, "out/readme");
beforeAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
});

test("the README has an example and commands, and no block in another language", () => {
  const languages = new Set(blocks.map(({ language }) => language));
  expect(languages).toContain("ts");
  expect(languages).toContain("sh");
  // `text` is output or a drawing.
  expect([...languages].filter((name) => !["ts", "sh", "text", "json"].includes(name))).toEqual([]);
});

describe.each(blocks.filter(({ language }) => language === "ts"))("README.md:$line", (block) => {
  test("the TypeScript block runs", async () => {
    const file = join(folder, `line-${block.line}.ts`);
    await writeFile(file, block.text);
    await node(file);
  });
});

const commands = blocks
  .filter(({ language }) => language === "sh")
  .flatMap((block) => commandsOf(block).map((command) => ({ command, line: block.line })))
  .map((place) => ({ ...place, ...treatmentOf(place.command) }));

test.each(commands)("README.md:$line: `$command`: $how ($why)", async ({ command, how, name }) => {
  await checks[how](command, name);
});

const checks = {
  run: async (command) => {
    const args = command.replace(/^.*?\bvigil\s+(?:--\s+)?/, "").split(/\s+/);
    await node(cli, ...args);
  },
  script: async (_command, name) => {
    const manifest: unknown = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    expect(manifest).toHaveProperty(["scripts", name]);
  },
  subcommand: async (_command, name) => {
    expect((await node(cli, name, "--help")).stdout).toContain(name);
  },
  shell: () => Promise.resolve(),
  unknown: (command) =>
    Promise.reject(new Error(`no row of tools/readme/commands.ts fits "${command}"`)),
} satisfies Record<Treatment["how"], (command: string, name: string) => Promise<void>>;
