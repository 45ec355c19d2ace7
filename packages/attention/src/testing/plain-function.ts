/**
 * A mod as the plain JavaScript that somebody without a compiler would write: the same text, with captured tensors as arrays
 * instead of the clamping views that the mod itself uses. For yardsticks of speed only, never for checks.
 */
import { internalError } from "../errors.ts";
import type { Position } from "../ir/types.ts";
import { capturedArray } from "../trace/captured-array.ts";
import type { CapturedArray } from "../trace/captured-array.ts";
import { Constant, definitionKey, isMod } from "../trace/definition.ts";
import type { Capture, Captures, Mod } from "../trace/definition.ts";
import type { MaskFunction, MaskMod, ScoreFunction, ScoreMod } from "../api/mods.ts";

type AnyFunction = (...args: never[]) => unknown;

/** From text to a function: what `import` does for a file. */
function evaluated(text: string): AnyFunction {
  // The text is a function that this process runs already.
  const made: unknown = (0, eval)(`(${text})`);
  if (typeof made !== "function") throw internalError("a mod whose text is no function");
  return made as AnyFunction;
}

let copies = 0;

/**
 * The same function as new code: engines specialise code by what it has called, and a loop that has called several functions
 * calls each of them slowly. It must read nothing but its arguments.
 */
export function fresh<F extends AnyFunction>(loop: F): F {
  return evaluated(`/* ${copies++} */ ${loop.toString()}`) as F;
}

/** Arrays of arrays; the innermost is a typed array, cut from the captured elements. */
function nested({ shape, type, read }: CapturedArray): unknown {
  const { data } = read();
  const build = (axis: number, from: number, size: number): unknown => {
    const length = shape[axis] ?? 0;
    if (axis === shape.length - 1) {
      const row = data.subarray(from, from + length);
      return type === "bool" ? Array.from(row, Boolean) : length > 8 ? row : Array.from(row);
    }
    const step = size / length;
    return Array.from({ length }, (_, at) => build(axis + 1, from + at * step, step));
  };
  return build(0, 0, data.length);
}

function opened(name: string, capture: Capture): unknown {
  if (capture instanceof Constant) return capture.value;
  if (isMod(capture)) return plain(capture);
  const array = capturedArray(name, capture);
  return array === null ? capture : nested(array);
}

const openAll = (captures: Captures): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(captures).map(([name, capture]) => [name, opened(name, capture)]),
  );

const joins: Readonly<
  Record<"and" | "or" | "not", (parts: readonly MaskFunction[]) => MaskFunction>
> = {
  and: (parts) => (at) => parts.every((part) => part(at)),
  or: (parts) => (at) => parts.some((part) => part(at)),
  not: (parts) => (at) => !parts.some((part) => part(at)),
};

function plain(mod: Mod): AnyFunction {
  const definition = mod[definitionKey];
  if (definition.form !== "function") {
    return joins[definition.form](definition.parts.map(plain) as unknown as MaskFunction[]);
  }
  const outer = evaluated(definition.text);
  const { captures } = definition;
  return captures === null ? outer : (outer(openAll(captures) as never) as AnyFunction);
}

export const plainScore = (mod: ScoreMod): ScoreFunction =>
  plain(mod) as (score: number, at: Position) => number;

export const plainMask = (mod: MaskMod): MaskFunction => plain(mod) as (at: Position) => boolean;

/** The text of a mod's function as its author wrote it; a composition as calls. */
export function modText(mod: Mod): string {
  const definition = mod[definitionKey];
  if (definition.form === "function") return definition.text;
  return `${definition.form}(\n${definition.parts.map(modText).join(",\n")},\n)`;
}

/** Whether a value is a score or a mask made by `scoreMod`, `maskMod` and the like; null for anything else. */
export const modKind = (value: unknown): "score" | "mask" | null =>
  isMod(value) ? value[definitionKey].kind : null;
