import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { findings } from "./check.ts";

const roots: string[] = [];

/** A repository with the given files; every file is there, so only the arrows can be wrong. */
async function repository(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "arrows-"));
  roots.push(root);
  const manifests = {
    "packages/attention/package.json": JSON.stringify({
      name: "@vigil/attention",
      exports: { ".": "./src/index.ts" },
      dependencies: { acorn: "*" },
    }),
    "apps/cli/package.json": JSON.stringify({ name: "@vigil/cli" }),
  };
  for (const [path, text] of Object.entries({ ...manifests, ...files })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

afterEach(async () => {
  for (const root of roots.splice(0)) await rm(root, { recursive: true });
});

const src = "packages/attention/src";
const leaf = "export const x = 1;\nexport type X = number;\n";

test("this repository has no problem", async () => {
  const { files, problems } = await findings(join(import.meta.dirname, "../.."));
  expect(problems).toEqual([]);
  expect(files).toBeGreaterThan(10);
});

const forbidden: readonly [string, from: string, line: string, why: RegExp][] = [
  [
    "ir knows nobody",
    `${src}/ir/a.ts`,
    'import { x } from "../mask/x.ts";',
    /ir may import nothing/,
  ],
  ["a type is an arrow", `${src}/ir/a.ts`, 'import type { X } from "../mask/x.ts";', /nothing/],
  ["an export is an arrow", `${src}/ir/a.ts`, 'export { x } from "../mask/x.ts";', /nothing/],
  ["a lazy import is an arrow", `${src}/ir/a.ts`, 'await import("../mask/x.ts");', /nothing/],
  ["targets are strangers", `${src}/emit/wasm/a.ts`, 'import "../wgsl/x.ts";', /emit\/\* may/],
  [
    "runtimes are strangers",
    `${src}/runtime/wasm/a.ts`,
    'import "../cuda/x.ts";',
    /runtime\/\* may/,
  ],
  ["types only", `${src}/emit/wasm/a.ts`, 'import "../../runtime/device.ts";', /types of runtime/],
  ["test helpers are for tests", `${src}/ir/a.ts`, 'import "./test-graphs.ts";', /it is for tests/],
  ["the reference is for tests", `${src}/api/a.ts`, 'import "../reference/x.ts";', /api may/],
  [
    "a new folder needs a row",
    `${src}/misc/a.ts`,
    'import "../mask/x.ts";',
    /misc\/a.ts has no row/,
  ],
  [
    "no way round exports",
    "apps/cli/src/a.ts",
    `import "../../../${src}/mask/x.ts";`,
    /by its name/,
  ],
  ["only what is exported", "apps/cli/src/a.ts", 'import "@vigil/attention/mask";', /not export/],
  ["packages never know apps", `${src}/api/a.ts`, 'import "@vigil/cli";', /may import @vigil/],
  ["browsers have no node:fs", `${src}/mask/a.ts`, 'import "node:fs";', /browsers/],
  ["runtime loads Node lazily", `${src}/runtime/wasm/a.ts`, 'import "node:fs";', /await import/],
  ["dependencies are declared", `${src}/trace/a.ts`, 'import "terser";', /does not list terser/],
  [
    "test/ uses what users use",
    "packages/attention/test/a.test.ts",
    'import "../src/mask/x.ts";',
    /public/,
  ],
  ["a missing file is named", `${src}/ir/a.ts`, 'import "./gone.ts";', /no such file/],
];

test.each(forbidden)("refuses a forbidden import: %s", async (_name, from, line, why) => {
  const targets = ["mask", "emit/wgsl", "runtime/cuda", "reference"];
  const root = await repository({
    ...Object.fromEntries(targets.map((folder) => [`${src}/${folder}/x.ts`, leaf])),
    [`${src}/runtime/device.ts`]: leaf,
    [`${src}/ir/test-graphs.ts`]: 'import "fast-check";\n',
    [from]: `${line}\n`,
  });
  const { problems } = await findings(root);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(why);
});

test("accepts the arrows of a compiler: runtime -> its emitter -> schedule -> mask -> ir", async () => {
  const root = await repository({
    [`${src}/ir/x.ts`]: leaf,
    [`${src}/mask/x.ts`]: 'import "../ir/x.ts";\n',
    [`${src}/schedule/x.ts`]: 'import "../mask/x.ts";\n',
    [`${src}/emit/wasm/x.ts`]:
      'import "../../schedule/x.ts";\nimport type { X } from "../../runtime/device.ts";\n',
    [`${src}/runtime/device.ts`]: leaf,
    [`${src}/runtime/wasm/x.ts`]: 'import "../../emit/wasm/x.ts";\nawait import("node:fs");\n',
    [`${src}/runtime/wasm/x.test.ts`]: 'import "../../reference/x.ts";\nimport "node:fs";\n',
    [`${src}/reference/x.ts`]: 'import "../ir/x.ts";\n',
    [`${src}/trace/x.ts`]: 'import { parse } from "acorn";\nparse;\n',
    "apps/cli/src/x.ts": 'import "@vigil/attention";\nimport "node:fs";\n',
  });
  expect(await findings(root)).toEqual({ files: 10, problems: [] });
});

test("finds a cycle of value imports and gives its path", async () => {
  const root = await repository({
    [`${src}/ir/a.ts`]: 'import "./b.ts";\n',
    [`${src}/ir/b.ts`]: 'export { x } from "./c.ts";\n',
    [`${src}/ir/c.ts`]: 'import { type X } from "./a.ts";\nexport const x: X = 1;\n',
  });
  const { problems } = await findings(root);
  expect(problems).toEqual([
    expect.stringMatching(/cycle: .*a\.ts -> .*b\.ts -> .*c\.ts -> .*a\.ts/),
  ]);
});

test("a cycle of types only is none", async () => {
  const root = await repository({
    [`${src}/ir/a.ts`]: 'import type { B } from "./b.ts";\nexport type A = B;\n',
    [`${src}/ir/b.ts`]: 'import type { A } from "./a.ts";\nexport type B = A;\n',
  });
  expect((await findings(root)).problems).toEqual([]);
});

test("refuses a file over 600 lines unless it is generated", async () => {
  const root = await repository({
    [`${src}/ir/long.ts`]: "export {};\n".repeat(601),
    [`${src}/ir/fits.ts`]: "export {};\n".repeat(600),
    [`${src}/ir/generated.ts`]: `// Generated by a table\n${"export {};\n".repeat(601)}`,
  });
  expect((await findings(root)).problems).toEqual([expect.stringMatching(/long\.ts: 601 lines/)]);
});
