/**
 * Interval arithmetic: one row per operation, from the ranges of the operands to a range of the result.
 *
 * Sound with respect to `evaluate`: whatever values lie in the operands' ranges, the result that
 * `evaluate` computes lies in the range (or is NaN, and then `nan` is set). Tight where masks need it.
 * A bool is a range within 0..1. Rows are called with `out` distinct from their operands, and
 * write every field of it; nothing is allocated.
 *
 * f32: + - * / sqrt and the roundings are computed as `evaluate` does, and rounding is monotone, so the ends are
 * exact. The other functions are within an ulp of double precision of their true value; one ulp of single
 * precision outwards covers that many times over.
 */
import type { OperatorOp } from "./builder.ts";
import type { ScalarType } from "./types.ts";

export interface Interval {
  lo: number;
  hi: number;
  /** Whether the value may be NaN (f32 only). */
  nan: boolean;
}

/** A range that rules write; the fields are doubles from the start, so that writing allocates nothing. */
export class Cell implements Interval {
  lo: number = -Infinity;
  hi: number = Infinity;
  nan: boolean = false;
  /** Whether an i32 result can leave 32 bits (the range is then every i32). */
  wraps: boolean = false;
  /** If so, how far it would go. */
  reach: number = 0.5;
}

export type Rule = (out: Cell, a: Cell, b: Cell, c: Cell) => void;

type Row = Partial<Readonly<Record<ScalarType, Rule>>>;

export const I32_MIN: number = -0x80000000;
export const I32_MAX: number = 0x7fffffff;

const { fround, max, min, abs } = Math;

// --- Writing a result ---

function int(out: Cell, lo: number, hi: number): void {
  out.wraps = lo < I32_MIN || hi > I32_MAX;
  if (out.wraps) out.reach = hi > I32_MAX ? hi : lo;
  out.lo = out.wraps ? I32_MIN : lo;
  out.hi = out.wraps ? I32_MAX : hi;
}

/** Where wrapping around is what JavaScript means: bit operations, Math.imul. */
function bits(out: Cell, lo: number, hi: number): void {
  int(out, lo, hi);
  out.wraps = false;
}

/** An end that came out as NaN (Infinity - Infinity, 0 * Infinity) is unknown. */
function float(out: Cell, lo: number, hi: number, nan: boolean): void {
  out.lo = lo === lo ? fround(lo) : -Infinity;
  out.hi = hi === hi ? fround(hi) : Infinity;
  out.nan = nan;
}

function truth(out: Cell, always: boolean, never: boolean): void {
  out.lo = always ? 1 : 0;
  out.hi = never ? 0 : 1;
}

function copy(out: Cell, from: Cell): void {
  out.lo = from.lo;
  out.hi = from.hi;
  out.nan = from.nan;
}

const unknownFloat = (out: Cell): void => float(out, -Infinity, Infinity, true);

// --- Asking about an operand ---

const holdsZero = (x: Cell): boolean => x.lo <= 0 && x.hi >= 0;
const isPoint = (x: Cell): boolean => x.lo === x.hi;
const isInfinite = (x: Cell): boolean => x.lo === -Infinity || x.hi === Infinity;
/** The least and the greatest magnitude. */
const nearest = (x: Cell): number => (holdsZero(x) ? 0 : min(abs(x.lo), abs(x.hi)));
const furthest = (x: Cell): number => max(abs(x.lo), abs(x.hi));

// --- Shapes of rules ---

const i32 = (rule: Rule): Row => ({ i32: rule });
const f32 = (rule: Rule): Row => ({ f32: rule });
const bool = (rule: Rule): Row => ({ bool: rule });
const anyType = (rule: Rule): Row => ({ f32: rule, i32: rule, bool: rule });

/** The least and greatest of four corners; each is NaN if one of them is. */
const least = (p: number, q: number, r: number, s: number): number => min(p, q, r, s);
const greatest = (p: number, q: number, r: number, s: number): number => max(p, q, r, s);

/** 0 times an infinite end of a range: the values just inside that end give 0. */
const times = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : x * y);

function productBounds(write: typeof int): Rule {
  return (out, a, b) => {
    if (a === b) {
      const low = nearest(a);
      const high = furthest(a);
      write(out, low * low, high * high);
      return;
    }
    const p = times(a.lo, b.lo);
    const q = times(a.lo, b.hi);
    const r = times(a.hi, b.lo);
    const s = times(a.hi, b.hi);
    write(out, least(p, q, r, s), greatest(p, q, r, s));
  };
}

