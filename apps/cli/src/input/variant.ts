/** Finds the variant that a command names: an entry of the gallery, or a file of the user's. */
import { stat } from "node:fs/promises";
import { registerHooks } from "node:module";
import { basename, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { maskMod, scoreMod } from "@vigil/attention";
import type { MaskMod, ScoreMod } from "@vigil/attention";
import { gallery, modKind, modText } from "@vigil/attention/testing";
import type { GalleryShape, Mods } from "@vigil/attention/testing";
import { closest } from "../closest.ts";
import { UsageError } from "../usage-error.ts";

export interface NamedVariant {
  readonly name: string;
  readonly title: string;
  /** Where it is published; for a file, its name. */
  readonly source: string;
  /** The variant for these lengths; a file's is the same for all. */
  make(shape: GalleryShape): Mods;
}

const PACKAGE = "@vigil/attention";
const SEED = 1;

/** A file that lies outside any project with our package gets the package of this command. */
function offerPackage(): void {
  registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (specifier !== PACKAGE && !specifier.startsWith(`${PACKAGE}/`)) throw error;
        return next(specifier, { ...context, parentURL: import.meta.url });
      }
    },
  });
}

let offered = false;

const looksLikeFile = (reference: string): boolean =>
  /[\\/]/.test(reference) || /\.[cm]?[jt]s$/.test(reference);

const wrong = (path: string, expected: string, got: string, remedy: string): UsageError =>
  new UsageError({ name: path, expected, got, remedy });

async function importFile(path: string): Promise<Readonly<Record<string, unknown>>> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile() !== true) {
    throw wrong(
      path,
      "a file",
      "nothing there",
      "pass the path of a TypeScript or JavaScript module",
    );
  }
  if (!offered) offerPackage();
  offered = true;
  try {
    return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    // What scoreMod and maskMod say about the user's function is the message to show.
    if (error instanceof Error && error.name === "TraceError") throw error;
    const got = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new UsageError(
      { name: path, expected: "a module that loads", got, remedy: "correct the module" },
      { cause: error },
    );
  }
}

const forms =
  "a default export that is a mod, a function, or { score, mask, sinks }; or exports of these names";

const isFunction = (value: unknown): value is (...args: never[]) => unknown =>
  typeof value === "function";

/** A mod as it is; a plain function as the kind it is exported as. */
function asMod(
  path: string,
  kind: "score" | "mask",
  value: unknown,
): ScoreMod | MaskMod | undefined {
  if (value === undefined) return undefined;
  const known = modKind(value);
  if (known !== null && known !== kind) {
    throw wrong(
      path,
      `a ${kind} function as ${kind}`,
      `a ${known} function`,
      `export it as ${known}`,
    );
  }
  if (known !== null) return value as ScoreMod | MaskMod;
  if (!isFunction(value)) {
    throw wrong(path, `a function as ${kind}`, typeof value, `write ${kind}Mod(...)`);
  }
  return kind === "score" ? scoreMod(value as ScoreMod) : maskMod(value as MaskMod);
}

function asSinks(path: string, value: unknown): Float32Array | undefined {
  if (value === undefined) return undefined;
  if (value instanceof Float32Array) return value;
  if (Array.isArray(value) && value.every((sink) => typeof sink === "number")) {
    return Float32Array.from(value);
  }
  throw wrong(path, "sinks as numbers, one per query head", typeof value, "export a Float32Array");
}

/** By its kind; a plain function by its parameters: a score function takes two, a mask function one. */
const soleFunction = (value: (...args: never[]) => unknown): Readonly<Record<string, unknown>> => ({
  [modKind(value) ?? (value.length === 2 ? "score" : "mask")]: value,
});

const parts = ["score", "mask", "sinks"] as const;

/** Refuses a misspelt part, which would be left out of what is computed. */
function checkKeys(path: string, given: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(given).find((key) => !parts.some((part) => part === key));
  if (unknown === undefined) return;
  const meant = closest(unknown, parts);
  const remedy =
    meant === null ? "export it under its own name, or leave it out" : `did you mean ${meant}`;
  throw wrong(path, `a default export of ${parts.join(", ")}`, JSON.stringify(unknown), remedy);
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** @throws UsageError the module exports nothing of the forms above */
export function modsOfModule(path: string, module: Readonly<Record<string, unknown>>): Mods {
  const { default: main } = module;
  if (isRecord(main)) checkKeys(path, main);
  const given = isFunction(main) ? soleFunction(main) : isRecord(main) ? main : module;
  const score = asMod(path, "score", given.score) as ScoreMod | undefined;
  const mask = asMod(path, "mask", given.mask) as MaskMod | undefined;
  const sinks = asSinks(path, given.sinks);
  if (score === undefined && mask === undefined && sinks === undefined) {
    const got = Object.keys(given).join(", ") || "no exports";
    throw wrong(path, forms, got, "write for example export default ({ q, kv }) => q >= kv");
  }
  return {
    ...(score === undefined ? {} : { score }),
    ...(mask === undefined ? {} : { mask }),
    ...(sinks === undefined ? {} : { sinks }),
  };
}

/** @throws UsageError there is no such variant or file, or the file holds no variant */
export async function findVariant(reference: string): Promise<NamedVariant> {
  const entry = gallery.find(({ name }) => name === reference);
  if (entry !== undefined) {
    const { name, title, source } = entry;
    return { name, title, source, make: (shape) => entry.make(shape, SEED) };
  }
  if (!looksLikeFile(reference)) {
    const names = gallery.map(({ name }) => name);
    const near = closest(reference, names);
    const remedy = near === null ? "pass ./file.ts or a name" : `did you mean ${near}`;
    throw wrong(
      "<variant>",
      `a file, or one of ${names.join(", ")}`,
      JSON.stringify(reference),
      remedy,
    );
  }
  const path = resolve(reference);
  const mods = modsOfModule(reference, await importFile(path));
  const name = basename(path, extname(path));
  return { name, title: name, source: basename(path), make: () => mods };
}

/** The functions of a variant as text, for reports. */
export function variantText({ score, mask, sinks }: Mods): string {
  return [
    ...(score === undefined ? [] : [`score: ${modText(score)}`]),
    ...(mask === undefined ? [] : [`mask: ${modText(mask)}`]),
    ...(sinks === undefined ? [] : [`sinks: one logit for each of ${sinks.length} heads`]),
  ].join("\n\n");
}
