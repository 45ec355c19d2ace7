/** Functions that use every construct that is traced, for tests: bodies behind given captures. */
import { constant, maskMod, scoreMod } from "../api/mods.ts";
import { Tensor } from "../tensor.ts";
import type { Captures } from "./definition.ts";

/** One of each kind of capture. */
export const captures: Captures = {
  n: 3,
  big: 20_000_001,
  half: 0.5,
  yes: true,
  slopes: new Float32Array([0.5, -0.25, 2]),
  ids: new Int32Array([2, 0, 1, 1, 5]),
  bytes: new Uint8Array([0, 1, 2, 255]),
  doubles: new Float64Array([0.5, 1.5]),
  table: [
    [1, 2, 3],
    [4, 5, 6],
  ],
  fractions: [0.5, 1, 2],
  flags: [true, false, true],
  kept: new Tensor(new Uint8Array([1, 0, 0, 1]), [2, 2]),
  bias: new Tensor(
    Float32Array.from({ length: 24 }, (_, i) => i / 4),
    [2, 3, 4],
  ),
  scalar: new Tensor(new Float32Array([1.25]), []),
  four: constant(4),
  offsets: constant([1, 2, 4]),
  near: (a: number, b: number): boolean => Math.abs(a - b) < 3,
  causal: maskMod(({ q, kv }) => q >= kv),
  window: maskMod(
    { width: 4 },
    ({ width }) =>
      ({ q, kv }) =>
        q - kv <= width,
  ),
  alibi: scoreMod(
    { slopes: new Float32Array([0.5, 0.25, 0.125]) },
    ({ slopes }) =>
      (score, { h, q, kv }) =>
        score + slopes[h] * (kv - q),
  ),
};

