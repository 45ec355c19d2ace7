/** Numbers and names as C. */

/** An f32 as a literal that reads back as the same number. */
export function floatLiteral(value: number): string {
  if (Number.isNaN(value)) return "NAN";
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "-INFINITY";
  const text = Object.is(value, -0) ? "-0" : String(value);
  return `${/[.e]/.test(text) ? text : `${text}.0`}f`;
}

export const intLiteral = (value: number): string =>
  value === -(2 ** 31) ? "INT32_MIN" : String(value);

/** A capture's name as part of a C identifier; a number in front of it keeps names apart. */
export const identifier = (name: string): string => name.replaceAll(/\W/g, "_");

/** In parentheses, unless it is a name, a call, an element or a literal. */
export const wrapped = (text: string): string =>
  /^[\w.]+(\[\w+\])?$/.test(text) || /^\w+\([^()]*\)$/.test(text) ? text : `(${text})`;
