/**
 * Values that are NaN or infinite, at keys that the mask leaves out.
 *
 * Kernels multiply every value of a tile by its weight, and 0 * NaN is NaN: such a value would reach rows that do not attend to its key.
 * So where a masked result is not finite, and a value is not either, the call is computed again with 0 in place of those
 * values; a second kernel, of the mask alone, then says which rows attend to one. Finite results cost a look at one row
 * in eight. Tensors in a device's memory are not looked at, since the host would have to wait for them: there, such values
 * reach any row whose tile holds their key.
 */
import type { Device, Kernel, Launch, LaunchResult } from "../runtime/device.ts";
import { type FloatType, Tensor } from "../tensor.ts";

/** All of these bits are set in what is NaN or infinite, and the sign bit. */
const special: { readonly [K in FloatType]: number } = {
  f32: 0x7f800000,
  f16: 0x7c00,
  bf16: 0x7f80,
};

/** A finite number so large that the least weight of a mask times it is not 0. */
const marks: { readonly [K in FloatType]: number } = { f32: 0x71800000, f16: 0x7800, bf16: 0x7180 };

type Words = Int32Array | Uint16Array;

/** The bits of a tensor of floats. */
function wordsOf({ data }: Tensor): Words {
  const Words = data.BYTES_PER_ELEMENT === 4 ? Int32Array : Uint16Array;
  return new Words(data.buffer as ArrayBuffer, data.byteOffset, data.length);
}

/** Kernels hold at least so many rows, from a multiple of it on, side by side: what reaches one reaches all. */
const ROWS = 8;

/** Where each row of a tensor [A, B, C, D] begins, in elements; every `step`th along axis 2. */
function* rowStarts({ shape, strides, offset }: Tensor, step: number): Generator<number> {
  const [A = 0, B = 0, C = 0] = shape;
  const [sa = 0, sb = 0, sc = 0] = strides;
  for (let a = 0; a < A; a++) {
    for (let b = 0; b < B; b++) {
      for (let c = 0; c < C; c += step) yield offset + a * sa + b * sb + c * sc;
    }
  }
}

/** Whether every element of every `step`th row is finite. */
function isFinite(tensor: Tensor, type: FloatType, step: number): boolean {
  const words = wordsOf(tensor);
  const bits = special[type];
  const [stride = 1, length = 0] = [tensor.strides[3], tensor.shape[3]];
  for (const start of rowStarts(tensor, step)) {
    const end = start + length * stride;
    for (let at = start; at < end; at += stride) {
      if (((words[at] ?? 0) & bits) === bits) return false;
    }
  }
  return true;
}

/** A tensor of the same shape, row-major, of `change(word)` for each element's bits. */
function mapped(tensor: Tensor, type: FloatType, change: (word: number) => number): Tensor {
  const words = wordsOf(tensor);
  const { size, shape } = tensor;
  const result = type === "f32" ? new Int32Array(size) : new Uint16Array(size);
  const [stride = 1, length = 0] = [tensor.strides[3], shape[3]];
  let to = 0;
  for (const start of rowStarts(tensor, 1)) {
    for (let d = 0; d < length; d++) result[to++] = change(words[start + d * stride] ?? 0);
  }
  const data = type === "f32" ? new Float32Array(result.buffer) : new Uint16Array(result.buffer);
  return new Tensor(data, shape, { dtype: type });
}

/** Zeros of a shape; one element in memory. */
const zerosLike = ({ shape }: Tensor, dtype: FloatType): Tensor => {
  const data = dtype === "f32" ? new Float32Array(1) : new Uint16Array(1);
  return new Tensor(data, shape, { dtype, strides: shape.map(() => 0) });
};

type Kind = "positive" | "negative";

const sign: { readonly [K in FloatType]: number } = { f32: 0x80000000, f16: 0x8000, bf16: 0x8000 };

/** Whether bits are all of an exponent and some of a fraction. */
const isNaNOf = (word: number, type: FloatType): boolean =>
  (word & special[type]) === special[type] && (word & ~(special[type] | sign[type])) !== 0;

/** Whether bits are an infinity of this sign, or NaN, which counts as both. */
function isKind(word: number, type: FloatType, kind: Kind): boolean {
  if ((word & special[type]) !== special[type]) return false;
  return isNaNOf(word, type) || ((word & sign[type]) === 0) === (kind === "positive");
}

/** Where the rows attend to a value of one kind: [B, Hq, M, Dv], other than 0 there. */
async function attended(kernel: Kernel, launch: Launch, kind: Kind): Promise<Words> {
  const { dtype } = kernel.spec;
  const value = mapped(launch.value, dtype, (word) =>
    isKind(word, dtype, kind) ? marks[dtype] : 0,
  );
  const plain = { query: zerosLike(launch.query, dtype), key: zerosLike(launch.key, dtype), value };
  const want = { lse: false, max: false };
  const { out } = await kernel.run({ ...launch, ...plain, sinks: null, want, out: null });
  return wordsOf(out);
}

/** Puts infinities where they are attended to: both signs give NaN, and what is NaN for its scores stays so. */
function addSpecial(out: Tensor, type: FloatType, positive: Words, negative: Words): void {
  const words = wordsOf(out);
  const bits = special[type];
  const quiet = type === "f32" ? 0x400000 : type === "f16" ? 0x200 : 0x40;
  const [stride = 1, length = 0] = [out.strides[3], out.shape[3]];
  let from = 0;
  for (const start of rowStarts(out, 1)) {
    for (let d = 0; d < length; d++, from++) {
      const [isPositive, isNegative] = [positive[from] !== 0, negative[from] !== 0];
      const at = start + d * stride;
      if ((!isPositive && !isNegative) || isNaNOf(words[at] ?? 0, type)) continue;
      words[at] = bits | (isPositive ? 0 : sign[type]) | (isPositive && isNegative ? quiet : 0);
    }
  }
}

/** The result of a masked launch, in which only keys that a row attends to make it NaN or infinite. */
export async function withoutMaskedValues(
  device: Device,
  kernel: Kernel,
  launch: Launch,
): Promise<LaunchResult> {
  const result = await kernel.run(launch);
  const { dtype } = kernel.spec;
  const { value } = launch;
  // The reference never touches them.
  if (device.target === "reference") return result;
  if (isFinite(result.out, dtype, launch.shape.M < 128 ? 1 : ROWS)) return result;
  if (isFinite(value, dtype, 1)) return result;
  const marking = await device.kernel({ ...kernel.spec, score: null });
  const positive = await attended(marking, launch, "positive");
  const negative = await attended(marking, launch, "negative");
  const bits = special[dtype];
  const finite = mapped(value, dtype, (word) => ((word & bits) === bits ? 0 : word));
  const again = await kernel.run({ ...launch, value: finite });
  addSpecial(again.out, dtype, positive, negative);
  return again;
}
