/** A function traces to the same expression whatever a minifier has made of its text. */
import { expect, test } from "vitest";
import { expressionHash } from "../ir/print.ts";
import { gallery } from "../variants/gallery.ts";
import { definitionKey, isMod } from "./definition.ts";
import type { Captures, Definition, HelperFunction, Mod } from "./definition.ts";
import { captures, maskText, masks, scores, scoreText } from "./testing-functions.ts";
import { minified, minifiers } from "./testing-minifiers.ts";
import type { Minify } from "./testing-minifiers.ts";
import { traceDefinition, traceText } from "./trace-mod.ts";

const functions = [
  ...Object.entries(scores).map(([name, body]) => ["score", name, scoreText(body)] as const),
  ...Object.entries(masks).map(([name, body]) => ["mask", name, maskText(body)] as const),
];

/** In ES5 these call helpers outside of the function's text, or close iterators in a `finally`. */
const notInEs5 = new Set(["for of", "spread arguments", "objects and arrays", "a loop"]);

test.each(functions)(
  "the minified text is the same expression: %s, %s",
  async (kind, name, text) => {
    const hash = expressionHash(traceText(text, kind, captures).expression);
    for (const [title, minify] of Object.entries(minifiers)) {
      if (title === "swc to ES5" && notInEs5.has(name)) continue;
      const changed = String(await minified(minify, text));
      const got = expressionHash(traceText(changed, kind, captures).expression);
      expect.soft(got, `${title}: ${changed}`).toBe(hash);
    }
  },
);

/** The same mod with every text in it minified: its own, those of captured mods, and those of captured functions. */
async function minifiedDefinition(definition: Definition, minify: Minify): Promise<Definition> {
  if (definition.form !== "function") {
    const parts = definition.parts.map((part) => minifiedMod(part, minify));
    return { ...definition, parts: await Promise.all(parts) };
  }
  const entries = Object.entries(definition.captures ?? {}).map(async ([name, value]) => {
    if (typeof value !== "function") return [name, value] as const;
    if (isMod(value)) return [name, await minifiedMod(value, minify)] as const;
    return [name, await minified(minify, String(value))] as const;
  });
  const changed = Object.fromEntries(await Promise.all(entries)) as Captures;
  const text = String(await minified(minify, definition.text));
  return { ...definition, text, captures: definition.captures === null ? null : changed };
}

async function minifiedMod(mod: Mod, minify: Minify): Promise<Mod & HelperFunction> {
  const definition = await minifiedDefinition(mod[definitionKey], minify);
  return Object.assign(() => 0, { [definitionKey]: definition });
}

const shape = { B: 2, Hq: 4, Hkv: 2, M: 96, N: 128 };

const mods = gallery.flatMap((entry) => {
  const { score, mask } = entry.make(shape, 1);
  return [score, mask].flatMap((mod) => (mod === undefined ? [] : [[entry.name, mod] as const]));
});

test.each(mods)("the minified variant is the same expression: %s", async (_, mod: Mod) => {
  const definition = mod[definitionKey];
  const hash = expressionHash(traceDefinition(definition).expression);
  for (const [title, minify] of Object.entries(minifiers)) {
    const changed = await minifiedDefinition(definition, minify);
    const got = expressionHash(traceDefinition(changed).expression);
    expect.soft(got, `${title}: ${"text" in changed ? changed.text : changed.form}`).toBe(hash);
  }
});
