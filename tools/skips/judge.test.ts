import { expect, test } from "vitest";
import { judge } from "./judge.ts";

const mustRun = { chromium: "CI installs a browser" };
const skips = [
  { test: "page.test.ts > a", reason: "chromium: no browser at /usr/bin/chromium" },
  { test: "page.test.ts > b", reason: "chromium: no browser at /usr/bin/chromium" },
  { test: "files.test.ts > c", reason: "root: runs as an ordinary user" },
];

test("lists every skipped test under its reason", () => {
  expect(judge(skips, mustRun, false)).toEqual({
    failed: false,
    lines: [
      "skipped 2: chromium: no browser at /usr/bin/chromium",
      "  - page.test.ts > a",
      "  - page.test.ts > b",
      "skipped 1: root: runs as an ordinary user",
      "  - files.test.ts > c",
    ],
  });
});

test("fails in CI when a listed reason skipped something, and says why", () => {
  const { failed, lines } = judge(skips, mustRun, true);
  expect(failed).toBe(true);
  expect(lines).toContain("  a failure in CI: CI installs a browser");
});

test("passes in CI when only unlisted reasons skipped something", () => {
  expect(judge(skips.slice(2), mustRun, true).failed).toBe(false);
});

test("fails in CI for a skip without a reason", () => {
  const silent = [{ test: "a.test.ts > a", reason: "" }];
  expect(judge(silent, mustRun, true).failed).toBe(true);
  expect(judge(silent, mustRun, false).failed).toBe(false);
});
