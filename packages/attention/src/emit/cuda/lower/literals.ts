/** Numbers as CUDA C literals that denote exactly them. */
import type { Node } from "../../../ir/types.ts";

/** The bits of what no literal denotes. */
const special: readonly (readonly [test: (value: number) => boolean, text: string])[] = [
  [Number.isNaN, "__int_as_float(0x7fffffff)"],
  [(value) => value === Infinity, "__int_as_float(0x7f800000)"],
  [(value) => value === -Infinity, "__int_as_float(0xff800000)"],
];

/** As few decimals as come back as the same single-precision number. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(value);
}

/** A single-precision number: `0.1f`, `-0.0f`, `1e-30f`. */
export function floatLiteral(value: number): string {
  const odd = special.find(([test]) => test(value));
  if (odd !== undefined) return odd[1];
  const text = Object.is(value, -0) ? "-0" : shortest(Math.fround(value));
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

/** A 32-bit integer; -2^31 has no literal of its own. */
export const intLiteral = (value: number): string =>
  value === -0x80000000 ? "(-0x7fffffff - 1)" : String(value);

/** The value of a `const` node. */
export function literal({ type, attr }: Node): string {
  if (type === "bool") return String(attr);
  return type === "f32" ? floatLiteral(Number(attr)) : intLiteral(Number(attr));
}
