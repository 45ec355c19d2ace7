/**
 * Reading captured tensors: `tensor[i][j]...`, each index clamped to its dimension, so that nothing outside is ever
 * read, whatever the indices are.
 */
import type { Axis, Node, ScalarType } from "../../../ir/types.ts";
import { internalError } from "../../../errors.ts";
import { CAPTURE_WORD } from "../abi.ts";
import type { CaptureLayout, TensorSlot, UniformSlot } from "../abi.ts";
import { identifier } from "./literals.ts";
import type { Operand } from "./operand.ts";

const elementType: { readonly [K in ScalarType]: string } = {
  f32: "float",
  i32: "int32_t",
  bool: "uint8_t",
};

/** Which way the last index runs from lane to lane, where the others are the same for all lanes. */
export type Step = 1 | -1 | 0;

/** The captures of one kernel, by their names in C. */
export class Captures {
  readonly #layout: CaptureLayout;

  constructor(layout: CaptureLayout) {
    this.#layout = layout;
  }

  uniform(name: string): string {
    return uniformName(this.#find(this.#layout.uniforms, name));
  }

  /** One element, all indices the same for all lanes. */
  scalar(name: string, indices: readonly Operand[]): string {
    const slot = this.#find(this.#layout.tensors, name);
    const element = `${tensorName(slot)}[${rowMajor(slot, indices, "s_clamp")}]`;
    return slot.type === "bool" ? `${element} != 0` : element;
  }

  /** One element for each lane. */
  lanes(name: string, indices: readonly Operand[], step: Step): string {
    const slot = this.#find(this.#layout.tensors, name);
    const base = tensorName(slot);
    const last = indices.at(-1);
    const leading = indices.slice(0, -1);
    if (last === undefined) throw internalError("a load without indices");
    if (step === 0 || slot.type === "bool" || leading.some(({ isVector }) => isVector)) {
      return `gather_${slot.type}(${base}, ${rowMajor(slot, indices, "v_clamp")})`;
    }
    const length = lengthName(slot, slot.rank - 1);
    const row =
      leading.length === 0 ? base : `${base} + (${rowMajor(slot, leading, "s_clamp")}) * ${length}`;
    const way = step === 1 ? "rising" : "falling";
    return `${way}_${slot.type}(${row}, ${last.text}, ${length})`;
  }

  /** What a function declares to read these captures, by name. */
  declare(names: ReadonlySet<string>): string[] {
    const { uniforms, tensors } = this.#layout;
    return [
      ...uniforms.filter(({ name }) => names.has(name)).map(declareUniform),
      ...tensors.filter(({ name }) => names.has(name)).flatMap(declareTensor),
    ];
  }

  #find<T extends { readonly name: string }>(slots: readonly T[], name: string): T {
    const slot = slots.find((candidate) => candidate.name === name);
    if (slot === undefined) throw internalError(`nothing captured is called ${name}`);
    return slot;
  }
}

const capture = (word: number): string => `L->captures[${word - CAPTURE_WORD}]`;
const uniformName = ({ name, word }: UniformSlot): string => `u${word}_${identifier(name)}`;
const tensorName = ({ name, word }: TensorSlot): string => `t${word}_${identifier(name)}`;
const lengthName = (slot: TensorSlot, axis: number): string => `${tensorName(slot)}_length${axis}`;

const declareUniform = (slot: UniformSlot): string =>
  slot.type === "f32"
    ? `const float ${uniformName(slot)} = word_float(${capture(slot.word)});`
    : `const int32_t ${uniformName(slot)} = (int32_t)${capture(slot.word)};`;

function declareTensor(slot: TensorSlot): string[] {
  const type = elementType[slot.type];
  const lengths = Array.from(
    { length: slot.rank },
    (_, axis) =>
      `const int32_t ${lengthName(slot, axis)} = (int32_t)${capture(slot.word + 1 + axis)};`,
  );
  return [
    `const ${type} *const ${tensorName(slot)} = (const ${type} *)${capture(slot.word)};`,
    ...lengths,
  ];
}

/** Position of clamped indices; numbers where `clamp` is of numbers. */
function rowMajor(
  slot: TensorSlot,
  indices: readonly Operand[],
  clamp: "s_clamp" | "v_clamp",
): string {
  return indices.reduce((sum, { text, isVector }, axis) => {
    const index = clamp === "v_clamp" && !isVector ? `v_seti(${text})` : text;
    const kept = `${clamp}(${index}, ${lengthName(slot, axis)})`;
    return axis === 0 ? kept : `(${sum}) * ${lengthName(slot, axis)} + ${kept}`;
  }, "");
}

/** By how much an index grows from lane to lane, where that is plain to see; null where it is not. */
export function stepOf(
  node: Node,
  laneAxis: Axis,
  isUniform: (node: Node) => boolean,
): number | null {
  if (isUniform(node)) return 0;
  if (node.op === "index") return node.attr === laneAxis ? 1 : 0;
  const [a = null, b = null] = node.args.map((arg) => stepOf(arg, laneAxis, isUniform));
  if (a === null) return null;
  if (node.op === "neg") return -a;
  if (b === null) return null;
  if (node.op === "add") return a + b;
  return node.op === "sub" ? a - b : null;
}
