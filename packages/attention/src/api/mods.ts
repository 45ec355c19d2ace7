/** Score and mask functions: `scoreMod`, `maskMod`, `constant`, `and`, `or`, `not`. */
import { describe, typeError } from "../errors.ts";
import type { Position } from "../ir/types.ts";
import { Constant, definitionKey, isMod } from "../trace/definition.ts";
import type {
  Captures,
  ConstantData,
  Definition,
  HelperFunction,
  Mod,
  ModKind,
} from "../trace/definition.ts";
import { textOf } from "../trace/source.ts";
import { traceMod } from "../trace/trace-mod.ts";
import { openCaptures } from "../trace/view.ts";

export type { Position } from "../ir/types.ts";
export type { Capture, Captures, ConstantData } from "../trace/definition.ts";

/** What one score becomes: `score` is already scaled; -Infinity masks. */
export type ScoreFunction = (score: number, at: Position) => number;

/** Whether the query at a position attends to the key there. */
export type MaskFunction = (at: Position) => boolean;

/** A score function that the compiler can read. Called as a function, it is the plain JavaScript: the reference. */
export interface ScoreMod extends Mod {
  (score: number, at: Position): number;
}

/** A mask function that the compiler can read. Called as a function, it is the plain JavaScript: the reference. */
export interface MaskMod extends Mod {
  (at: Position): boolean;
}

/** A captured tensor, indexed once per dimension: `bias[h][q][kv]`. Indices outside are clamped. */
export interface TensorView {
  readonly length: number;
  // A type of its own for each rank would need the rank, which a shape of numbers does not tell; and with
  // `noUncheckedIndexedAccess` any other type would be `| undefined`, which a clamped index never is.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly [index: number]: any;
}

type Opened<T> =
  T extends Constant<infer Value>
    ? Value
    : T extends number
      ? number
      : T extends boolean
        ? boolean
        : T extends HelperFunction
          ? T
          : TensorView;

/** The captures as the function sees them: numbers, constants' values, functions, and indexable tensors. */
export type OpenedCaptures<C extends Captures> = { readonly [K in keyof C]: Opened<C[K]> };

const call: { readonly [K in ModKind]: string } = { score: "scoreMod", mask: "maskMod" };

type AnyFunction = (...args: never[]) => unknown;

const isFunction = (value: unknown): value is AnyFunction => typeof value === "function";

function checkedFunction(kind: ModKind, value: unknown): AnyFunction {
  if (isFunction(value) && !isMod(value)) return value;
  throw typeError({
    name: call[kind],
    expected: "a function, or captures and a function",
    got: isMod(value) ? "a mod" : describe(value),
    remedy: isMod(value)
      ? "use it as it is, or capture it"
      : `write ${call[kind]}({ a }, ({ a }) => ...)`,
  });
}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function checkedCaptures(kind: ModKind, value: unknown): Captures {
  const isRecord = typeof value === "object" && value !== null;
  if (!isRecord || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw typeError({
      name: `${call[kind]} captures`,
      expected: "an object of named values",
      got: describe(value),
      remedy: `write ${call[kind]}({ slopes }, ({ slopes }) => ...)`,
    });
  }
  const name = Object.keys(value).find((key) => !identifier.test(key));
  if (name === undefined) return value as Captures;
  throw typeError({
    name: `${call[kind]} captures`,
    expected: "names that are identifiers",
    got: describe(name),
    remedy: "rename it, so that the function can take it as ({ name }) => ...",
  });
}

/** The function with its captures opened; opened again when one of them has been replaced. */
function bound(outer: (captures: never) => unknown, captures: Captures): () => AnyFunction {
  let seen: unknown[] | null = null;
  let inner: AnyFunction | null = null;
  return () => {
    const now = Object.values(captures);
    if (inner === null || !seen?.every((value, at) => Object.is(value, now[at]))) {
      seen = now;
      inner = outer(openCaptures(captures) as never) as AnyFunction;
    }
    return inner;
  };
}

function makeMod(definition: Definition, run: AnyFunction): AnyFunction & Mod {
  const mod = Object.assign(run, { [definitionKey]: definition });
  // Errors in the function are thrown here, where its author sees the line of the call.
  traceMod(mod);
  return mod;
}

function functionMod(kind: ModKind, first: unknown, second: unknown): AnyFunction & Mod {
  const captures = second === undefined ? null : checkedCaptures(kind, first);
  const fn = checkedFunction(kind, second ?? first);
  const text = textOf(fn, call[kind]);
  const inner = captures === null ? () => fn : bound(fn, captures);
  return makeMod({ form: "function", kind, text, captures }, (...args) => inner()(...args));
}

