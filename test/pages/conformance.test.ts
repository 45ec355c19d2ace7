import { beforeEach, expect, test } from "vitest";
import { chromium, noChromium } from "../../tools/browser/chromium.ts";
import { openPage } from "../../tools/browser/page.ts";

beforeEach(({ skip }) => skip(chromium === undefined, noChromium));

test(
  "the wasm target conforms in a page, with and without threads",
  { timeout: 300_000 },
  async () => {
    await using page = await openPage();
    const result = await page.run("test/pages/conformance.ts");
    expect(result).toMatchObject({ failed: 0, failures: [] });
    expect((result as { cases: number }).cases).toBeGreaterThan(100);
  },
);
