/** The tensors that a launch answers with, in the caller's own kind of memory. */
import { type FloatType, Tensor, type TensorData } from "../../tensor.ts";
import type { Launch, LaunchResult } from "../device.ts";

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