/** Where `out.nan` has been decided before the ends. */
const floatEnds = (out: Cell, lo: number, hi: number): void => float(out, lo, hi, out.nan);
const floatProduct = productBounds(floatEnds);

/** Exact and never decreasing: floor and its kin. */
const rounding = (f: (x: number) => number): Row =>
  f32((out, a) => float(out, f(a.lo), f(a.hi), a.nan));

const buffer = new DataView(new ArrayBuffer(4));

/** The next single-precision number above x. */
export function nextUp(x: number): number {
  if (x === Infinity || x !== x) return x;
  if (x === 0) return 2 ** -149;
  buffer.setFloat32(0, x);
  buffer.setInt32(0, buffer.getInt32(0) + (x > 0 ? 1 : -1));
  return buffer.getFloat32(0);
}

function widened(out: Cell, lo: number, hi: number, nan: boolean): void {
  float(out, lo, hi, nan);
  out.lo = -nextUp(-out.lo);
  out.hi = nextUp(out.hi);
}

/** Never decreasing on [from, to], NaN outside it. */
const increasing = (f: (x: number) => number, from = -Infinity, to = Infinity): Row =>
  f32((out, a) => {
    const outside = a.lo < from || a.hi > to;
    if (a.hi < from || a.lo > to) unknownFloat(out);
    else widened(out, f(max(a.lo, from)), f(min(a.hi, to)), a.nan || outside);
  });

/** Within fixed limits, and known only where the operand is a single number. */
const limited = (f: (x: number) => number, limit: number): Row =>
  f32((out, a) => {
    if (isPoint(a)) widened(out, f(a.lo), f(a.lo), a.nan || isInfinite(a));
    else float(out, -limit, limit, a.nan || isInfinite(a));
  });

/** An even function, never decreasing in the magnitude. */
const even = (f: (x: number) => number): Row =>
  f32((out, a) => widened(out, f(nearest(a)), f(furthest(a)), a.nan));

/** Division of integers, rounded by `f`; by 0 it is 0. */
const integerQuotient = (f: (x: number) => number): Row =>
  i32((out, a, b) => {
    if (holdsZero(b)) {
      // Divisors are at least 1 in magnitude.
      const high = furthest(a);
      int(out, -high, high);
      return;
    }
    const p = f(a.lo / b.lo);
    const q = f(a.lo / b.hi);
    const r = f(a.hi / b.lo);
    const s = f(a.hi / b.hi);
    int(out, least(p, q, r, s), greatest(p, q, r, s));
  });

function floatQuotient(out: Cell, a: Cell, b: Cell): void {
  const nan = a.nan || b.nan || (isInfinite(a) && isInfinite(b));
  // A range does not know the sign of its zero, so dividing by it may give either infinity.
  if (holdsZero(b)) float(out, -Infinity, Infinity, nan || holdsZero(a));
  else {
    const p = a.lo / b.lo;
    const q = a.lo / b.hi;
    const r = a.hi / b.lo;
    const s = a.hi / b.hi;
    float(out, least(p, q, r, s), greatest(p, q, r, s), nan);
  }
}

/** |a % b| is at most |a| and less than |b| (for floats, at most), with the sign of a. */
function remainder(out: Cell, a: Cell, b: Cell, margin: number, write: typeof int): void {
  const bound = max(0, min(furthest(a), furthest(b) - margin));
  const sameQuotient =
    isPoint(b) && b.lo !== 0 && Math.trunc(a.lo / b.lo) === Math.trunc(a.hi / b.lo);
  if (sameQuotient && (a.lo >= 0 || a.hi <= 0)) write(out, a.lo % b.lo, a.hi % b.lo);
  else if (furthest(a) < nearest(b)) write(out, a.lo, a.hi);
  else write(out, a.lo < 0 ? -bound : 0, a.hi > 0 ? bound : 0);
}

function power(out: Cell, a: Cell, b: Cell): void {
  // Elsewhere the sign depends on whether b is an odd integer.
  if (!(a.lo > 0 || (a.lo === 0 && b.lo >= 0))) return unknownFloat(out);
  const p = a.lo ** b.lo;
  const q = a.lo ** b.hi;
  const r = a.hi ** b.lo;
  const s = a.hi ** b.hi;
  widened(out, least(p, q, r, s), greatest(p, q, r, s), a.nan || b.nan || isInfinite(b));
}

