/**
 * Sine, cosine, tangent. x = n pi/2 + r is reduced in float64, which is exact enough up to |x| = 2^20; where a lane is beyond
 * that, all four take JavaScript's own function. Polynomials on |r| <= pi/4 from Cephes (sinf.c).
 */
import { i32, op, shuffle } from "../asm/expression.ts";
import type { V128 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import { choose, div, mul } from "../lanes.ts";
import { horner } from "./emitter.ts";
import type { Emitter, LaneFunction } from "./emitter.ts";
import { onEachLane } from "./scalar.ts";

const REACH = 2 ** 20;

/** pi/2 in two parts, the first of 33 bits. FDLIBM, e_rem_pio2.c. */
const HALF_PI_HIGH = 1.57079632673412561417;
const HALF_PI_LOW = 6.07710050650619224932e-11;

const sineCoefficients: readonly number[] = [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4];
const cosineCoefficients: readonly number[] = [
  4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5,
];

interface Quadrant {
  /** n, of which the low two bits matter. */
  readonly n: Local<"v128">;
  readonly sine: Local<"v128">;
  readonly cosine: Local<"v128">;
}

/** n and r of two lanes, in the low halves of two vectors. */
function reduceTwo(f: FunctionBuilder, x: V128): { n: V128; r: V128 } {
  const wide = f.let("wide", op("f64x2.promote_low_f32x4", x));
  const n = f.let("n", op("f64x2.nearest", op("f64x2.mul", wide, f.doubles(2 / Math.PI))));
  const less = op("f64x2.sub", wide, op("f64x2.mul", n, f.doubles(HALF_PI_HIGH)));
  const r = op("f64x2.sub", less, op("f64x2.mul", n, f.doubles(HALF_PI_LOW)));
  return { n: op("i32x4.trunc_sat_f64x2_s_zero", n), r: op("f32x4.demote_f64x2_zero", r) };
}

function quadrant(e: Emitter, x: Local<"v128">): Quadrant {
  const { f, fma } = e;
  const low = reduceTwo(f, x);
  const high = reduceTwo(f, shuffle(x, x, [2, 3, 2, 3]));
  const r = f.let("r", shuffle(low.r, high.r, [0, 1, 4, 5]));
  const n = f.let("quadrant", shuffle(low.n, high.n, [0, 1, 4, 5]));
  const square = f.let("square", mul(r, r));
  const sine = f.let("sine", fma(mul(square, r), horner(e, square, sineCoefficients), r));
  const even = fma(square, f.lanes(-0.5), f.lanes(1));
  const quartic = mul(mul(square, square), horner(e, square, cosineCoefficients));
  return { n, sine, cosine: f.let("cosine", op("f32x4.add", even, quartic)) };
}

/** All ones where bit `bit` of n is set. */
const bitMask = (n: V128, bit: number): V128 =>
  op("i32x4.shr_s", op("i32x4.shl", n, i32(31 - bit)), i32(31));

/** The sine of quadrant n: sine or cosine by the lowest bit, negated by the next. */
function turned(e: Emitter, { n, sine, cosine }: Quadrant, by: number): V128 {
  const { f } = e;
  const turn = f.let("turn", by === 0 ? n : op("i32x4.add", n, f.words(by)));
  const value = choose(bitMask(turn, 0), cosine, sine);
  return op(
    "v128.xor",
    value,
    op("v128.and", op("i32x4.shl", turn, i32(30)), f.words(0x8000_0000)),
  );
}

/** `compute` within reach, else the import. */
function withinReach(e: Emitter, name: string, x: Local<"v128">, compute: () => V128): V128 {
  const { f } = e;
  const result = f.local("v128", name);
  const beyond = op("v128.any_true", op("f32x4.gt", op("f32x4.abs", x), f.lanes(REACH)));
  f.if(
    beyond,
    () => f.set(result, onEachLane(name, 1)(e, x, x)),
    () => f.set(result, compute()),
  );
  return result;
}

export const sin: LaneFunction = (e, x) =>
  withinReach(e, "sin", x, () => turned(e, quadrant(e, x), 0));

export const cos: LaneFunction = (e, x) =>
  withinReach(e, "cos", x, () => turned(e, quadrant(e, x), 1));

export const tan: LaneFunction = (e, x) =>
  withinReach(e, "tan", x, () => {
    const { f } = e;
    const { n, sine, cosine } = quadrant(e, x);
    const odd = f.let("odd", bitMask(n, 0));
    const above = choose(odd, op("f32x4.neg", cosine), sine);
    return div(above, choose(odd, sine, cosine));
  });
