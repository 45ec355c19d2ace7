/** What cannot become a kernel is refused with the line, a caret and what to write instead. */
import { expect, test } from "vitest";
import { and, constant, maskMod, scoreMod } from "../api/mods.ts";
import { Tensor } from "../tensor.ts";
import type { Captures } from "./definition.ts";
import { TraceError } from "./trace-error.ts";
import { traceText } from "./trace-mod.ts";

const given: Captures = {
  n: 3,
  width: 2.5,
  slopes: new Float32Array([0.5, 0.25]),
  bias: new Tensor(new Float32Array(24), [2, 3, 4]),
  list: constant([1, 2]),
  near: (a: number, b: number): boolean => Math.abs(a - b) < 3,
  causal: maskMod(({ q, kv }) => q >= kv),
  alibi: scoreMod((score, { q, kv }) => score + kv - q),
};

const names = Object.keys(given).join(", ");

/** Score functions: what follows `({ ...captures }) => (score, { b, h, q, kv }) =>`. */
const scores = {
  "a free variable": "score * weight",
  "two free variables": "score * weight + shift",
  "a free variable called": "weigh(score)",
  "a coverage counter": "(cov_1a2b.s[0]++, score)",
  "an imported name, as Vite writes it": "(0, __vite_ssr_import_0__.near)(q, kv) ? score : 0",
  "a free variable assigned": "{ weight = 2; return score; }",
  "a loop bound that is not known":
    "{ let s = score; for (let i = 0; i < n; i++) s += i; return s; }",
  "a loop that depends on the position": "{ let i = 0; while (i < q) i++; return i; }",
  "a loop that is too long": "{ let s = 0; for (let i = 0; i < 5000; i++) s += i; return s; }",
  "an endless loop": "{ for (;;) {} }",
  "an element of a capture assigned": "{ slopes[h] = 1; return score; }",
  "a captured number assigned": "{ n = 4; return score; }",
  "a captured number incremented": "score + n++",
  "a constant assigned": "{ const x = 1; x += q; return x; }",
  "too few indices": "score + bias[h][q]",
  "no index": "score + slopes",
  "too many indices": "score + slopes[h][q]",
  "an index that is not an integer": "score + slopes[q / 2]",
  "a score as an index": "score + slopes[score]",
  "a boolean as an index": "score + slopes[q > kv]",
  "a string as an index": "score + slopes.map((x) => x)[h]",
  "an index of a constant array that is not known": "score + list[h]",
  "an index outside a constant array": "score + list[2]",
  "an unknown property of the position": "{ const f = (at) => at.query; return f({ q }); }",
  "an unknown function of Math": "score + Math.sum(q)",
  "a wrong number of arguments": "Math.pow(score)",
  "a mask called with two arguments": "causal(score, { q, kv }) ? 1 : 0",
  "a score function called with one": "alibi({ q, kv })",
  "an incomplete position": "alibi(score, { q })",
  "a function as a number": "score + near",
  "something called that is no function": "score(q)",
  "a boolean returned": "q > kv",
  "a boolean returned on one path": "q > kv ? score : false",
  "nothing returned": "{ score * 2; }",
  "nothing returned on one path": "{ if (q > kv) return score; }",
  "an undefined variable": "{ let s; if (q > kv) s = 1; return score + s; }",
  "a variable used before its line": "{ const a = c; const c = 1; return a; }",
  "undefined in a sum": "score + void 0",
  "a missing argument": "((x, y) => x + y)(score)",
  "a default value": "((x, y = 2) => x + y)(score)",
  recursion: "{ const f = (x) => (x > 0 ? f(x - 1) : 0); return f(q); }",
  "mutual recursion": "{ const f = (x) => g(x); const g = (x) => f(x); return f(q); }",
  this: "this.weight * score",
  arguments: "(function () { return arguments[0]; })(score)",
  strings: "q + 'a'",
  templates: "`${q}`",
  "a string converted": "Number('3') + score",
  "parseInt of a number": "parseInt(score)",
  "Number.parseInt": "Number.parseInt(q / 2)",
  "an unknown property of Number": "Number.range(q)",
  "a global that is no function of numbers": "String(q)",
  "the clock": "score + Date.now()",
  "a random number": "score + Math.random()",
  "the console": "(console.log(q), score)",
  "membership of an array": "[1, 2, 3].includes(h) ? score : 0",
  "membership of a constant": "list.includes(h) ? score : 0",
  "some of an array": "[1, 2, 3].some((x) => x === h) ? score : 0",
  "a reduction of an array": "[q, kv].reduce((a, b) => a + b)",
  "an unknown method of an array": "[q, kv].sort()[0]",
  "a method of a number": "score.toFixed(2)",
  "a method of an element": "slopes[h].toFixed(2)",
  "an object created": "new Set([1]).has(h) ? score : 0",
  "a regular expression": "/a/.test(q) ? 1 : 2",
  "a large integer": "q + 1n",
  classes: "new (class {})()",
  switch: "{ switch (h) { case 0: return score; } return 0; }",
  "try and throw": "{ if (q > kv) throw new Error(); return score; }",
  labels: "{ outer: for (let i = 0; i < 3; i++) { continue outer; } return score; }",
  "for in": "{ for (const i in slopes) return i; return score; }",
  typeof: "typeof q === 'number' ? score : 0",
  in: "'q' in { q } ? score : 0",
  await: "(async () => 1)()",
  "a generator": "(function* () { yield 1; })()",
  "a captured tensor in a loop": "{ let s = 0; for (const x of slopes) s += x; return s; }",
  "a tensor taken apart": "{ const [first] = slopes; return first; }",
  "a tensor spread": "Math.max(...slopes)",
  "an object as a number": "score + { q }",
  "several lines": `{
    const distance = q - kv;
    if (distance < 0) {
      return score * missing;
    }
    return score;
  }`,
} as const;

