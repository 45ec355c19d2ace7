import { expect, test } from "vitest";
import { chromium, noChromium } from "../../tools/browser/chromium.ts";
import { openPage } from "../../tools/browser/page.ts";

test("a version device counts in a page and in its module worker", async ({ skip }) => {
  skip(chromium === undefined, noChromium);
  await using page = await openPage({
    imports: { "@vigil/version-device": "/packages/version-device/src/index.ts" },
  });
  const counted = { steps: [3, 0], pages: { empty: 7, flat: 0, uneven: 1, full: 0 } };
  expect(await page.run("test/pages/version-device-in-page.ts")).toEqual([counted, counted]);
});
