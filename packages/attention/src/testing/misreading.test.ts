import { stripTypeScriptTypes } from "node:module";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { maskMod, scoreMod, type MaskMod, type ScoreMod } from "../api/mods.ts";
import { checkRanges } from "../ir/check-ranges.ts";
import { definitionKey, type Mod } from "../trace/definition.ts";
import { captures, maskText, masks, scores, scoreText } from "../trace/testing-functions.ts";
import { programCaptures, programs } from "../trace/testing-programs.ts";
import { traceMod } from "../trace/trace-mod.ts";
import { findMisreading } from "./misreading.ts";

const extent = { B: 2, Hq: 3, M: 10, N: 10 };

const evaluated = (text: string): never => (0, eval)(text) as never;

/** A function that carries another one's definition: as if the compiler had read the other. */
const readAs = <F extends ScoreMod | MaskMod>(fn: F, other: F): F => {
  const run = (...args: readonly unknown[]): unknown =>
    (fn as (...all: never) => unknown)(...(args as never));
  return Object.assign(run, { [definitionKey]: (other as Mod)[definitionKey] }) as unknown as F;
};

describe("what the compiler understood is not called misread", () => {
  test.each(Object.entries(scores))("a score: %s", (_, body) => {
    const score = scoreMod(captures, evaluated(scoreText(body)));
    expect(findMisreading({ score }, extent)).toBeNull();
  });

  test.each(Object.entries(masks))("a mask: %s", (_, body) => {
    const mask = maskMod(captures, evaluated(maskText(body)));
    expect(findMisreading({ mask }, extent)).toBeNull();
  });

  test.each(["mask", "score"] as const)("a random %s", (kind) => {
    let legal = 0;
    const near = { ...extent, queryOffset: [0, 2 ** 25], budget: 300 };
    const box = { b: { lo: 0, hi: 1 }, h: { lo: 0, hi: 2 }, kv: { lo: 0, hi: 9 } };
    for (const text of fc.sample(programs(kind), { numRuns: 60, seed: 11 })) {
      const fn = evaluated(stripTypeScriptTypes(`(${text})`));
      const mods =
        kind === "mask"
          ? { mask: maskMod(programCaptures, fn) }
          : { score: scoreMod(programCaptures, fn) };
      for (const mod of Object.values(mods)) {
        const { expression, captures: values } = traceMod(mod);
        try {
          checkRanges(expression, values, { ...box, q: { lo: 0, hi: 2 ** 25 + 9 } });
        } catch (error) {
          if (error instanceof RangeError) continue;
          throw error;
        }
        legal++;
        expect({ text, problem: findMisreading(mods, near) }).toEqual({ text, problem: null });
      }
    }
    expect(legal).toBeGreaterThan(30);
  });

  const doubles = Float64Array.of(0.1, 0.2, 0.3);
  test.each<[string, { score?: ScoreMod; mask?: MaskMod }]>([
    ["literals that f32 rounds", { score: scoreMod((s, { q }) => s * 0.1 + q / 3) }],
    [
      "a comparison that f32 decides otherwise",
      { mask: maskMod(({ q, kv }) => q * 0.1 <= kv * 0.3) },
    ],
    [
      "captured doubles",
      {
        score: scoreMod(
          { doubles, x: 0.7 },
          ({ doubles: d, x }) =>
            (s, { q }) =>
              s + d[q] * x,
        ),
      },
    ],
    [
      "Math.fround",
      { score: scoreMod((s, { q }) => Math.fround(s + 0.1) + Math.fround(q + 2 ** 25)) },
    ],
    ["hypot of many", { score: scoreMod((s, { q, kv }) => Math.hypot(s, q, kv, 0.3)) }],
    ["an integer beyond 32 bits, which saturates", { score: scoreMod((s) => (s * 1e10) | 0) }],
    ["an integer's negative zero", { score: scoreMod((s, { q }) => s + 1 / (q * -1)) }],
    ["NaN and infinities", { score: scoreMod((s, { q }) => Math.log(s) - (q > 3 ? Infinity : 0)) }],
  ])("%s", (_, mods) => {
    expect(findMisreading(mods, extent)).toBeNull();
  });
});

describe("a faulty reading is found", () => {
  const score = (fn: (score: number, at: { q: number; kv: number }) => number): ScoreMod =>
    scoreMod(fn);

  test.each<[string, ScoreMod, ScoreMod]>([
    ["another sign", score((s, { q, kv }) => s + (q - kv)), score((s, { q, kv }) => s + (q + kv))],
    ["another operator", score((s, { q }) => s + (q % 7)), score((s, { q }) => s + Math.min(q, 7))],
    ["a literal off by a millionth", score((s) => s * 0.1), score((s) => s * 0.100_000_1)],
    ["a lost term", score((s) => s + 1e-12), score((s) => s)],
    ["NaN instead of a number", score((s) => s), score((s) => (s - s) / (s - s))],
    ["the wrong infinity", score(() => -Infinity), score(() => Infinity)],
  ])("in a score: %s", (_, fn, other) => {
    expect(findMisreading({ score: fn }, extent)).toBeNull();
    expect(findMisreading({ score: readAs(fn, other) }, extent)).toMatch(
      /^score at b = \d+, h = \d+, q = \d+, kv = \d+, for a score of \S+: the function gives \S+, the traced expression \S+; /,
    );
  });

  const causal = maskMod(({ q, kv }) => q >= kv);
  const strict = maskMod(({ q, kv }) => q > kv);

  test("in a mask, at the first position that shows it", () => {
    expect(findMisreading({ mask: readAs(causal, strict) }, extent)).toBe(
      "mask at b = 0, h = 0, q = 0, kv = 0: the function gives true, the traced expression false; the compiler misread the function",
    );
  });

  test.each([4_096, 1_000_000])("in a mask of %i keys, whose edges alone are wrong", (N) => {
    const window = (width: number): MaskMod =>
      maskMod(
        { width },
        ({ width: w }) =>
          ({ q, kv }) =>
            q - kv <= w,
      );
    const far = { B: 1, Hq: 2, M: N, N };
    expect(findMisreading({ mask: readAs(causal, strict) }, far)).toMatch(/^mask at/);
    expect(findMisreading({ mask: readAs(window(3), window(4)) }, far)).toMatch(/^mask at/);
  });
});
