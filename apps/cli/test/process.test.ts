import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";

const main = join(import.meta.dirname, "..", "src", "main.ts");

test("the process leaves with the command's exit code, and its last line of stdout is the object", () => {
  const good = spawnSync(process.execPath, [main, "show", "causal", "--shape", "M=64", "--json"]);
  expect(good.status).toBe(0);
  expect(JSON.parse(good.stdout.toString())).toMatchObject({ variant: "causal" });
  expect(spawnSync(process.execPath, [main, "run", "nope.ts"]).status).toBe(2);
  expect(spawnSync(process.execPath, [main]).status).toBe(2);
});

test("Ctrl-C ends a long run cleanly, with 130 and one line", async ({ skip }) => {
  skip(process.platform === "win32", "posix: this test sends SIGINT");
  const child = spawn(process.execPath, [main, "run", "noop", "--rounds", "10000", "--json"]);
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
    if (err.endsWith("timing\n")) child.kill("SIGINT");
  });
  const [code] = await once(child, "exit");
  expect([code, out]).toEqual([130, ""]);
  expect(err).toMatch(/\nvigil: interrupted\n$/);
});

test("a reader that leaves early is no error", async ({ skip }) => {
  skip(process.platform === "win32", "posix: this test closes a pipe");
  const child = spawn(process.execPath, [main, "emit", "alibi", "--what", "source"]);
  child.stdout.destroy();
  let err = "";
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const [code] = await once(child, "exit");
  expect([code, err]).toEqual([0, ""]);
});