/** Bodies of score functions, by what they use: what follows `(score, { b, h, q, kv }) =>`. */
export const scores = {
  "arithmetic of scores": "score * 2 - q / 3 + -kv",
  "real division of integers": "q / kv > 1 ? q / (kv + 1) : kv / 4",
  "remainder of negative integers": "(q - kv) % 3 + (kv - q) % -3",
  "remainder of scores": "score % 0.75",
  "floor division": "Math.floor(q / 3) + Math.floor((q - kv) / 4) + Math.floor((kv - q) / -4)",
  "truncated division": "Math.trunc((q - kv) / 4) + (((q - kv) / 3) | 0) + ~~((kv - q) / 5)",
  "shifted division": "((q - kv) / 3 >> 0) + (kv / 2 >>> 0)",
  "ceiling and rounding of divisions": "Math.ceil((q - kv) / 3) * 100 + Math.round((q - kv) / 4)",
  "rounding of scores":
    "Math.floor(score) + Math.ceil(score) + Math.round(score) + Math.trunc(score)",
  "a division kept in a variable": "{ const half = q / 2; return half + Math.floor(half); }",
  "exact integers beyond 2^24": "(q + big) % 1000 + ((kv + big) & 1)",
  powers: "q ** 2 + score ** 2 + Math.pow(q - kv, 3) + (q + 1) ** 0.5 + (q + 1) ** -1 + kv ** 0",
  "bit operations": "(q & 3) + (kv | 8) + (q ^ kv) + ~q + (q << 2) + (-kv >> 1) + (q >>> 1)",
  "Math.imul": "Math.imul(q + 5, -7) + Math.imul(kv, q)",
  "booleans in arithmetic": "(q > kv) + (q === kv) * 2 - +(q < 3) + -(h === 1) + (yes & (q > 2))",
  "booleans compared":
    "((q > 2) === (kv > 2)) + ((q > 2) < (kv > 2)) + ((q > 3) == 1) + ((q > 3) !== 1)",
  "numbers as conditions": "(q ? 1 : 2) + (score ? 3 : 4) + (!kv ? 5 : 6) + (!!h ? 1 : 0)",
  "negated counters of loops":
    "{ let s = 0; for (let i = 0; i < 3; i++) s += ids[-i + q]; return s; }",
  "&& and || of numbers": "(q && kv) + (q || 7) + (q > kv && 5) + (kv > 2 || score) + (score && q)",
  "?? of numbers": "(q ?? 3) + (undefined ?? 4)",
  "minimum and maximum": "Math.min(q, kv, 5) + Math.max(score, 0) + Math.min(q, 2.5) + Math.max(q)",
  "hypot of several": "Math.hypot(q, kv) + Math.hypot(score, q, kv) + Math.hypot(score)",
  "sign and abs": "Math.sign(q - kv) + Math.abs(q - kv) + Math.sign(score) + Math.abs(score)",
  "functions of Math":
    "Math.exp(score / 8) + Math.tanh(score) + Math.log(q + 1) + Math.sin(kv) + Math.atan2(q, kv + 1) + Math.cbrt(q) + Math.log1p(kv)",
  "constants of Math": "score * Math.PI + Math.SQRT2 - Math.LN2 + Number.EPSILON",
  "aliases of Math":
    "{ const { min, max: most } = Math; const f = Math.floor; return min(q, 2) + most(kv, 3) + f(score); }",
  "Number and Boolean": "Number(q > kv) + (Boolean(q) ? 1 : 2) + (Number.isInteger(q) ? 1 : 0)",
  infinities:
    "q > kv ? -1 / 0 : q === kv ? -Infinity : Number.isFinite(score) ? 1 : Number.POSITIVE_INFINITY",
  "NaN tests": "(isNaN(score) ? 1 : 2) + (Number.isNaN(NaN) ? 4 : 8) + (score !== score ? 16 : 32)",
  "comparisons with fractions":
    "(q < 2.5) + (q <= 2.5) * 2 + (2.5 < kv) * 4 + (q >= -0.5) * 8 + (q === 2.5) * 16",
  "comparisons out of range":
    "(q < 1e10) + (q > -Infinity) * 2 + (kv < Infinity) * 4 + (q > 4294967296) * 8 + (q < NaN) * 16",
  "early returns": "{ if (q < 2) return 1; if (kv < 2) return 2; return score; }",
  "returns whose conditions leave nothing over":
    "{ if (q > kv) return score; if (q <= kv) return 0; }",
  "nested early returns":
    "{ if (q > 1) { if (kv > 2) return 1; if (h) return 2; } else if (b) { return 3; } return score; }",
  "returns on every path": "{ if (q > kv) { return score } else { return 0 } }",
  "assignment on one path":
    "{ let r = score; if (q > kv) r = r * 2; else r -= 1; r += q; return r; }",
  "assignment before a return":
    "{ let r = 1; if (q > 2) { r = 2; if (kv > 2) return r; r = 3; } return r + score; }",
  "declared without a value": "{ let r; if (q > 2) r = 1; else r = score; return r; }",
  "statements as && and commas": "{ let r = score; return q === 0 && (r *= 2), r; }",
  "assignment in an expression": "{ let r; const s = (r = q) + r; return s + (r += 2) * r; }",
  "assignment in a branch of ?:":
    "{ let r = 1; q > 2 ? (r = 2) : kv > 2 ? (r = 3) : r++; return r; }",
  increments: "{ let i = q; const a = i++ + i; const c = --i - i--; return a * 10 + c + i; }",
  "logical assignment": "{ let r = q; r ||= 7; r &&= kv; let s; s ??= 2; return r * 10 + s; }",
  "compound assignment":
    "{ let r = q; r **= 2; r %= 7; r <<= 1; r |= 1; r ^= 3; r >>= 1; r /= 2; return r; }",
  "var in blocks":
    "{ var r = 1; if (q > 2) { var r = 2; var s = 5; } return r + (q > 2 ? s : 0); }",
  "shadowed names": "{ const r = 1; { const r = q; if (r > 3) return r; } return r; }",
  "loops with constant bounds":
    "{ let s = 0; for (let i = 0; i < 4; i++) s += slopes[i] * i; return s; }",
  "loops by constant(n)":
    "{ let s = score; for (let i = 0, j = four; i < j; i++, j--) s += i * q; return s; }",
  "break and continue":
    "{ let s = 0; for (let i = 0; i < 3; i++) { if (i === q) continue; if (i > kv) break; s += i + 1; } return s; }",
  "return from a loop":
    "{ for (let i = 0; i < 4; i++) if (ids[i] === kv % 3) return i; return -1; }",
  "while and do":
    "{ let i = 0, s = 0; while (i < 3) { s += i * q; i++; } do { s += kv; } while (--i > 0); return s; }",
  "nested loops":
    "{ let s = 0; for (let i = 0; i < 3; i++) for (let j = i; j < 3; j++) { if (j === h) continue; s += i * j + q; } return s; }",
  "for of":
    "{ let s = 0; for (const o of offsets) if (q - kv === o) s += o; for (const x of [1, kv]) s += x; return s; }",
  "while (true) with break":
    "{ let i = 0; while (true) { if (i >= 3) break; i++; } for (;;) { if (q > i) break; return i; } return score; }",
  "closures in loops":
    "{ const f = []; let s = 0; for (let i = 0; i < 3; i++) { const g = () => i * q; s += g(); } return s; }",
  "helper arrows":
    "{ const sq = (x) => x * x; const twice = (f, x) => f(f(x)); return sq(q) + twice((x) => x + 1, kv); }",
  "helper functions":
    "{ return sq(q) + lin(kv, 2); function sq(x) { return x * x; } function lin(x, y) { if (x > y) return x; return y; } }",
  "helper functions above their use":
    "{ function sq(x) { return x * x; } const cube = function (x) { return x * sq(x); }; return sq(q) + cube(kv); }",
  "helpers that assign":
    "{ let n1 = 0; const add = (x) => { if (x > 2) { n1 += x; return 1; } return 0; }; const r = add(q) + add(kv); return n1 * 10 + r; }",
  "functions that run at once":
    "((a, b) => a * 2 + b)(q, score) + (function (x) { return x + 1; })(kv) + (() => { if (q > 2) return 3; return 4; })()",
  "a function by a condition": "{ const f = q > 2 ? (x) => x * 2 : (x) => x + 100; return f(kv); }",
  "spread arguments": "Math.max(...[q, kv, 3]) + ((...xs) => xs[1] + xs.length)(q, kv)",
  "objects and arrays":
    "{ const p = { x: q, y: kv }; const { x, ...rest } = p; const [a, , c] = [1, 2, x]; let [u, v] = [q, kv]; [u, v] = [v, u]; return x * rest.y + a + c + u * 10 + v; }",
  elements: "slopes[h] + ids[kv] + bytes[q] + doubles[b] + fractions[h]",
  "elements of higher rank":
    "bias[b][h][kv] + table[b][h] + (kept[b][h] ? 1 : 2) + (flags[h] ? 4 : 8)",
  "clamped indices": "slopes[q + 10] + slopes[q - 100] + bias[9][-3][kv] + ids[q * 5]",
  "indices of indices":
    "slopes[ids[q]] + ids[ids[kv]] + slopes[Math.floor(score)] + slopes[Math.min(Math.round(score * 2), 2)]",
  "rows in variables":
    "{ const row = bias[b]; const { length } = slopes; return row[h][q] + row[0][0] + length + bias.length * 10 + bias[0].length * 100; }",
  "a row by a condition": "(q > kv ? slopes : fractions)[h]",
  "captured numbers": "n * q + half * kv + big % 7 + (yes ? 1 : 2) + scalar",
  "captured functions": "(near(q, kv) ? 1 : 2) + (causal({ b, h, q, kv }) ? 4 : 8)",
  "captured mods": "alibi(score, { b, h, q, kv }) + (window({ b, h, q: q + 1, kv }) ? 1 : 0)",
  "optional chaining": "slopes?.[h]",
  "a string as a key": "{ const p = { x: q }; return p['x']; }",
  "a choice between a boolean and a number": "score + (q > kv ? q > 2 : 5) + (q > 1 && kv)",
} as const;

