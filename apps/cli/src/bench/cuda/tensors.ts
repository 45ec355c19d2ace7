/** Large random tensors in little time: a million normal numbers, again and again with a period that no row has. */
import { Tensor } from "@vigil/attention";
import type { DeviceTensor, ResidentDevice } from "@vigil/attention";
import { makeInputs } from "@vigil/attention/testing";
import type { Inputs, Shape } from "@vigil/attention/testing";

/** A prime: rows, heads and batch elements begin at another place of it each. */
const PERIOD = 1_000_003;

function normals(seed: number): Uint16Array {
  const shape = { B: 1, Hq: 1, Hkv: 1, M: PERIOD, N: 1, D: 1, Dv: 1 };
  const { query } = makeInputs(shape, { dtype: "bf16", numbers: "normal", layout: "dense", seed });
  const { data } = query;
  return new Uint16Array(data.buffer, data.byteOffset, PERIOD);
}

function repeated(shape: readonly number[], pattern: Uint16Array): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const data = new Uint16Array(size);
  for (let at = 0; at < size; at += PERIOD) data.set(pattern.subarray(0, size - at), at);
  return new Tensor(data, shape, { dtype: "bf16" });
}

/** Normal numbers in bf16. */
export function largeInputs({ B, Hq, Hkv, M, N, D, Dv }: Shape): Inputs {
  return {
    query: repeated([B, Hq, M, D], normals(1)),
    key: repeated([B, Hkv, N, D], normals(2)),
    value: repeated([B, Hkv, N, Dv], normals(3)),
  };
}

/** Query, key, value and a place for the result on the GPU; `using` frees them. */
export class ResidentInputs implements Disposable {
  readonly query: DeviceTensor;
  readonly key: DeviceTensor;
  readonly value: DeviceTensor;
  readonly out: DeviceTensor;

  private constructor(tensors: readonly [DeviceTensor, DeviceTensor, DeviceTensor, DeviceTensor]) {
    [this.query, this.key, this.value, this.out] = tensors;
  }

  static async upload(device: ResidentDevice, inputs: Inputs): Promise<ResidentInputs> {
    const [B = 0, H = 0, M = 0] = inputs.query.shape;
    return new ResidentInputs([
      await device.upload(inputs.query),
      await device.upload(inputs.key),
      await device.upload(inputs.value),
      device.empty([B, H, M, inputs.value.shape[3] ?? 0], "bf16"),
    ]);
  }

  [Symbol.dispose](): void {
    for (const tensor of [this.query, this.key, this.value, this.out]) tensor.free();
  }
}
