import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { and, type MaskMod } from "../api/mods.ts";
import { blockCausal } from "./block-causal.ts";
import { blockDiffusion } from "./block-diffusion.ts";
import { causal } from "./causal.ts";
import { dilatedWindow } from "./dilated-window.ts";
import { document } from "./document.ts";
import { exampleDocuments } from "./example-documents.ts";
import { flamingo } from "./flamingo.ts";
import { globalWindow } from "./global-window.ts";
import { packedCausal } from "./packed-causal.ts";
import { perBatch } from "./per-batch.ts";
import { prefixLm } from "./prefix-lm.ts";
import { sharedPrefix } from "./shared-prefix.ts";
import { slidingWindow } from "./sliding-window.ts";
import { speculativeTree } from "./speculative-tree.ts";

const length = 40;
const positions = Array.from({ length }, (_, at) => at);

const sees = (mask: MaskMod, q: number, kv: number, b = 0): boolean => mask({ b, h: 0, q, kv });

/** The keys that a query sees. */
const keysOf = (mask: MaskMod, q: number, b = 0): number[] =>
  positions.filter((kv) => sees(mask, q, kv, b));

/** Every row's keys: equal pictures are equal masks. */
const picture = (mask: MaskMod, b = 0): number[][] => positions.map((q) => keysOf(mask, q, b));

const small = fc.integer({ min: 1, max: 12 });
const seed = fc.integer();

describe("causal", () => {
  test("shows each query itself and everything before", () => {
    for (const q of positions) expect(keysOf(causal, q)).toEqual(positions.slice(0, q + 1));
  });
});

describe("sliding window", () => {
  test("shows query q min(q + 1, width) keys, itself the last", () => {
    fc.assert(
      fc.property(small, (width) => {
        const mask = slidingWindow(width);
        for (const q of positions) {
          const keys = keysOf(mask, q);
          expect(keys).toHaveLength(Math.min(q + 1, width));
          expect(keys.at(-1)).toBe(q);
        }
      }),
    );
  });

  test("as wide as the sequence is causal", () => {
    expect(picture(slidingWindow(length))).toEqual(picture(causal));
  });
});

describe("dilated window", () => {
  test("shows query q min(floor(q / dilation) + 1, width) keys, dilation apart", () => {
    fc.assert(
      fc.property(small, small, (width, dilation) => {
        const mask = dilatedWindow(width, dilation);
        for (const q of positions) {
          const keys = keysOf(mask, q);
          expect(keys).toHaveLength(Math.min(Math.floor(q / dilation) + 1, width));
          expect(keys.every((kv) => (q - kv) % dilation === 0)).toBe(true);
        }
      }),
    );
  });

  test("without gaps is the sliding window", () => {
    expect(picture(dilatedWindow(7, 1))).toEqual(picture(slidingWindow(7)));
  });
});

describe("global window", () => {
  test("is symmetric, and globals see all and are seen by all", () => {
    const mask = globalWindow(3, 2);
    for (const q of positions) {
      expect(sees(mask, q, 1)).toBe(true);
      for (const kv of positions) expect(sees(mask, q, kv)).toBe(sees(mask, kv, q));
    }
    expect(keysOf(mask, 0)).toEqual(positions);
    expect(keysOf(mask, 20)).toEqual([0, 1, 17, 18, 19, 20, 21, 22, 23]);
  });
});

describe("prefix LM", () => {
  test("without a prefix is causal; all prefix is full", () => {
    expect(picture(prefixLm(0))).toEqual(picture(causal));
    expect(picture(prefixLm(length))).toEqual(positions.map(() => positions));
  });

  test("takes a prefix for each batch element", () => {
    const mask = prefixLm([0, 5, 9]);
    for (const [b, prefix] of [0, 5, 9].entries()) {
      expect(picture(mask, b)).toEqual(picture(prefixLm(prefix)));
    }
  });
});

