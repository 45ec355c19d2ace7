/** Random functions keep their form through every minifier. */
import { stripTypeScriptTypes } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expressionHash } from "../ir/print.ts";
import { minified, minifiers } from "./testing-minifiers.ts";
import { programCaptures, programs } from "./testing-programs.ts";
import { traceText } from "./trace-mod.ts";

const count = process.env["VIGIL_TEST"] === "full" ? 2_000 : 40;

/** Down-levelled code calls helpers outside of the function's text, which the gallery's functions never need. */
const { "swc to ES5": _, ...inPlace } = minifiers;

/**
 * What is left apart, a few in 1,000: decisions of more conditions than a truth table takes, `(x | 8) & 1023` as
 * `x & 1023 | 8`, and `-(i % 3)` as `-i % 3`, which differ at the end of 32 bits.
 */
const allowed = 0.01;

test.each(["score", "mask"] as const)(
  "a random %s has one form through all minifiers",
  async (kind) => {
    const apart: string[] = [];
    let compared = 0;
    for (const typed of fc.sample(programs(kind), { numRuns: count, seed: 20_241_122 })) {
      const text = stripTypeScriptTypes(`(${typed})`).trim().slice(1, -1);
      const form = expressionHash(traceText(text, kind, programCaptures).expression);
      for (const [name, minify] of Object.entries(inPlace)) {
        const small = String(await minified(minify, text));
        compared++;
        if (expressionHash(traceText(small, kind, programCaptures).expression) !== form) {
          apart.push(`${name}: ${small}`);
        }
      }
    }
    expect(apart.slice(Math.floor(allowed * compared))).toEqual([]);
  },
);
