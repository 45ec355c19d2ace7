import fc from "fast-check";
import { expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { FULL, PARTIAL } from "./block-mask.ts";
import { coarsen } from "./coarsen.ts";
import { EMPTY } from "./dense.ts";
import { drawSvg } from "./draw-svg.ts";
import { randomLengths, randomMask } from "./test-random-mask.ts";
import * as masks from "./test-masks.ts";

/** Paints the rectangles of the picture's two paths on a grid of cells. */
function paint(svg: string, rows: number, columns: number): Uint8Array {
  const cells = new Uint8Array(rows * columns).fill(EMPTY);
  const paths = [...svg.matchAll(/<path fill="[^"]+" d="([^"]*)"\/>/g)].map(
    ([, data = ""]) => data,
  );
  expect(paths.length).toBe(2);
  for (const [kind, data] of [
    [FULL, paths[0]],
    [PARTIAL, paths[1]],
  ] as const) {
    for (const [, ...numbers] of (data ?? "").matchAll(/M(\d+) (\d+)h(\d+)v(\d+)h-\d+z/g)) {
      const [x = 0, y = 0, w = 0, h = 0] = numbers.map(Number);
      for (let row = y; row < y + h; row++) {
        const from = row * columns + x;
        expect(cells.subarray(from, from + w).every((cell) => cell === EMPTY)).toBe(true);
        cells.fill(kind, from, from + w);
      }
    }
  }
  return cells;
}

test("the rectangles cover each cell once, in the colour of its kind", () => {
  const property = fc.property(
    randomMask({ withFloats: false }),
    randomLengths,
    (mask, lengths) => {
      const built = buildBlockMask(
        masks.options(mask, {
          ...lengths,
          B: 1,
          H: 1,
          queryOffset: Int32Array.of(0),
          kvLength: Int32Array.of(lengths.N),
        }),
      );
      const { rows, columns, kinds } = coarsen(built, 10);
      expect(paint(drawSvg(built, { cells: 10 }), rows, columns)).toEqual(kinds);
    },
  );
  fc.assert(property);
});

test("equal rows share a rectangle: a full mask is one", () => {
  const svg = drawSvg(buildBlockMask(masks.options(masks.noop(), { M: 4096, N: 4096 })));
  expect(svg.match(/M0 0h32v32h-32z/g)?.length).toBe(1);
});

test("a million tokens fit in a few kilobytes", () => {
  const length = 2 ** 20;
  const svg = drawSvg(
    buildBlockMask(masks.options(masks.slidingWindow(1024), { M: length, N: length })),
  );
  expect(svg.length).toBeLessThan(10_000);
});

test("the title is escaped, and names the picture for those who cannot see it", () => {
  const mask = buildBlockMask(masks.options(masks.causal(), { M: 100, N: 1 }));
  const svg = drawSvg(mask, { title: '<b> & "c"' });
  const name =
    "&lt;b&gt; &amp; &quot;c&quot;: 100 queries x 1 key, blocks of 128 x 128, 0.0 % skipped";
  expect(svg).toContain(`aria-label="${name}"`);
  expect(svg).toContain(`<title>${name}</title>`);
  expect(svg).not.toContain("<b>");
});

test("axes carry both lengths, also where the picture is one row high", () => {
  const svg = drawSvg(buildBlockMask(masks.options(masks.causal(), { M: 1, N: 5000 })));
  expect(svg).toContain(">5,000</text>");
  expect(svg).toContain(">1</text>");
});
