import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

/**
 * What has to be trusted with versions, wherever it runs: all sources but the transports and the
 * index.
 */
test("device, formats and protocol are at most 1,500 lines, not counting empty ones", async () => {
  let lines = 0;
  for await (const file of glob("**/*.ts", { cwd: import.meta.dirname })) {
    if (/^transports\/|^index\.ts$|\.test\.ts$|test-[\w-]+\.ts$/.test(file)) continue;
    const text = await readFile(join(import.meta.dirname, file), "utf8");
    lines += text.split("\n").filter((line) => line.trim() !== "").length;
  }
  expect(lines).toBeGreaterThan(1000);
  expect(lines).toBeLessThanOrEqual(1500);
});

test("and import nothing: no package, no module of Node's", async () => {
  for await (const file of glob("**/*.ts", { cwd: import.meta.dirname })) {
    if (/^transports\/|\.test\.ts$|test-[\w-]+\.ts$/.test(file)) continue;
    const text = await readFile(join(import.meta.dirname, file), "utf8");
    for (const [, from] of text.matchAll(/(?:from|import\() ?"([^"]+)"/g)) {
      expect(from, file).toMatch(/^\./);
    }
  }
});
