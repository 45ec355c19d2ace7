/** What the GPU's functions would do, in JavaScript: copies, and attention by the reference, on a fake driver's memory. */
import { type Field, type ParamsLayout, paramsLayout } from "../../emit/cuda/abi.ts";
import { emitKernel } from "../../emit/cuda/kernel.ts";
import { compileElement } from "../../ir/evaluate.ts";
import type { CaptureValues } from "../../ir/types.ts";
import { referenceAttention } from "../../reference/attention.ts";
import { encode } from "../../reference/formats.ts";
import { type FloatType, Tensor } from "../../tensor.ts";
import type { KernelSpec, ResidentKernel } from "../device.ts";
import type { CudaDevice } from "./device.ts";
import { type CudaOptions, openCudaOn } from "./open.ts";
import {
  FakeGpu,
  type FakeKernel,
  type FakeLaunch,
  type FakeOptions,
  fakeMachine,
} from "./test-fake-driver.ts";

const TARGET = { arch: "sm_90a", fastMath: true, standalone: false } as const;

/** Fields of `Params` by name. */
class Params {
  readonly #view: DataView;
  readonly #fields: ReadonlyMap<string, Field>;

  constructor(layout: ParamsLayout, view: DataView) {
    this.#view = view;
    this.#fields = new Map(layout.fields.map((field) => [field.name, field]));
  }

  number(name: string): number {
    const { type, offset } = this.#field(name);
    if (type === "f32") return this.#view.getFloat32(offset, true);
    if (type === "i32") return this.#view.getInt32(offset, true);
    return Number(this.#view.getBigInt64(offset, true));
  }

  address(name: string): bigint {
    return this.#view.getBigUint64(this.#field(name).offset, true);
  }

  #field(name: string): Field {
    const field = this.#fields.get(name);
    if (field === undefined) throw new Error(`no field ${name}`);
    return field;
  }
}

const sizeOf = (dtype: FloatType): number => (dtype === "f32" ? 4 : 2);

/** A tensor over the fake GPU's memory. */
function tensorAt(
  { gpu }: FakeLaunch,
  address: bigint,
  dtype: FloatType,
  shape: readonly number[],
  strides: readonly number[],
): Tensor {
  const size = sizeOf(dtype);
  const last = shape.reduce((at, length, axis) => at + (length - 1) * (strides[axis] ?? 0), 0);
  const bytes = gpu.memory.view(address, (last + 1) * size);
  const { buffer, byteOffset } = bytes;
  const data =
    dtype === "f32"
      ? new Float32Array(buffer as ArrayBuffer)
      : new Uint16Array(buffer as ArrayBuffer);
  return new Tensor(data, shape, { dtype, strides, offset: byteOffset / size });
}

function named(
  launch: FakeLaunch,
  params: Params,
  spec: KernelSpec,
  name: "query" | "key" | "value" | "out",
): Tensor {
  const [B, Hq, Hkv, M, N] = ["B", "Hq", "Hkv", "M", "N"].map((axis) => params.number(axis)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const shapes = {
    query: [B, Hq, M, spec.D],
    key: [B, Hkv, N, spec.D],
    value: [B, Hkv, N, spec.Dv],
    out: [B, Hq, M, spec.Dv],
  } as const;
  const strides = ["BatchStride", "HeadStride", "RowStride"].map((stride) =>
    params.number(`${name}${stride}`),
  );
  return tensorAt(launch, params.address(name), spec.dtype, shapes[name], [...strides, 1]);
}

function capturesOf(launch: FakeLaunch, params: Params, layout: ParamsLayout): CaptureValues {
  const uniforms = layout.uniforms.map(({ name, field }) => {
    return [name, params.number(field.name)] as const;
  });
  const tensors = layout.tensors.map(({ name, type, data, lengths }) => {
    const shape = lengths.map(({ name }) => params.number(name));
    const size = shape.reduce((product, length) => product * length, 1);
    const bytes = launch.gpu.memory
      .view(params.address(data.name), size * (type === "bool" ? 1 : 4))
      .slice();
    const arrays = { f32: Float32Array, i32: Int32Array, bool: Uint8Array } as const;
    return [name, { type, shape, data: new arrays[type](bytes.buffer) }] as const;
  });
  return { uniforms: new Map(uniforms), tensors: new Map(tensors) };
}

const int32At = ({ gpu }: FakeLaunch, address: bigint, length: number): Int32Array =>
  new Int32Array(gpu.memory.view(address, length * 4).slice().buffer);

function attend(launch: FakeLaunch, spec: KernelSpec, maps: number): void {
  const layout = paramsLayout(spec);
  const params = new Params(layout, launch.parameter(maps, layout.bytes));
  const captures = capturesOf(launch, params, layout);
  const score = spec.score === null ? null : compileElement(spec.score.root, captures);
  const mask = spec.mask === null ? null : compileElement(spec.mask.root, captures);
  const B = params.number("B");
  const sinks = params.address("sinks");
  const answer = referenceAttention({
    query: named(launch, params, spec, "query"),
    key: named(launch, params, spec, "key"),
    value: named(launch, params, spec, "value"),
    scale: params.number("scale"),
    queryOffset: int32At(launch, params.address("queryOffset"), B),
    kvLength: int32At(launch, params.address("kvLength"), B),
    sinks:
      sinks === 0n
        ? null
        : new Float32Array(int32At(launch, sinks, params.number("Hq")).buffer as ArrayBuffer),
    score: score && ((s, { b, h, q, kv }) => Number(score(b, h, q, kv, s))),
    mask: mask && (({ b, h, q, kv }) => mask(b, h, q, kv, 0) === true),
  });
  store(named(launch, params, spec, "out"), answer.out);
  for (const name of ["lse", "max"] as const) {
    const address = params.address(name);
    const values = Float32Array.from(answer[name]);
    if (address !== 0n)
      launch.gpu.memory.view(address, values.byteLength).set(new Uint8Array(values.buffer));
  }
}

function store({ data, dtype, shape, strides, offset }: Tensor, values: Float64Array): void {
  const [B = 0, H = 0, M = 0, D = 0] = shape;
  const [sb = 0, sh = 0, sm = 0, sd = 0] = strides;
  let from = 0;
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let m = 0; m < M; m++)
        for (let d = 0; d < D; d++) {
          const value = values[from++] ?? 0;
          const at = offset + b * sb + h * sh + m * sm + d * sd;
          data[at] = dtype === "f32" ? value : encode(dtype as "f16" | "bf16", value);
        }
}

