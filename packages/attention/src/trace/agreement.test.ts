/** Every construct that is traced means what it means in JavaScript: both are run, position by position. */
import { expect, test } from "vitest";
import { maskMod, scoreMod } from "../api/mods.ts";
import { compileElement } from "../ir/evaluate.ts";
import { verifyExpression } from "../ir/verify.ts";
import { captures, maskText, masks, scores, scoreText } from "./testing-functions.ts";
import { traceMod } from "./trace-mod.ts";

const lengths = [0, 1, 2, 3, 4, 5, 9];

function* positions(): Generator<{ b: number; h: number; q: number; kv: number }> {
  for (const b of [0, 1]) {
    for (const h of [0, 1, 2])
      for (const q of lengths) for (const kv of lengths) yield { b, h, q, kv };
  }
}

const evaluated = (text: string): never => (0, eval)(text) as never;

test.each(Object.entries(scores))("a score means what JavaScript says: %s", (_, body) => {
  const mod = scoreMod(captures, evaluated(scoreText(body)));
  const { expression, captures: values } = traceMod(mod);
  verifyExpression(expression);
  const element = compileElement(expression.root, values);
  for (const at of positions()) {
    for (const score of [-2.5, -0.5, 0, 0.75, 3]) {
      const expected = mod(score, at);
      const got = Number(element(at.b, at.h, at.q, at.kv, score));
      const isClose =
        Object.is(got, expected) ||
        Math.abs(got - expected) <= 2e-6 * Math.max(1, Math.abs(expected));
      if (!isClose) expect({ at, score, got }).toEqual({ at, score, got: expected });
    }
  }
});

test.each(Object.entries(masks))("a mask means what JavaScript says: %s", (_, body) => {
  const mod = maskMod(captures, evaluated(maskText(body)));
  const { expression, captures: values } = traceMod(mod);
  verifyExpression(expression);
  const element = compileElement(expression.root, values);
  for (const at of positions()) {
    const got = Boolean(element(at.b, at.h, at.q, at.kv, 0));
    if (got !== mod(at)) expect({ at, got }).toEqual({ at, got: mod(at) });
  }
});
