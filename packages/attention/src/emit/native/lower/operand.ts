/** A value in C: one number that all lanes share, or a vector. */
import type { ScalarType } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";

export interface Operand {
  /** A name or a literal: it may be written any number of times. */
  readonly text: string;
  readonly type: ScalarType;
  readonly isVector: boolean;
  /** The value of a numeric literal. */
  readonly literal: number | null;
}

export const cType: { readonly [K in ScalarType]: string } = {
  f32: "float",
  i32: "int32_t",
  bool: "int32_t",
};

export const vectorType: { readonly [K in ScalarType]: string } = {
  f32: "f32x",
  i32: "i32x",
  bool: "i32x",
};

const spread: { readonly [K in ScalarType]: (text: string) => string } = {
  f32: (text) => `v_set(${text})`,
  i32: (text) => `v_seti(${text})`,
  // 0 and 1 become lanes of 0 and -1.
  bool: (text) => `v_seti(-${text})`,
};

/** As a vector. */
export const lanes = ({ text, type, isVector }: Operand): string =>
  isVector ? text : spread[type](text);

export function operand(args: readonly Operand[], at: number): Operand {
  const found = args[at];
  if (found === undefined) throw internalError("an operand is missing");
  return found;
}