/** The copying kernel, by its own layout of parameters. */
function copy(launch: FakeLaunch, size: 2 | 4): void {
  const view = launch.parameter(0, 112);
  const long = (at: number): number => Number(view.getBigInt64(at, true));
  const four = (at: number): number[] => [0, 1, 2, 3].map((axis) => long(at + 8 * axis));
  const [from, to] = [view.getBigUint64(0, true), view.getBigUint64(8, true)];
  const [fromStrides, toStrides, lengths] = [four(16), four(48), four(80)];
  const count = lengths.reduce((all, length) => all * length, 1);
  for (let i = 0; i < count; i++) {
    let [rest, source, target] = [i, 0, 0];
    for (let axis = 3; axis >= 0; axis--) {
      const at = rest % (lengths[axis] ?? 1);
      rest = Math.floor(rest / (lengths[axis] ?? 1));
      source += at * (fromStrides[axis] ?? 0);
      target += at * (toStrides[axis] ?? 0);
    }
    const bytes = launch.gpu.memory.view(from + BigInt(source * size), size);
    launch.gpu.memory.view(to + BigInt(target * size), size).set(bytes);
  }
}

export interface FakeDevice {
  readonly device: CudaDevice;
  readonly gpu: FakeGpu;
}

/** Specs of the kernels that were asked for, by their texts. */
type Specs = Map<string, { readonly spec: KernelSpec; readonly maps: number }>;

function newKernel(specs: Specs): FakeKernel {
  return (launch) => {
    if (launch.name === "copy2" || launch.name === "copy4") {
      copy(launch, launch.name === "copy2" ? 2 : 4);
      return;
    }
    const known = specs.get(launch.text);
    if (known === undefined) throw new Error(`no such kernel: ${launch.name}`);
    if (launch.name !== "combine") attend(launch, known.spec, known.maps);
  };
}

/** The cuda device on a fake GPU that computes what the reference does. Nothing is kept on disk unless a folder is given. */
export async function openFake(
  fake: FakeOptions = {},
  options: CudaOptions = {},
  prepare: (gpu: FakeGpu) => void = () => undefined,
): Promise<FakeDevice> {
  const specs: Specs = new Map();
  const gpu = new FakeGpu({ kernel: newKernel(specs), ...fake });
  prepare(gpu);
  const device = await openCudaOn(fakeMachine(), { cacheFolder: null, ...options }, gpu.load);
  const kernel = device.kernel.bind(device);
  device.kernel = (spec: KernelSpec): Promise<ResidentKernel> => {
    const { text, maps } = emitKernel(spec, { ...TARGET, fastMath: options.exact !== true });
    specs.set(text, { spec, maps: maps.length });
    return kernel(spec);
  };
  return { device, gpu };
}
