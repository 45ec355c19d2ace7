/** A device whose GPU is the emulator: what the kernels for sm_80 compute, without a GPU. Slow: for cases of a few thousand scores. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { printExpression } from "../../../ir/print.ts";
import type { Device, Kernel, KernelSpec, Launch, LaunchResult } from "../../../runtime/device.ts";
import { headGroup, tileWork } from "../../../schedule/tile-work.ts";
import { elementsOf, encode } from "../../../reference/formats.ts";
import { Tensor } from "../../../tensor.ts";
import { paramsLayout } from "../abi.ts";
import type { CudaKernel, Field, ParamsLayout } from "../abi.ts";
import { decodePlan } from "../decode/abi.ts";
import { emitDecode } from "../decode/decode.ts";
import { emitGeneric } from "./generic.ts";
import { emulatorText } from "./test-emulator.ts";

const run = promisify(execFile);

export const emulatorProblem: string | null =
  spawnSync("g++", ["--version"]).status === 0 ? null : "no g++ on this machine";

type Bytes = ArrayBufferView;

/** `Params` as bytes, and what its pointers point to. */
class Arguments {
  readonly #layout: ParamsLayout;
  readonly #view: DataView<ArrayBuffer>;
  readonly #buffers: {
    readonly offset: number;
    readonly data: Bytes;
    readonly isResult: boolean;
  }[] = [];

  constructor(layout: ParamsLayout) {
    this.#layout = layout;
    this.#view = new DataView(new ArrayBuffer(layout.bytes));
  }

  #field(name: string): Field {
    const found = this.#layout.fields.find((field) => field.name === name);
    if (found === undefined) throw new Error(`no parameter ${name}`);
    return found;
  }

  number(field: string | Field, value: number): void {
    const { offset, type } = typeof field === "string" ? this.#field(field) : field;
    if (type === "f32") this.#view.setFloat32(offset, value, true);
    else if (type === "i32") this.#view.setInt32(offset, value, true);
    else this.#view.setBigInt64(offset, BigInt(value), true);
  }

  numbers(values: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(values)) this.number(name, value);
  }

  buffer(field: string | Field, data: Bytes, isResult = false): void {
    const { offset } = typeof field === "string" ? this.#field(field) : field;
    this.#buffers.push({ offset, data, isResult });
  }

  file(): Buffer {
    const words = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);
    const parts = this.#buffers.flatMap(({ offset, data, isResult }) => [
      words(offset, data.byteLength, Number(isResult)),
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    ]);
    return Buffer.concat([Buffer.from(this.#view.buffer), words(this.#buffers.length), ...parts]);
  }

  /** Puts what came back into the results' buffers. */
  take(output: Buffer): void {
    let at = 0;
    for (const { data, isResult } of this.#buffers) {
      if (!isResult) continue;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      bytes.set(output.subarray(at, at + data.byteLength));
      at += data.byteLength;
    }
  }
}

/** Where it lies, if rows are contiguous; else a copy without gaps. */
function placed(tensor: Tensor): Tensor {
  if (tensor.strides[3] === 1) return tensor;
  const dtype = tensor.dtype === "f32" || tensor.dtype === "f16" ? tensor.dtype : "bf16";
  const elements = elementsOf(tensor);
  const data =
    dtype === "f32"
      ? Float32Array.from(elements)
      : Uint16Array.from(elements, (x) => encode(dtype, x));
  return new Tensor(data, tensor.shape, { dtype });
}

function setTensor(to: Arguments, name: string, tensor: Tensor, isResult = false): void {
  const { data, offset, strides } = tensor;
  const bytes = data.BYTES_PER_ELEMENT;
  const view = new Uint8Array(
    data.buffer,
    data.byteOffset + offset * bytes,
    (data.length - offset) * bytes,
  );
  to.buffer(name, view, isResult);
  const [batch = 0, head = 0, row = 0] = strides;
  to.numbers({
    [`${name}BatchStride`]: batch,
    [`${name}HeadStride`]: head,
    [`${name}RowStride`]: row,
  });
}

function setMask(to: Arguments, { blockMask }: Launch): void {
  if (blockMask === null) return;
  const { rowStart, runs, bits, B, H, rows, blockQ, blockKv } = blockMask;
  to.buffer("rowStart", rowStart);
  to.buffer("runs", runs);
  if (bits !== null) to.buffer("bits", bits);
  to.numbers({ maskB: B, maskH: H, maskRows: rows, blockQ, blockKv });
}

function setCaptures(to: Arguments, layout: ParamsLayout, { captures }: Launch): void {
  for (const { name, field } of layout.uniforms)
    to.number(field, captures.uniforms.get(name) ?? NaN);
  for (const { name, data, lengths } of layout.tensors) {
    const value = captures.tensors.get(name);
    if (value === undefined) throw new Error(`no ${name}`);
    to.buffer(data, value.data);
    lengths.forEach((length, axis) => to.number(length, value.shape[axis] ?? 1));
  }
}

/** Blocks of each entry; sets what they are counted by. */
function setWork(to: Arguments, spec: KernelSpec, kernel: CudaKernel, launch: Launch): number[] {
  const { shape, kvLength, blockMask } = launch;
  if (spec.schedule === "decode") {
    const plan = decodePlan(spec, shape, Math.max(...kvLength));
    to.buffer("partials", new Uint8Array(plan.partialBytes).fill(0xff));
    to.numbers({ itemCount: plan.itemCount, combineCount: plan.combineCount });
    return [plan.itemCount, plan.combineCount];
  }
  if (!kernel.lists || blockMask === null) {
    const count = Math.ceil(shape.M / kernel.tile.queries) * shape.B * shape.Hq;
    to.numbers({ itemCount: count });
    return [count];
  }
  const tiling = { ...kernel.tile, headGroup: headGroup(shape, 2) };
  const { items, spans } = tileWork(shape, { mask: blockMask, kvLength }, tiling);
  to.buffer("items", items);
  to.buffer("spans", spans);
  to.numbers({ itemCount: items.length / 8 });
  return [items.length / 8];
}

async function emulate(
  spec: KernelSpec,
  kernel: CudaKernel,
  launch: Launch,
): Promise<LaunchResult> {
  const { shape, queryOffset, kvLength, sinks, scale } = launch;
  const { B, Hq, Hkv, M, N, Dv } = shape;
  const layout = paramsLayout(spec);
  const to = new Arguments(layout);
  for (const name of ["query", "key", "value"] as const) setTensor(to, name, placed(launch[name]));
  const size = B * Hq * M;
  const [lse, max] = [new Float32Array(size), new Float32Array(size)];
  const data = spec.dtype === "f32" ? new Float32Array(size * Dv) : new Uint16Array(size * Dv);
  const out = new Tensor(data, [B, Hq, M, Dv], { dtype: spec.dtype });
  setTensor(to, "out", out, true);
  to.buffer("lse", lse, true);
  to.buffer("max", max, true);
  to.buffer("queryOffset", queryOffset);
  to.buffer("kvLength", kvLength);
  if (sinks !== null) to.buffer("sinks", sinks);
  to.numbers({ B, Hq, Hkv, M, N, scale });
  setMask(to, launch);
  setCaptures(to, layout, launch);
  const blocks = setWork(to, spec, kernel, launch);
  const entries = kernel.entries.map(({ name, threads }, at) => ({
    name,
    threads,
    blocks: blocks[at] ?? 0,
  }));
  to.take(await execute(emulatorText(kernel.text, spec.dtype, entries), to.file()));
  if (launch.out !== null) copyInto(out, launch.out);
  const rows = [B, Hq, M];
  return { out: launch.out ?? out, lse: new Tensor(lse, rows), max: new Tensor(max, rows) };
}

/** Element by element, by bits. */
function copyInto(from: Tensor, to: Tensor): void {
  const [, H = 1, M = 1, D = 1] = from.shape;
  const bits = ({ data }: Tensor): Uint16Array | Uint32Array =>
    data.BYTES_PER_ELEMENT === 4
      ? new Uint32Array(data.buffer, data.byteOffset, data.length)
      : new Uint16Array(data.buffer, data.byteOffset, data.length);
  const [source, target] = [bits(from), bits(to)];
  for (let i = 0; i < from.size; i++) {
    const at = [
      Math.floor(i / (H * M * D)),
      Math.floor(i / (M * D)) % H,
      Math.floor(i / D) % M,
      i % D,
    ];
    target[at.reduce((sum, index, axis) => sum + index * (to.strides[axis] ?? 0), to.offset)] =
      source[i] ?? 0;
  }
}

async function execute(text: string, input: Buffer): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "emulated-"));
  try {
    const [source, program, file] = ["kernel.cc", "kernel", "arguments"].map((name) =>
      join(folder, name),
    );
    writeFileSync(source ?? "", text);
    writeFileSync(file ?? "", input);
    const flags = ["-std=c++17", "-O0", "-w", "-o", program ?? "", source ?? ""];
    await run("g++", flags);
    const { stdout } = await run(program ?? "", [file ?? ""], {
      encoding: "buffer",
      maxBuffer: 2 ** 28,
    });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function kernelOf(spec: KernelSpec): Kernel {
  const target = { arch: "sm_80", fastMath: false, standalone: false } as const;
  const kernel = spec.schedule === "decode" ? emitDecode(spec, target) : emitGeneric(spec, target);
  return {
    spec,
    tile: { ...kernel.tile },
    source: () => kernel.text,
    run: (launch) => emulate(spec, kernel, launch),
  };
}

/** Compiles a kernel anew for each launch. */
export function openEmulator(): Device {
  const kernels = new Map<string, Kernel>();
  const close = async (): Promise<void> => kernels.clear();
  return {
    target: "cuda",
    name: "cuda (emulated)",
    get compilations() {
      return kernels.size;
    },
    async kernel(spec) {
      const { score, mask, ...rest } = spec;
      const texts = [score, mask].map((expression) => expression && printExpression(expression));
      const key = JSON.stringify([rest, texts]);
      const known = kernels.get(key) ?? kernelOf(spec);
      kernels.set(key, known);
      return known;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
