import fc from "fast-check";
import { expect, test } from "vitest";
import { compileElement } from "../ir/evaluate.ts";
import type { Box } from "../ir/intervals.ts";
import { traceMod } from "../trace/trace-mod.ts";
import { gallery } from "../variants/gallery.ts";
import { isBanded } from "./bands.ts";
import { createSeparator, type SeparableMask } from "./separate.ts";
import * as masks from "./test-masks.ts";
import { randomMask } from "./test-random-mask.ts";

const SIZE = 24;

const boxAt = (q: number, kv: number): Box => ({
  ...{ bLo: 1, bHi: 1, hLo: 2, hHi: 2 },
  ...{ qLo: q, qHi: q + SIZE - 1, kvLo: kv, kvHi: kv + SIZE - 1 },
});

const separate = ({ expression, captures }: masks.TestMask, box: Box): SeparableMask | null =>
  createSeparator(expression.root, captures)(box);

/** Every score of the box, and whether it attends, as the parts say. */
function spelled(mask: SeparableMask, box: Box): boolean[] {
  const scores: boolean[] = [];
  for (let q = box.qLo; q <= box.qHi; q++) {
    for (let kv = box.kvLo; kv <= box.kvHi; kv++) {
      const inputs = mask.atoms.map((atom) => (atom.q.at(q) + atom.kv.at(kv) <= 0 ? -1 : 0));
      scores.push(mask.combine(Int32Array.from(inputs)) !== 0);
    }
  }
  return scores;
}

function evaluated({ expression, captures }: masks.TestMask, box: Box): boolean[] {
  const element = compileElement(expression.root, captures);
  const scores: boolean[] = [];
  for (let q = box.qLo; q <= box.qHi; q++) {
    for (let kv = box.kvLo; kv <= box.kvHi; kv++) scores.push(element(1, 2, q, kv, 0) === true);
  }
  return scores;
}

/** Lines do what their trend says. */
function expectTrends(mask: SeparableMask, box: Box): void {
  for (const { q, kv } of mask.atoms) {
    for (const [line, from] of [
      [q, box.qLo],
      [kv, box.kvLo],
    ] as const) {
      for (let x = from + 1; x < from + SIZE && line.trend !== null; x++) {
        const change = line.at(x) - line.at(x - 1);
        expect(line.trend === 0 ? change === 0 : change * line.trend >= 0).toBe(true);
      }
    }
  }
}

test("the parts of a random mask say what the mask says, and change one way where they say so", () => {
  let apart = 0;
  const property = fc.property(
    randomMask({ withFloats: false }),
    fc.integer({ min: -30, max: 2 ** 31 - 40 }),
    (mask, q) => {
      const box = boxAt(q, 3);
      const parts = separate(mask, box);
      if (parts === null) return;
      apart++;
      expect(spelled(parts, box)).toEqual(evaluated(mask, box));
      expectTrends(parts, box);
    },
  );
  fc.assert(property, { numRuns: 600, seed: 5 });
  expect(apart).toBeGreaterThan(150);
});

test("sums that would wrap do not come apart", () => {
  const far = masks.testMask((ir) =>
    ir.make("lt", ir.make("add", ir.index("q"), ir.constant("i32", 2 ** 31 - 10)), ir.index("kv")),
  );
  expect(separate(far, boxAt(0, 0))?.atoms.every(({ q }) => q.trend !== null)).not.toBe(true);
  expect(separate(far, boxAt(-30, 0))?.atoms[0]?.q.trend).toBe(1);
});

/** How the masks of the gallery are taken: by bands, by tiles of two functions, or by intervals alone. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  bands: [
    ...["causal", "sliding-window", "global-window", "prefix-lm", "document", "packed-causal"],
    ...["shared-prefix", "block-causal", "per-batch", "alibi", "soft-cap", "mla-rope", "sinks"],
    "flamingo",
  ],
  tiles: [...["speculative-tree", "natten", "natten-tiled", "natten-morton", "sliding-tile-2d"]],
};

test("most masks of the gallery come apart", () => {
  const found: Record<string, string[]> = { bands: [], tiles: [] };
  const shape = { B: 2, Hq: 4, Hkv: 2, M: 512, N: 512 };
  for (const { name, make } of gallery) {
    const { mask } = make(shape, 7);
    if (mask === undefined) continue;
    const box = { ...boxAt(0, 0), qHi: 511, kvHi: 511 };
    const parts = separate(traceMod(mask), box);
    if (parts !== null) found[isBanded(parts) ? "bands" : "tiles"]?.push(name);
  }
  for (const [kind, names] of Object.entries(kinds)) {
    expect(found[kind]).toEqual(expect.arrayContaining([...names]));
  }
});