/** Bodies of mask functions, by what they use: what follows `({ b, h, q, kv }) =>`. */
export const masks = {
  comparisons: "q >= kv && (q < kv + n || kv <= 1) && q !== 3",
  "equality of booleans": "(q > 2) === (kv > 2) || (q > 1) !== yes",
  "literals and negation": "!(q > kv) || !1 || !0 && h === 0",
  "a constant": "true",
  "decided now": "four > 3 ? q > kv : q < kv",
  "an early return":
    "{ if (b === 1) return false; if (h === 0 || kv === 0) return true; return q >= kv; }",
  "a loop": "{ for (const o of offsets) if (q - kv === o) return true; return q === kv; }",
  "a loop over a flag":
    "{ let any = false; for (let i = 0; i < 3; i++) any ||= ids[i] === kv; return any; }",
  elements: "ids[q] === ids[kv] && flags[h]",
  "compared with scores of other types": "q / 2 < kv && half < 1 && slopes[h] > 0",
  "comparisons of mixed kinds": "(q > 2) != 0 && (kv > 2) === true",
  "captured masks": "causal({ b, h, q, kv }) && !window({ b, h, q, kv })",
} as const;

const names = Object.keys(captures).join(", ");

export const scoreText = (body: string): string =>
  `({ ${names} }) => (score, { b, h, q, kv }) => ${body}`;

export const maskText = (body: string): string => `({ ${names} }) => ({ b, h, q, kv }) => ${body}`;
