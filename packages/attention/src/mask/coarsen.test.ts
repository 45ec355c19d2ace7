import fc from "fast-check";
import { expect, test } from "vitest";
import { buildBlockMask } from "./build.ts";
import { FULL, PARTIAL } from "./block-mask.ts";
import { coarsen } from "./coarsen.ts";
import { denseBlocks, EMPTY } from "./dense.ts";
import { randomLengths, randomMask } from "./test-random-mask.ts";
import { sliceBlockMask } from "./slice.ts";
import * as masks from "./test-masks.ts";

test("a cell is full or empty exactly if all of its blocks are, keys that do not exist being empty", () => {
  const most = fc.integer({ min: 1, max: 12 });
  const property = fc.property(
    randomMask({ withFloats: false }),
    randomLengths,
    most,
    (mask, lengths, cells) => {
      const head = sliceBlockMask(buildBlockMask(masks.options(mask, lengths)), { b: 0, h: 0 });
      const picture = coarsen(head, cells);
      expect(Math.max(picture.rows, picture.columns)).toBeLessThanOrEqual(cells);
      const blocks = denseBlocks(head);
      const blockColumns = Math.ceil(head.N / head.blockKv);
      const kinds = Array.from(picture.kinds, () => new Set<number>());
      for (const [at, kind] of blocks.entries()) {
        const row = Math.floor((Math.floor(at / blockColumns) * head.blockQ) / picture.cellQ);
        const column = Math.floor(((at % blockColumns) * head.blockKv) / picture.cellKv);
        // The last block of keys is listed as far as its keys exist.
        const isCut = ((at % blockColumns) + 1) * head.blockKv > (head.kvLength[0] ?? 0);
        const cut = isCut && (head.kvLength[0] ?? 0) < head.N && kind === FULL;
        kinds[row * picture.columns + column]?.add(cut ? PARTIAL : kind);
      }
      const expected = kinds.map((set) => (set.size > 1 ? PARTIAL : ([...set][0] ?? EMPTY)));
      expect([...picture.kinds]).toEqual(expected);
    },
  );
  fc.assert(property, { numRuns: 200 });
});
