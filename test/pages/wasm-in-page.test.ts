import { beforeEach, expect, test } from "vitest";
import { chromium, noChromium } from "../../tools/browser/chromium.ts";
import { openPage } from "../../tools/browser/page.ts";

beforeEach(({ skip }) => skip(chromium === undefined, noChromium));

test.for([
  ["1 thread", {}],
  ["2 threads", { threads: 2 }],
  ["1 thread", { background: true }],
] as const)(
  "in a page, %s: %o gives the same bits and leaves the page its turns",
  async ([threads, options]) => {
    await using page = await openPage();
    const answer = await page.run("test/pages/wasm-in-page.ts", options);
    expect(answer).toEqual({
      name: `wasm (relaxed SIMD, ${threads})`,
      equal: true,
      turns: expect.any(Number),
      refusal:
        "UnsupportedError: wasm: only Node can set V8's revectorize flag; open the device without revectorize",
    });
    expect((answer as { turns: number }).turns).toBeGreaterThan(3);
  },
);
