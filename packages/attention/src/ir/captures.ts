/** Looks captured values up by the nodes that read them, and refuses values that do not fit. */
import type { CaptureValues, Node, TensorValue } from "./types.ts";

const missing = (what: string, name: string): Error =>
  new Error(`internal: no value for the captured ${what} ${name}; please report this`);

/** The value of a `uniform` node: f32 rounded to single precision, i32 as it is. */
export function uniformOf(node: Node, captures: CaptureValues): number {
  const name = String(node.attr);
  const value = captures.uniforms.get(name);
  if (value === undefined) throw missing("number", name);
  if (node.type === "f32") return Math.fround(value);
  if (value !== (value | 0)) {
    throw new RangeError(`${name}: expected a 32-bit integer, got ${value}`);
  }
  return value + 0;
}

/** The tensor that a `load` node reads: of the load's rank and type, and not empty. */
export function tensorOf(node: Node, captures: CaptureValues): TensorValue {
  const name = String(node.attr);
  const tensor = captures.tensors.get(name);
  if (tensor === undefined) throw missing("tensor", name);
  const rank = node.args.length;
  if (tensor.type !== node.type || tensor.shape.length !== rank) {
    const got = `${tensor.type} of rank ${tensor.shape.length}`;
    throw new TypeError(`${name}: expected ${node.type} of rank ${rank}, got ${got}`);
  }
  if (tensor.data.length === 0) {
    throw new RangeError(
      `${name}: expected at least one element, got shape [${tensor.shape.join(", ")}]`,
    );
  }
  return tensor;
}
