/** Staged lse and max into the tensors that a launch answers with. */
import type { Part } from "../../schedule/parts.ts";
import type { Tensor } from "../../tensor.ts";
import type { Shape } from "../device.ts";

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
