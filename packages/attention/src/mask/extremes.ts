/**
 * What gives the least and the greatest element of a captured tensor between two of its elements.
 *
 * Where the rows of the tensor rise (document ids, offsets, positions do), the ends of a range are
 * the answer. Otherwise it takes a pyramid of minima and maxima, built when it is first needed.
 */
import { Pyramid } from "../ir/pyramid.ts";
import type { TensorValue } from "../ir/types.ts";

export class Extremes {
  readonly tensor: TensorValue;
  /** Whether each row of the tensor never falls; i32 only. */
  readonly rises: boolean;
  #pyramid: Pyramid | null = null;

  constructor(tensor: TensorValue) {
    this.tensor = tensor;
    this.rises = tensor.type === "i32" && rises(tensor.data, tensor.shape.at(-1) ?? 1);
  }

  get pyramid(): Pyramid {
    this.#pyramid ??= new Pyramid(this.tensor);
    return this.#pyramid;
  }
}

function rises(data: TensorValue["data"], length: number): boolean {
  for (let start = 0; start < data.length; start += length) {
    const end = Math.min(start + length, data.length);
    let before = data[start] ?? 0;
    for (let at = start + 1; at < end; at++) {
      const element = data[at] ?? 0;
      if (element < before) return false;
      before = element;
    }
  }
  return true;
}
