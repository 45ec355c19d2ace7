import { expect, test } from "vitest";
import { and, constant, maskMod, not, or, scoreMod } from "../api/mods.ts";
import { referenceAttention } from "../reference/attention.ts";
import { Tensor } from "../tensor.ts";
import { random } from "../variants/random.ts";
import { modKind, modText, plainMask, plainScore } from "./plain-function.ts";
import { Unfused } from "./unfused.ts";

const rng = random(3);
const tensor = (...shape: readonly number[]): Tensor =>
  new Tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, rng.normal), shape);

const variants = {
  noop: {},
  masked: { mask: maskMod(({ q, kv }) => q >= kv + 3) },
  scored: {
    score: scoreMod(
      { slope: 0.3 },
      ({ slope }) =>
        (score, { h, q, kv }) =>
          score + h * slope * (kv - q),
    ),
  },
  "all of it": {
    score: scoreMod((score) => Math.tanh(score) * 3),
    mask: maskMod(({ h, q, kv }) => (q + kv + h) % 3 !== 0),
    sinks: [0, 1, -2, 30],
  },
};

test.each(Object.entries(variants))(
  "gives what float64 gives, at lengths that no tile divides — %s",
  (_, variant) => {
    const problem = {
      query: tensor(1, 4, 37, 19),
      key: tensor(1, 2, 53, 19),
      value: tensor(1, 2, 53, 11),
    };
    const { out } = new Unfused({ ...problem, ...variant }).run();
    const exact = referenceAttention({ ...problem, ...variant }).out;
    const worst = out.reduce((most, x, at) => Math.max(most, Math.abs(x - (exact[at] ?? NaN))), 0);
    expect(worst).toBeLessThan(3e-6);
  },
);

test("gives the same again, and with one mask for all heads", () => {
  const problem = {
    query: tensor(1, 2, 9, 8),
    key: tensor(1, 2, 17, 8),
    value: tensor(1, 2, 17, 8),
  };
  const unfused = new Unfused({ ...problem, mask: ({ q, kv }) => q >= kv, maskPerHead: false });
  const { out } = unfused.run();
  expect(unfused.run().out).toEqual(out);
  expect(new Unfused({ ...problem, mask: ({ q, kv }) => q >= kv }).run().out).toEqual(out);
});

const table = new Tensor(Int32Array.from([1, 2, 3, 4, 5, 6]), [2, 3]);
const plainOnes = {
  typed: maskMod(
    { ids: new Int32Array([4, 4, 5]) },
    ({ ids }) =>
      ({ q, kv }) =>
        ids[q] === ids[kv],
  ),
  nested: maskMod(
    { keep: [[true, false, true]] },
    ({ keep }) =>
      ({ kv }) =>
        keep[0][kv],
  ),
  tensor: maskMod(
    { table },
    ({ table }) =>
      ({ q, kv }) =>
        table[q % 2][kv] > 2,
  ),
  constant: maskMod(
    { width: constant(1) },
    ({ width }) =>
      ({ q, kv }) =>
        q - kv <= width,
  ),
  composed: and(
    maskMod(({ q }) => q > 0),
    not(
      or(
        maskMod(({ kv }) => kv === 1),
        maskMod(({ kv, q }) => kv > q),
      ),
    ),
  ),
  captured: maskMod(
    { inner: maskMod(({ q, kv }) => q >= kv) },
    ({ inner }) =>
      (at) =>
        inner(at) && at.kv !== 1,
  ),
};

test.each(Object.entries(plainOnes))("plain functions say what their mods say — %s", (_, mod) => {
  const plain = plainMask(mod);
  for (let q = 0; q < 3; q++) {
    for (let kv = 0; kv < 3; kv++) {
      const at = { b: 0, h: 0, q, kv };
      expect(plain(at)).toBe(mod(at));
    }
  }
});

test("a mod shows its text and its kind", () => {
  const score = scoreMod((score, { q }) => score * q);
  expect(plainScore(score)(3, { b: 0, h: 0, q: 2, kv: 0 })).toBe(6);
  expect(modText(score)).toBe("(score, { q }) => score * q");
  expect(modText(and(plainOnes.constant, not(plainOnes.typed)))).toMatch(
    /^and\(\n.*width.*,\nnot\(\n.*ids.*\)/s,
  );
  expect([modKind(score), modKind(plainOnes.typed), modKind(() => 0), modKind(null)]).toEqual([
    "score",
    "mask",
    null,
    null,
  ]);
});