describe("packed documents", () => {
  test("see their own tokens and no others", () => {
    const mask = document([0, 0, 0, 1, 1, 0]);
    expect(positions.slice(0, 6).map((q) => keysOf(mask, q).filter((kv) => kv < 6))).toEqual([
      [0, 1, 2, 5],
      [0, 1, 2, 5],
      [0, 1, 2, 5],
      [3, 4],
      [3, 4],
      [0, 1, 2, 5],
    ]);
  });

  test("packed causal equals document composed with causal", () => {
    fc.assert(
      fc.property(seed, (number) => {
        const ids = exampleDocuments(length, number);
        expect(picture(packedCausal(ids))).toEqual(picture(and(document(ids), causal)));
      }),
      { numRuns: 20 },
    );
  });
});

describe("shared prefix", () => {
  test("shows a continuation the prompt and its own tokens, as if the others were not there", () => {
    const ids = Int32Array.from(positions, (at) => Math.floor(at / 10));
    const mask = sharedPrefix(10, ids);
    expect(keysOf(mask, 7)).toEqual(positions.slice(0, 8));
    expect(keysOf(mask, 24)).toEqual([...positions.slice(0, 10), 20, 21, 22, 23, 24]);
  });
});

describe("causal by blocks", () => {
  test("of one token is causal; of the whole sequence is full", () => {
    expect(picture(blockCausal(1))).toEqual(picture(causal));
    expect(keysOf(blockCausal(length), 0)).toEqual(positions);
  });

  test("shows all tokens of a block the same keys", () => {
    fc.assert(
      fc.property(small, (block) => {
        const mask = blockCausal(block);
        for (const q of positions) {
          const end = Math.min((Math.floor(q / block) + 1) * block, length);
          expect(keysOf(mask, q)).toEqual(positions.slice(0, end));
        }
      }),
    );
  });
});

describe("block diffusion", () => {
  const [text, block] = [20, 4];
  const mask = blockDiffusion(text, block);

  test("is causal by blocks among clean tokens, which see no noisy ones", () => {
    for (const q of positions.slice(text)) {
      const clean = keysOf(blockCausal(block), q - text).filter((kv) => kv < text);
      expect(keysOf(mask, q)).toEqual(clean.map((kv) => kv + text));
    }
  });

  test("shows a noisy token its own noisy block and all clean blocks before", () => {
    for (const q of positions.slice(0, text)) {
      const start = Math.floor(q / block) * block;
      const noisy = positions.slice(start, start + block);
      expect(keysOf(mask, q)).toEqual([...noisy, ...positions.slice(text, text + start)]);
    }
  });
});

describe("speculative tree", () => {
  /** A node's ancestors by following parents: the definition. */
  const ancestors = (parents: readonly number[], node: number): number[] =>
    node < 0 ? [] : [...ancestors(parents, parents[node] ?? -1), node];

  test("shows a node the context, its ancestors and itself", () => {
    const context = 9;
    const parentsOf = fc.array(fc.nat(), {
      minLength: length - context,
      maxLength: length - context,
    });
    fc.assert(
      fc.property(parentsOf, (draws) => {
        const parents = draws.map((draw, node) => (draw % (node + 1)) - 1);
        const mask = speculativeTree(context, parents);
        for (const q of positions.slice(context)) {
          const path = ancestors(parents, q - context).map((node) => node + context);
          expect(keysOf(mask, q)).toEqual([...positions.slice(0, context), ...path]);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("that is a chain is causal", () => {
    const chain = positions.slice(5).map((_, node) => node - 1);
    expect(picture(speculativeTree(5, chain))).toEqual(picture(causal));
  });
});

describe("Flamingo cross-attention", () => {
  test("shows a token the last image before it, and nothing before the first", () => {
    const mask = flamingo([-1, -1, 0, 0, 1, 3], 5);
    expect(keysOf(mask, 0)).toEqual([]);
    expect(keysOf(mask, 3)).toEqual([0, 1, 2, 3, 4]);
    expect(keysOf(mask, 4)).toEqual([5, 6, 7, 8, 9]);
    expect(keysOf(mask, 5)).toEqual([15, 16, 17, 18, 19]);
  });
});

describe("a mask per batch element", () => {
  test("is in each batch element the mask that was chosen", () => {
    const masks = [causal, slidingWindow(3), prefixLm(8)];
    const choice = [2, 0, 1, 1];
    const mask = perBatch(masks, choice);
    for (const [b, number] of choice.entries()) {
      expect(picture(mask, b)).toEqual(picture(masks[number] ?? causal));
    }
  });
});
