/** The tensors that a launch answers with. */
import type { Part } from "../../schedule/parts.ts";
import { type FloatType, Tensor, type TensorData } from "../../tensor.ts";
import type { Launch, LaunchResult, Shape } from "../device.ts";

/** Halves come back in the kind of array that they came in: a Float16Array, or raw bits. */
function newData(dtype: FloatType, like: TensorData, length: number): TensorData {
  if (dtype === "f32") return new Float32Array(length);
  const isRaw = dtype === "bf16" || like instanceof Uint16Array;
  return isRaw ? new Uint16Array(length) : new Float16Array(length);
}

/** `launch.out`, or a new tensor; lse and max where they are wanted. */
export function newResult({ shape, query, out, want }: Launch, dtype: FloatType): LaunchResult {
  const { B, Hq, M, Dv } = shape;
  const size = B * Hq * M;
  const rows = (wanted: boolean): Tensor | null =>
    wanted ? new Tensor(new Float32Array(size), [B, Hq, M]) : null;
  return {
    out: out ?? new Tensor(newData(dtype, query.data, size * Dv), [B, Hq, M, Dv], { dtype }),
    lse: rows(want.lse),
    max: rows(want.max),
  };
}

/** One number per row of a part, from the staged [B, Hq, M] at `base` to a result of our own. */
export function storeRows(
  staged: Float32Array,
  base: number,
  target: Tensor,
  { Hq, M }: Shape,
  part: Part,
): void {
  for (let b = part.b0; b < part.b1; b++) {
    for (let h = part.h0; h < part.h1; h++) {
      const at = (b * Hq + h) * M + part.first;
      const from = base / 4 + at;
      (target.data as Float32Array).set(staged.subarray(from, from + part.last - part.first), at);
    }
  }
}