/**
 * A score function, as data for the compiler: `score' = fn(score, { b, h, q, kv })`.
 *
 * `score` is `scale * Q[b, h, q] · K[b, h', kv]`; `b`, `h`, `q`, `kv` are integers: batch element, query head,
 * and positions with `queryOffset` added. Returning -Infinity masks. Values from outside are captured:
 * `scoreMod({ slopes }, ({ slopes }) => (score, { h, q, kv }) => score + slopes[h] * (kv - q))`.
 * A captured number or tensor is an input of the kernel: another value, or another length, compiles nothing.
 * A number is an i32 in the kernel while it is a 32-bit integer, else an f32; tensors are f32, i32 or bool
 * (Float64Array, f16 and bf16 are converted). Cost: about a millisecond, once.
 *
 * @throws TraceError  the function cannot become a kernel; the message shows the line and what to write instead
 * @throws TypeError   a capture is no number, boolean, constant, array, Tensor or function
 * @throws RangeError  a captured array is empty
 */
export function scoreMod(fn: ScoreFunction): ScoreMod;
export function scoreMod<C extends Captures>(
  captures: C,
  fn: (captures: OpenedCaptures<C>) => ScoreFunction,
): ScoreMod;
export function scoreMod(first: unknown, second?: unknown): ScoreMod {
  return functionMod("score", first, second) as ScoreMod;
}

/**
 * A mask function, as data for the compiler: query q of head h attends to key kv where `fn({ b, h, q, kv })`.
 *
 * `maskMod(({ q, kv }) => q >= kv)` is causal attention;
 * `maskMod({ width }, ({ width }) => ({ q, kv }) => q - kv <= width)` captures a number. Captures as in `scoreMod`.
 *
 * @throws TraceError  the function cannot become a kernel; the message shows the line and what to write instead
 * @throws TypeError   a capture is no number, boolean, constant, array, Tensor or function
 * @throws RangeError  a captured array is empty
 */
export function maskMod(fn: MaskFunction): MaskMod;
export function maskMod<C extends Captures>(
  captures: C,
  fn: (captures: OpenedCaptures<C>) => MaskFunction,
): MaskMod;
export function maskMod(first: unknown, second?: unknown): MaskMod {
  return functionMod("mask", first, second) as MaskMod;
}

/**
 * A capture that becomes part of the kernel: loops over it are unrolled, branches on it are decided.
 * Each value is a kernel of its own, compiled when it is first used; a plain number compiles once for all.
 *
 * @throws TypeError  the value is no number, boolean, or nested arrays of them
 */
export function constant<const T extends ConstantData>(value: T): Constant<T> {
  const isData = (data: unknown): boolean =>
    typeof data === "number" ||
    typeof data === "boolean" ||
    (Array.isArray(data) && data.every(isData));
  if (isData(value)) return new Constant(value);
  throw typeError({
    name: "constant",
    expected: "a number, a boolean, or arrays of them",
    got: describe(value),
    remedy: "capture typed arrays, tensors and functions as they are",
  });
}

function compose(form: "and" | "or" | "not", masks: readonly (MaskMod | MaskFunction)[]): MaskMod {
  const parts = masks.map(asMaskMod);
  const runs: { readonly [K in typeof form]: MaskFunction } = {
    and: (at) => parts.every((part) => part(at)),
    or: (at) => parts.some((part) => part(at)),
    not: (at) => !parts.some((part) => part(at)),
  };
  return makeMod({ form, kind: "mask", parts }, runs[form]) as MaskMod;
}

/** Attends where every mask does; without masks, everywhere. */
export const and = (...masks: readonly (MaskMod | MaskFunction)[]): MaskMod =>
  compose("and", masks);

/** Attends where any mask does; without masks, nowhere. */
export const or = (...masks: readonly (MaskMod | MaskFunction)[]): MaskMod => compose("or", masks);

/** Attends where the mask does not. */
export const not = (mask: MaskMod | MaskFunction): MaskMod => compose("not", [mask]);

/** The mods of plain functions, so that one function is traced once. */
const plainMods = { score: new WeakMap<object, ScoreMod>(), mask: new WeakMap<object, MaskMod>() };

function checkKind(kind: ModKind, mod: Mod): void {
  const got = mod[definitionKey].kind;
  if (got === kind) return;
  throw typeError({
    name: kind,
    expected: `a ${kind} function`,
    got: `a ${got} function`,
    remedy: `pass it as ${got}, or make it with ${call[kind]}`,
  });
}

/** A mod as it is, or a function without captures made one. */
export function asScoreMod(score: ScoreMod | ScoreFunction): ScoreMod {
  if (isMod(score)) {
    checkKind("score", score);
    return score;
  }
  const known = plainMods.score.get(score);
  if (known !== undefined) return known;
  const mod = scoreMod(score);
  plainMods.score.set(score, mod);
  return mod;
}

/** A mod as it is, or a function without captures made one. */
export function asMaskMod(mask: MaskMod | MaskFunction): MaskMod {
  if (isMod(mask)) {
    checkKind("mask", mask);
    return mask;
  }
  const known = plainMods.mask.get(mask);
  if (known !== undefined) return known;
  const mod = maskMod(mask);
  plainMods.mask.set(mask, mod);
  return mod;
}
