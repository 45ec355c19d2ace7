import { beforeEach, expect, test } from "vitest";
import { chromium, noChromium } from "./chromium.ts";
import { openPage, softwareWebGpu } from "./page.ts";
import { serve } from "./serve.ts";

beforeEach(({ skip }) => skip(chromium === undefined, noChromium));

test("a page loads TypeScript sources, shares memory with a worker, and gives its result back", async () => {
  await using page = await openPage();
  const facts = await page.run("tools/browser/page-facts.ts", { number: 7 });
  expect(facts).toEqual({ isolated: true, doubled: 14, fromWorker: 21 });
});

test("a module that fails in the page fails here, with its message", async () => {
  await using page = await openPage({ flags: softwareWebGpu });
  await expect(page.run("tools/browser/nowhere.ts")).rejects.toThrow(/in the page: .*nowhere/s);
});

test("the server gives nothing from outside its folder", async () => {
  await using server = await serve(import.meta.dirname, {});
  expect((await fetch(`${server.origin}/page.ts`)).status).toBe(200);
  expect((await fetch(`${server.origin}/..%2f..%2fpackage.json`)).status).toBe(404);
});