/** Whole texts, with the kind and the captures that they are given with. */
const texts = {
  "a mask that returns a number": ["mask", "({ q, kv }) => q - kv", null],
  "a mask that returns 1 or 0": [
    "mask",
    "({ q, kv }) => { const a = 1; return q > kv ? a : 0; }",
    null,
  ],
  "a mask with positional parameters": ["mask", "(b, h, q, kv) => q >= kv", null],
  "a score function with positional parameters": [
    "score",
    "(score, b, h, q, kv) => score + q",
    null,
  ],
  "captures without an outer function": ["mask", "({ q, kv }) => q >= kv", { width: 3 }],
  "an outer function of two parameters": [
    "mask",
    "({ width }, { q, kv }) => q >= kv",
    { width: 3 },
  ],
  "an outer function of a block without captures": [
    "score",
    "({ slopes }) => { return (score, { h }) => score + slopes[h]; }",
    null,
  ],
  "a mask returned where a score function is expected": [
    "score",
    "({ both }) => both",
    { both: and(maskMod(() => true)) },
  ],
  "a mangled capture": ["mask", "({ a: t }) => ({ q, kv }) => q - kv <= t", { width: 3 }],
  "no dimension indexed": [
    "score",
    "({ slopes }) => () => slopes",
    { slopes: new Float32Array(2) },
  ],
  "an outer function that returns a number": ["mask", "({ width }) => width", { width: 3 }],
  "an outer function without captures": [
    "mask",
    "({ width }) => ({ q, kv }) => q - kv <= width",
    null,
  ],
  "an unknown capture": ["mask", "({ widht }) => ({ q, kv }) => q - kv <= widht", { width: 3 }],
  "an unknown axis": ["mask", "({ q, k }) => q >= k", null],
  "a default value of a capture": [
    "mask",
    "({ width = 3 }) => ({ q, kv }) => q - kv <= width",
    { width: 3 },
  ],
  "state kept between calls": ["mask", "() => { let n = 0; return ({ q }) => n++ < q; }", {}],
  "an async function": ["mask", "async ({ q, kv }) => q >= kv", null],
  "a generator function": ["mask", "function* ({ q, kv }) { yield q >= kv; }", null],
  "a class": ["mask", "class A {}", null],
  "an expression": ["mask", "q >= kv", null],
  "broken syntax": ["mask", "({ q, kv }) => q >= ", null],
  "type annotations": ["mask", "({ q, kv }: Position): boolean => q >= kv", null],
  "a long minified line": [
    "mask",
    `({ q, kv }) => ${"q >= kv && ".repeat(20)}q > limit && ${"q >= kv && ".repeat(20)}true`,
    null,
  ],
} as const;

function refusal(run: () => unknown): TraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof TraceError) return error;
    throw error;
  }
  throw new Error("expected a TraceError");
}

test.each(Object.entries(scores))("refused: %s", (_, body) => {
  const text = `({ ${names} }) =>\n(score, { b, h, q, kv }) =>\n${body}`;
  expect(refusal(() => traceText(text, "score", given)).message).toMatchSnapshot();
});

test.each(Object.entries(texts))("refused: %s", (_, [kind, text, captures]) => {
  expect(refusal(() => traceText(text, kind, captures)).message).toMatchSnapshot();
});

test("an error in a captured function shows that function", () => {
  const weight = 2;
  const helper = (x: number): number => x * weight;
  const error = refusal(() =>
    scoreMod(
      { helper },
      ({ helper }) =>
        (score) =>
          helper(score),
    ),
  );
  expect(error.message).toMatchSnapshot();
});

test("an error names line and column of the function's text, from 1", () => {
  const error = refusal(() =>
    traceText("(score, { q }) => {\n  const a = 1;\n  return q + b;\n}", "score"),
  );
  expect(error).toMatchObject({ name: "TraceError", line: 3, column: 14 });
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toContain(error.frame);
  expect(error.message).toContain(error.remedy);
});
