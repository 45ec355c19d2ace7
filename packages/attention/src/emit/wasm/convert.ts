/**
 * The module that widens f16 and bf16 to f32 and narrows back; see `ConvertExports` in `abi.ts`.
 *
 * Widening is exact, subnormals included. Narrowing rounds to nearest, ties to even; what is too large becomes
 * infinite, NaN stays NaN. Bit manipulations after Giesen, "float->half variants" (float_to_half_fast3_rtne).
 */
import type { WasmTarget } from "./abi.ts";
import { extractLane, i32, load, op, store } from "./asm/expression.ts";
import type { I32, V128 } from "./asm/expression.ts";
import type { FunctionBuilder, Local } from "./asm/function.ts";
import { ModuleBuilder } from "./asm/module.ts";
import { add, choose, mul, plus, splatWord } from "./lanes.ts";

/** Four 32-bit lanes to four: 16-bit patterns are in the low halves. */
type Conversion = (f: FunctionBuilder, bits: Local<"v128">) => V128;

const and = (a: V128, b: V128): V128 => op("v128.and", a, b);
const or = (a: V128, b: V128): V128 => op("v128.or", a, b);
const left = (a: V128, by: number): V128 => op("i32x4.shl", a, i32(by));
const right = (a: V128, by: number): V128 => op("i32x4.shr_u", a, i32(by));
const sum = (a: V128, b: V128): V128 => op("i32x4.add", a, b);
const above = (a: V128, b: V128): V128 => op("i32x4.gt_s", a, b);

const widenBf16: Conversion = (_, bits) => left(bits, 16);

/** Exponent and fraction moved into place make the value 2^112 times too small; the product is exact, subnormal or not. */
const widenF16: Conversion = (f, bits) => {
  const magnitude = f.let("magnitude", left(and(bits, f.words(0x7fff)), 13));
  const sign = left(and(bits, f.words(0x8000)), 16);
  const special = above(magnitude, f.words(0x0f7f_ffff));
  const value = mul(magnitude, f.lanes(2 ** 112));
  return or(or(value, and(special, f.words(0x7f80_0000))), sign);
};

const narrowBf16: Conversion = (f, bits) => {
  const odd = and(right(bits, 16), f.words(1));
  const rounded = right(sum(bits, sum(odd, f.words(0x7fff))), 16);
  const quiet = or(right(bits, 16), f.words(0x40));
  return choose(op("f32x4.ne", bits, bits), quiet, rounded);
};

const narrowF16: Conversion = (f, bits) => {
  const magnitude = f.let("magnitude", and(bits, f.words(0x7fff_ffff)));
  const odd = and(right(magnitude, 13), f.words(1));
  // Exponent bias 127 to 15, and just less than half of the last place that stays.
  const normal = right(sum(magnitude, sum(odd, f.words(((15 - 127) << 23) + 0xfff))), 13);
  // Adding 1/2 leaves the f16 subnormal in the low bits, rounded by the addition itself.
  const subnormal = op("i32x4.sub", add(magnitude, f.lanes(0.5)), f.words(0x3f00_0000));
  const finite = choose(above(f.words(0x3880_0000), magnitude), subnormal, normal);
  const isNan = above(magnitude, f.words(0x7f80_0000));
  const special = choose(isNan, f.words(0x7e00), f.words(0x7c00));
  const result = choose(above(magnitude, f.words(0x477f_ffff)), special, finite);
  return or(result, and(right(bits, 16), f.words(0x8000)));
};

const params = { from: "i32", to: "i32", count: "i32" } as const;
const exported = { exported: true };

/** `count` rounded down to a multiple of `step`, as the address at which `address` has moved on that far. */
const wholeEnd = (address: I32, count: I32, step: number, bytes: number): I32 =>
  plus(address, op("i32.mul", op("i32.and", count, i32(-step)), i32(bytes)));

function widen(module: ModuleBuilder, name: string, convert: Conversion): void {
  const fill = (
    f: FunctionBuilder,
    { from, to, count }: Record<keyof typeof params, Local<"i32">>,
  ) => {
    const bits = f.local("v128", "bits");
    const whole = f.let("whole", wholeEnd(to, count, 4, 4));
    const end = f.let("end", plus(to, op("i32.shl", count, i32(2))));
    f.countUp("fours", to, whole, 16, () => {
      f.set(bits, load("v128.load16x4_u", from));
      f.do(store("v128.store", to, convert(f, bits)));
      f.set(from, plus(from, 8));
    });
    f.countUp("ones", to, end, 4, () => {
      f.set(bits, splatWord(load("i32.load16_u", from)));
      f.do(store("f32.store", to, extractLane("f32x4", convert(f, bits), 0)));
      f.set(from, plus(from, 2));
    });
    return undefined;
  };
  module.function(name, params, fill, exported);
}

function narrow(module: ModuleBuilder, name: string, convert: Conversion): void {
  const fill = (
    f: FunctionBuilder,
    { from, to, count }: Record<keyof typeof params, Local<"i32">>,
  ) => {
    const bits = f.local("v128", "bits");
    const low = f.local("v128", "low");
    const whole = f.let("whole", wholeEnd(to, count, 8, 2));
    const end = f.let("end", plus(to, op("i32.shl", count, i32(1))));
    f.countUp("eights", to, whole, 16, () => {
      f.set(bits, load("v128.load", from));
      f.set(low, convert(f, bits));
      f.set(bits, load("v128.load", from, 16));
      f.do(store("v128.store", to, op("i16x8.narrow_i32x4_u", low, convert(f, bits))));
      f.set(from, plus(from, 32));
    });
    f.countUp("ones", to, end, 2, () => {
      f.set(bits, load("v128.load32_splat", from));
      f.do(store("i32.store16", to, extractLane("i32x4", convert(f, bits), 0)));
      f.set(from, plus(from, 4));
    });
    return undefined;
  };
  module.function(name, params, fill, exported);
}

/** The bytes of the conversion module; it imports `env.memory`. */
export function emitConvert({ shared }: Pick<WasmTarget, "shared">): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.useMemory({ shared });
  widen(module, "f16ToF32", widenF16);
  widen(module, "bf16ToF32", widenBf16);
  narrow(module, "f32ToF16", narrowF16);
  narrow(module, "f32ToBf16", narrowBf16);
  return module.encode();
}
