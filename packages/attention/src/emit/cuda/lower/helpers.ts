/**
 * Functions that lowered expressions call: what JavaScript means where C means something else, or nothing.
 *
 * Every one is total: integers wrap around (unsigned arithmetic: no undefined behaviour for the compiler to exploit),
 * a division by 0 yields 0. Division, remainder and shifts by a literal fold to shifts and multiplications after inlining.
 */

/** Result, name and parameters, and the body, by the name that texts call. */
const helpers = {
  wrapAdd: "int wrapAdd(int a, int b) { return (int)((unsigned)a + (unsigned)b); }",
  wrapSub: "int wrapSub(int a, int b) { return (int)((unsigned)a - (unsigned)b); }",
  wrapMul: "int wrapMul(int a, int b) { return (int)((unsigned)a * (unsigned)b); }",
  wrapNeg: "int wrapNeg(int a) { return (int)(0u - (unsigned)a); }",
  wrapAbs: "int wrapAbs(int a) { return a < 0 ? (int)(0u - (unsigned)a) : a; }",
  shiftLeft: "int shiftLeft(int a, int b) { return (int)((unsigned)a << (b & 31)); }",
  shiftRight: "int shiftRight(int a, int b) { return a >> (b & 31); }",
  shiftRightUnsigned:
    "int shiftRightUnsigned(int a, int b) { return (int)((unsigned)a >> (b & 31)); }",
  // -1 has a way of its own: -2^31 / -1 leaves 32 bits.
  truncDiv:
    "int truncDiv(int a, int b) { return b == 0 ? 0 : b == -1 ? (int)(0u - (unsigned)a) : a / b; }",
  floorDiv: `int floorDiv(int a, int b) {
  if (b == 0) return 0;
  if (b == -1) return (int)(0u - (unsigned)a);
  const int quotient = a / b, rest = a - quotient * b;
  return quotient - (rest != 0 && (rest ^ b) < 0 ? 1 : 0);
}`,
  remainderOf: "int remainderOf(int a, int b) { return b == 0 || b == -1 ? 0 : a % b; }",
  signOfInt: "int signOfInt(int a) { return (a > 0) - (a < 0); }",
  // Zeros and NaN are their own signs.
  signOf: "float signOf(float a) { return a > 0.0f ? 1.0f : a < 0.0f ? -1.0f : a; }",
  // NaN if either is; -0 is below 0.
  minimum:
    'float minimum(float a, float b) { float r; asm("min.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b)); return r; }',
  maximum:
    'float maximum(float a, float b) { float r; asm("max.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b)); return r; }',
  // Halves go up; the rest is exact, a + 1/2 need not be. What rounds to 0 keeps its sign.
  roundUp: `float roundUp(float a) {
  const float whole = floorf(a);
  return copysignf(whole + (a - whole >= 0.5f ? 1.0f : 0.0f), a);
}`,
  // 1 to the power of NaN, and 1 or -1 to an infinite power, are NaN in JavaScript.
  power: `float power(float a, float b) {
  const bool odd = b != b || (fabsf(a) == 1.0f && fabsf(b) == __int_as_float(0x7f800000));
  return odd ? __int_as_float(0x7fffffff) : powf(a, b);
}`,
  // Relative error 2^-11 of the instruction.
  fastTanh:
    'float fastTanh(float a) { float r; asm("tanh.approx.f32 %0, %1;" : "=f"(r) : "f"(a)); return r; }',
  fastExp2:
    'float fastExp2(float a) { float r; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a)); return r; }',
  fastLog2:
    'float fastLog2(float a) { float r; asm("lg2.approx.f32 %0, %1;" : "=f"(r) : "f"(a)); return r; }',
  // Brought to [-pi, pi] in two steps, where the instruction's absolute error is 2^-20.
  fastTurn: `float fastTurn(float a) {
  const float turns = rintf(a * 0.15915494f);
  return fmaf(turns, 1.7484555e-7f, fmaf(turns, -6.2831855f, a));
}`,
  fastSin: `float fastSin(float a) {
  float r;
  asm("sin.approx.f32 %0, %1;" : "=f"(r) : "f"(fastTurn(a)));
  return r;
}`,
  fastCos: `float fastCos(float a) {
  float r;
  asm("cos.approx.f32 %0, %1;" : "=f"(r) : "f"(fastTurn(a)));
  return r;
}`,
  // An index outside a dimension is its first or its last.
  clampIndex: "int clampIndex(int index, int length) { return min(max(index, 0), length - 1); }",
} as const;

export type Helper = keyof typeof helpers;

const names = Object.keys(helpers) as Helper[];

const calls = (text: string, name: Helper): boolean => new RegExp(`\\b${name}\\(`).test(text);

/** Helpers that these texts call, and those that they call themselves, callees first. */
export function helpersOf(texts: readonly string[]): Helper[] {
  const used = new Set<Helper>();
  const visit = (text: string): void => {
    for (const name of names) {
      if (used.has(name) || !calls(text, name)) continue;
      const body = helpers[name];
      visit(body.slice(body.indexOf("{")));
      used.add(name);
    }
  };
  texts.forEach(visit);
  return [...used];
}

/** The definitions of the helpers that these texts call, to put before them; empty where there are none. */
export const modHelpers = (texts: readonly string[]): string =>
  helpersOf(texts)
    .map((name) => `__device__ __forceinline__ ${helpers[name]}\n`)
    .join("");

/** One definition, without its qualifiers. */
export const helperText = (name: Helper): string => helpers[name];