/** All ones below the highest set bit of x, a non-negative integer. */
const allOnes = (x: number): number => 2 ** (32 - Math.clz32(x)) - 1;

function bitwise(f: (a: number, b: number) => number, bound: (a: Cell, b: Cell) => number): Row {
  return i32((out, a, b) => {
    if (isPoint(a) && isPoint(b)) bits(out, f(a.lo, b.lo), f(a.lo, b.lo));
    else if (a.lo >= 0 && b.lo >= 0) bits(out, 0, bound(a, b));
    else bits(out, I32_MIN, I32_MAX);
  });
}

/** A shift by an amount within 0..31 (JavaScript takes it modulo 32), else anything. */
function shift(f: (a: number, amount: number) => number, write: typeof int): Row {
  return i32((out, a, b) => {
    if (b.lo < 0 || b.hi > 31) return write(out, I32_MIN, I32_MAX);
    const p = f(a.lo, b.lo);
    const q = f(a.lo, b.hi);
    const r = f(a.hi, b.lo);
    const s = f(a.hi, b.hi);
    write(out, least(p, q, r, s), greatest(p, q, r, s));
  });
}

function unsignedShift(out: Cell, a: Cell, b: Cell): void {
  if (b.lo < 0 || b.hi > 31) return int(out, I32_MIN, 2 ** 32 - 1);
  if (a.lo >= 0) int(out, a.lo >>> b.hi, a.hi >>> b.lo);
  else int(out, 0, a.hi < 0 ? a.hi >>> b.lo : 0xffffffff >>> b.lo);
}

function lessThan(out: Cell, a: Cell, b: Cell): void {
  truth(out, a.hi < b.lo && !a.nan && !b.nan, a.lo >= b.hi);
}

function lessOrEqual(out: Cell, a: Cell, b: Cell): void {
  truth(out, a.hi <= b.lo && !a.nan && !b.nan, a.lo > b.hi);
}

const areApart = (a: Cell, b: Cell): boolean => a.hi < b.lo || b.hi < a.lo;
const areOnePoint = (a: Cell, b: Cell): boolean =>
  isPoint(a) && isPoint(b) && a.lo === b.lo && !a.nan && !b.nan;

// --- The table ---

