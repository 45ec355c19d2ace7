/** Captures as the function sees them when it is called as plain JavaScript. */
import { capturedArray } from "./captured-array.ts";
import type { CapturedArray } from "./captured-array.ts";
import { Constant } from "./definition.ts";
import type { Capture, Captures } from "./definition.ts";

const clamp = (index: number, length: number): number =>
  Math.min(Math.max(Math.trunc(index) || 0, 0), length - 1);

/** Whether a property name is what some number is called: NaN too, which is clamped to 0 as in a kernel. */
const isIndex = (key: string): boolean => key === "NaN" || !Number.isNaN(Number(key));

/** `view[i][j]`, each index clamped to its dimension as in a kernel. Reads what the array holds now. */
function arrayView(array: CapturedArray, indices: readonly number[]): unknown {
  const { shape, type } = array;
  const length = shape[indices.length];
  if (length === undefined) return type === "bool" ? array.at(indices) !== 0 : array.at(indices);
  const get = (_: object, key: string | symbol): unknown => {
    if (key === "length") return length;
    if (typeof key !== "string" || !isIndex(key)) return undefined;
    return arrayView(array, [...indices, clamp(Number(key), length)]);
  };
  return new Proxy({}, { get });
}

function openCapture(name: string, capture: Capture): unknown {
  if (capture instanceof Constant) return capture.value;
  const array = capturedArray(name, capture);
  return array === null ? capture : arrayView(array, []);
}

/** The object that the outer function gets. */
export const openCaptures = (captures: Captures): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(captures).map(([name, capture]) => [name, openCapture(name, capture)]),
  );
