/** Tensors as kernels take them: a row's elements lie next to each other, in memory that stays where it is. */
import { internalError } from "../../errors.ts";
import { contiguousStrides, Tensor, type TensorData } from "../../tensor.ts";
import { type Box, type Elements, gather, scatter } from "../shared/strided.ts";

/** The elements as they are stored. */
function elementsOf(data: TensorData): Elements {
  if (data instanceof Float32Array || data instanceof Uint16Array) return data;
  if (data instanceof Int32Array || data instanceof Uint8Array) {
    throw internalError("attention over integers reached a kernel");
  }
  return new Uint16Array(data.buffer, data.byteOffset, data.length);
}

const boxOf = ({ offset, shape, strides }: Tensor): Box => ({ offset, lengths: shape, strides });

/** A resizable buffer could shrink while a kernel reads it. */
const staysInPlace = ({ data: { buffer } }: Tensor): boolean =>
  !(buffer instanceof ArrayBuffer && buffer.resizable);

const isDense = (tensor: Tensor): boolean =>
  staysInPlace(tensor) && (tensor.shape[3] === 1 || tensor.strides[3] === 1);

/** Room for a tensor's elements, row-major without gaps. */
function roomFor({ data, dtype, shape, size }: Tensor): Tensor {
  const room = data instanceof Float32Array ? new Float32Array(size) : new Uint16Array(size);
  return new Tensor(room, shape, { dtype, strides: contiguousStrides(shape) });
}

/** The tensor itself where a kernel can read it, else a copy. */
export function denseInput(tensor: Tensor): Tensor {
  if (isDense(tensor)) return tensor;
  const copy = roomFor(tensor);
  gather(elementsOf(tensor.data), boxOf(tensor), elementsOf(copy.data), 0);
  return copy;
}

export interface DenseOutput {
  /** Where the kernel writes. */
  readonly tensor: Tensor;
  /** Moves what it wrote to where the caller wants it. */
  deliver(): void;
}

export function denseOutput(tensor: Tensor): DenseOutput {
  if (isDense(tensor)) return { tensor, deliver: () => undefined };
  const room = roomFor(tensor);
  const deliver = (): void =>
    scatter(elementsOf(room.data), 0, elementsOf(tensor.data), boxOf(tensor));
  return { tensor: room, deliver };
}
