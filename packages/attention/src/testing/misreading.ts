/**
 * Whether the compiler understood a function: the traced expression against the function itself, called as plain JavaScript.
 *
 * A kernel's budget is set by the rounding of its expression (`roundedMods`): with a wrong expression, the mistake would pay for
 * itself. So two things are checked first, position by position, that share nothing with kernels and budgets:
 *
 * - What the tracer made, with its literals and captured numbers unrounded and computed in double precision, is what the
 *   function returns. Masks agree exactly. Scores do the same operations in the same order, so they agree to the bit, but
 *   where the expression spells one out: `Math.hypot` of n arguments as n - 1 of two, each off by an ulp at most, for which
 *   there are `ULPS`.
 * - What simplification made of it is the same in single precision, operation by operation, to the bit.
 *
 * Two differences are by design, and pass: a fraction made an integer (`x | 0`) saturates beyond 32 bits, where JavaScript wraps
 * around; and integers have no negative zero.
 */
import { compileElement } from "../ir/evaluate.ts";
import type { Position } from "../ir/types.ts";
import { compileExact, type Readings } from "../reference/evaluate.ts";
import { traceExact, traceMod, traceUnsimplified } from "../trace/trace-mod.ts";
import type { Mods } from "../variants/gallery-entry.ts";
import { random } from "../variants/random.ts";
import { samplePositions, type SampledExtent } from "./sample-positions.ts";

/** Ulps of a double by which scores may differ: hypot of as many arguments as anybody writes. */
const ULPS = 16;

type Value = number | boolean;

/** The value at a position; a score function gets this score. */
type Reading = (score: number, at: Position) => Value;

/** What JavaScript means where a kernel means something else by design. */
const byDesign: readonly Readings[] = [
  { toI32: (a) => a | 0 },
  { toF32: (a) => (a === 0 ? -0 : a) },
];

/** Zeros of either sign are one value. */
const isSame = (a: Value, b: Value): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));

function isClose(a: Value, b: Value): boolean {
  if (isSame(a, b)) return true;
  if (typeof a === "boolean" || typeof b === "boolean") return false;
  const size = Math.max(Math.abs(a), Math.abs(b));
  return size < Infinity && Math.abs(a - b) <= ULPS * Number.EPSILON * size;
}

interface Understood {
  readonly name: "score" | "mask";
  /** The function called as JavaScript. */
  readonly called: Reading;
  /** The expression as traced, in double precision. */
  readonly traced: Reading;
  /** The same with the meanings of `byDesign`: seldom needed. */
  readonly others: () => readonly Reading[];
  /** The same in single precision, before simplification and after. */
  readonly single: readonly [before: Reading, after: Reading];
}

type Mod = NonNullable<Mods["score"] | Mods["mask"]>;

function understood(name: "score" | "mask", mod: Mod, called: Reading): Understood {
  const { root, captures } = traceExact(mod);
  const typed = (value: Value): Value => (name === "mask" ? Boolean(value) : Number(value));
  const inDouble = (readings: Readings): Reading => {
    const evaluate = compileExact(root, captures, readings);
    return (score, at) => typed(evaluate(score, at));
  };
  const inSingle = ({ expression, captures: values }: ReturnType<typeof traceMod>): Reading => {
    const evaluate = compileElement(expression.root, values);
    return (score, { b, h, q, kv }) => evaluate(b, h, q, kv, score);
  };
  return {
    name,
    called: (score, at) => typed(called(score, at)),
    traced: inDouble({}),
    others: () => byDesign.map(inDouble),
    single: [inSingle(traceUnsimplified(mod)), inSingle(traceMod(mod))],
  };
}

/** What is wrong at one position, or null. */
function misreadAt(
  { name, called, traced, others, single }: Understood,
  score: number,
  at: Position,
): string | null {
  const expected = called(score, at);
  const where = (): string => {
    const input = name === "score" ? `, for a score of ${score}` : "";
    return `${name} at b = ${at.b}, h = ${at.h}, q = ${at.q}, kv = ${at.kv}${input}`;
  };
  const got = traced(score, at);
  const agrees = (value: Value): boolean => isClose(value, expected);
  if (!agrees(got) && !others().some((other) => agrees(other(score, at)))) {
    return `${where()}: the function gives ${expected}, the traced expression ${got}; the compiler misread the function`;
  }
  const [before, after] = [single[0](score, at), single[1](score, at)];
  if (isSame(before, after)) return null;
  return `${where()}: the expression gives ${before} in f32, and ${after} once simplified; the compiler changed its meaning`;
}

/** Scores as attention has them, and a few that are extreme; all of them numbers of single precision. */
function drawScores(seed: number): () => number {
  const { normal } = random(seed);
  let turn = 0;
  return () => Math.fround(normal() * (turn++ % 8 === 0 ? 40 : 1));
}

/**
 * The first position at which an expression is not what its function says, as a sentence with both values; null where there is
 * none among the positions of `samplePositions`. Cost: about a microsecond for each position and function.
 */
export function findMisreading({ score, mask }: Mods, extent: SampledExtent): string | null {
  const parts = [
    ...(score === undefined ? [] : [understood("score", score, score)]),
    ...(mask === undefined ? [] : [understood("mask", mask, (_, at) => mask(at))]),
  ];
  if (parts.length === 0) return null;
  const draw = drawScores(1);
  for (const at of samplePositions(extent)) {
    const drawn = draw();
    for (const part of parts) {
      const problem = misreadAt(part, drawn, at);
      if (problem !== null) return problem;
    }
  }
  return null;
}