const rows: { readonly [K in OperatorOp]: Row } = {
  add: {
    i32: (out, a, b) => int(out, a.lo + b.lo, a.hi + b.hi),
    f32: (out, a, b) =>
      float(out, a.lo + b.lo, a.hi + b.hi, a.nan || b.nan || (isInfinite(a) && isInfinite(b))),
  },
  sub: {
    i32: (out, a, b) => int(out, a.lo - b.hi, a.hi - b.lo),
    f32: (out, a, b) =>
      float(out, a.lo - b.hi, a.hi - b.lo, a.nan || b.nan || (isInfinite(a) && isInfinite(b))),
  },
  mul: {
    i32: productBounds(int),
    f32: (out, a, b) => {
      const lost = (holdsZero(a) && isInfinite(b)) || (holdsZero(b) && isInfinite(a));
      out.nan = a.nan || b.nan || (lost && a !== b);
      floatProduct(out, a, b, b);
    },
  },
  div: f32(floatQuotient),
  rem: {
    i32: (out, a, b) => {
      remainder(out, a, b, 1, int);
      if (holdsZero(b)) int(out, min(out.lo, 0), max(out.hi, 0));
    },
    f32: (out, a, b) => {
      out.nan = a.nan || b.nan || holdsZero(b) || isInfinite(a);
      remainder(out, a, b, 0, floatEnds);
    },
  },
  neg: {
    i32: (out, a) => int(out, -a.hi, -a.lo),
    f32: (out, a) => float(out, -a.hi, -a.lo, a.nan),
  },
  abs: {
    i32: (out, a) => int(out, nearest(a), furthest(a)),
    f32: (out, a) => float(out, nearest(a), furthest(a), a.nan),
  },
  sign: {
    i32: (out, a) => int(out, Math.sign(a.lo), Math.sign(a.hi)),
    f32: (out, a) => float(out, Math.sign(a.lo), Math.sign(a.hi), a.nan),
  },
  min: {
    i32: (out, a, b) => int(out, min(a.lo, b.lo), min(a.hi, b.hi)),
    f32: (out, a, b) => float(out, min(a.lo, b.lo), min(a.hi, b.hi), a.nan || b.nan),
  },
  max: {
    i32: (out, a, b) => int(out, max(a.lo, b.lo), max(a.hi, b.hi)),
    f32: (out, a, b) => float(out, max(a.lo, b.lo), max(a.hi, b.hi), a.nan || b.nan),
  },
  floorDiv: integerQuotient(Math.floor),
  truncDiv: integerQuotient(Math.trunc),
  imul: i32(productBounds(bits)),

  bitAnd: i32((out, a, b) => {
    if (isPoint(a) && isPoint(b)) bits(out, a.lo & b.lo, a.lo & b.lo);
    else if (a.lo >= 0 || b.lo >= 0) {
      bits(out, 0, min(a.lo >= 0 ? a.hi : I32_MAX, b.lo >= 0 ? b.hi : I32_MAX));
    } else bits(out, I32_MIN, I32_MAX);
  }),
  bitOr: bitwise(
    (a, b) => a | b,
    (a, b) => allOnes(a.hi | b.hi),
  ),
  bitXor: bitwise(
    (a, b) => a ^ b,
    (a, b) => allOnes(a.hi | b.hi),
  ),
  bitNot: i32((out, a) => bits(out, ~a.hi, ~a.lo)),
  shl: shift((a, amount) => a * 2 ** amount, bits),
  shr: shift((a, amount) => a >> amount, bits),
  ushr: i32(unsignedShift),

  floor: rounding(Math.floor),
  ceil: rounding(Math.ceil),
  round: rounding(Math.round),
  trunc: rounding(Math.trunc),

  sqrt: increasing(Math.sqrt, 0),
  cbrt: increasing(Math.cbrt),
  exp: increasing(Math.exp),
  expm1: increasing(Math.expm1),
  log: increasing(Math.log, 0),
  log1p: increasing(Math.log1p, -1),
  log2: increasing(Math.log2, 0),
  log10: increasing(Math.log10, 0),
  pow: f32(power),
  hypot: f32((out, a, b) =>
    widened(
      out,
      Math.hypot(nearest(a), nearest(b)),
      Math.hypot(furthest(a), furthest(b)),
      a.nan || b.nan,
    ),
  ),
  sin: limited(Math.sin, 1),
  cos: limited(Math.cos, 1),
  tan: limited(Math.tan, Infinity),
  asin: increasing(Math.asin, -1, 1),
  acos: f32((out, a) => {
    if (a.hi < -1 || a.lo > 1) unknownFloat(out);
    else widened(out, Math.acos(min(a.hi, 1)), Math.acos(max(a.lo, -1)), a.nan || furthest(a) > 1);
  }),
  atan: increasing(Math.atan),
  atan2: f32((out, a, b) => float(out, -Math.PI, Math.PI, a.nan || b.nan)),
  sinh: increasing(Math.sinh),
  cosh: even(Math.cosh),
  tanh: increasing(Math.tanh),
  asinh: increasing(Math.asinh),
  acosh: increasing(Math.acosh, 1),
  atanh: increasing(Math.atanh, -1, 1),

  lt: anyType(lessThan),
  le: anyType(lessOrEqual),
  eq: anyType((out, a, b) => truth(out, areOnePoint(a, b), areApart(a, b))),
  ne: anyType((out, a, b) => truth(out, areApart(a, b), areOnePoint(a, b))),

  and: bool((out, a, b) => truth(out, a.lo + b.lo === 2, a.hi * b.hi === 0)),
  or: bool((out, a, b) => truth(out, a.lo + b.lo > 0, a.hi + b.hi === 0)),
  not: bool((out, a) => truth(out, a.hi === 0, a.lo === 1)),
  select: bool((out, cond, a, b) => {
    if (cond.lo === 1) copy(out, a);
    else if (cond.hi === 0) copy(out, b);
    else {
      out.lo = min(a.lo, b.lo);
      out.hi = max(a.hi, b.hi);
      out.nan = a.nan || b.nan;
    }
  }),

  toF32: anyType((out, a) => float(out, a.lo, a.hi, a.nan)),
  toI32: anyType((out, a) => {
    const lo = min(I32_MAX, max(I32_MIN, Math.trunc(a.lo)));
    const hi = min(I32_MAX, max(I32_MIN, Math.trunc(a.hi)));
    bits(out, a.nan ? min(lo, 0) : lo, a.nan ? max(hi, 0) : hi);
  }),
};

/** The rule of an op whose first operand has this type. */
export function ruleOf(op: OperatorOp, type: ScalarType): Rule {
  const rule = rows[op][type];
  if (rule === undefined) throw new Error(`internal: ${op} of ${type}; please report this`);
  return rule;
}
