/**
 * The float64 reference as a device, so that `device: "reference"` answers any call that a kernel answers.
 *
 * It gets the traced expressions, not the caller's functions, and evaluates them in float64 (`evaluate.ts`): against a kernel
 * it settles whether the kernel is right; against `referenceAttention` with the plain functions, whether tracing is. A block mask
 * is believed only where it is the sole statement of the mask (bits, or no expression); elsewhere the expression decides.
 */
import { internalError, typeError } from "../errors.ts";
import { printExpression } from "../ir/print.ts";
import type { Expression, Position } from "../ir/types.ts";
import { type BlockMask, FULL, RUN_STRIDE, wordsPerBlock } from "../mask/block-mask.ts";
import type { Device, Kernel, KernelSpec, Launch, LaunchResult } from "../runtime/device.ts";
import { type FloatType, Tensor } from "../tensor.ts";
import { type Answer, type Problem, referenceAttention } from "./attention.ts";
import { compileExact } from "./evaluate.ts";
import { encode } from "./formats.ts";

/** The float64 reference: exact, slow (about 10^8 multiplications a second), one thread. */
export function openReference(): Device {
  const kernels = new Map<string, Kernel>();
  let isClosed = false;
  let calls = 0;
  /** Nothing of it is freed, so calls that began before `close` simply go on. */
  const checkOpen = (underWay: number = calls): void => {
    if (!isClosed || underWay > 0) return;
    const remedy = "open another one";
    throw typeError({ name: "device", expected: "an open device", got: "a closed one", remedy });
  };
  const close = async (): Promise<void> => {
    isClosed = true;
    kernels.clear();
  };
  return {
    target: "reference",
    name: "reference (float64, one thread)",
    get compilations() {
      return kernels.size;
    },
    async hold(work) {
      checkOpen(0);
      calls++;
      try {
        return await work();
      } finally {
        calls--;
      }
    },
    async kernel(spec) {
      checkOpen();
      const key = keyOf(spec);
      const kernel = kernels.get(key) ?? kernelFor(spec);
      kernels.set(key, kernel);
      return kernel;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const textOf = (expression: Expression | null): string =>
  expression === null ? "none" : printExpression(expression);

const keyOf = ({ score, mask, ...rest }: KernelSpec): string =>
  JSON.stringify([rest, textOf(score), textOf(mask)]);

function kernelFor(spec: KernelSpec): Kernel {
  return {
    spec,
    tile: {},
    source: () =>
      `${textOf(spec.score)}\n\n${textOf(spec.mask)}\n\n${String(referenceAttention)}\n`,
    async run(launch) {
      launch.signal?.throwIfAborted();
      return resultOf(referenceAttention(problemOf(spec, launch)), spec.dtype, launch);
    },
  };
}

function problemOf(spec: KernelSpec, launch: Launch): Problem {
  const { query, key, value, scale, queryOffset, kvLength, sinks, captures } = launch;
  const score = spec.score === null ? null : compileExact(spec.score.root, captures);
  const mask = maskOf(spec, launch);
  return { query, key, value, scale, queryOffset, kvLength, sinks, score, mask };
}

function maskOf(
  spec: KernelSpec,
  { captures, blockMask, queryOffset }: Launch,
): ((at: Position) => boolean) | null {
  if (spec.mask !== null) {
    const attends = compileExact(spec.mask.root, captures);
    return (at) => attends(0, at) !== 0;
  }
  if (blockMask === null) return null;
  return ({ b, h, q, kv }) => listed(blockMask, b, h, q - (queryOffset[b] ?? 0), kv);
}

/** Whether the block mask lets row `row` of the launch attend to key `kv`. */
function listed(mask: BlockMask, b: number, h: number, row: number, kv: number): boolean {
  const { B, H, rows, blockQ, blockKv, rowStart, runs } = mask;
  const owner = ((B === 1 ? 0 : b) * H + (H === 1 ? 0 : h)) * rows + Math.floor(row / blockQ);
  for (let run = rowStart[owner] ?? 0; run < (rowStart[owner + 1] ?? 0); run++) {
    const [start = 0, end = 0, kind, firstBits = -1] = runs.subarray(run * RUN_STRIDE);
    if (kv < start || kv >= end) continue;
    if (kind === FULL) return true;
    if (mask.bits === null || firstBits < 0)
      throw internalError("a partial block without its mask");
    const block = firstBits + Math.floor((kv - start) / blockKv);
    const bit = (row % blockQ) * blockKv + ((kv - start) % blockKv);
    const word = mask.bits[block * wordsPerBlock(blockQ, blockKv) + (bit >>> 5)] ?? 0;
    return (word & (1 << (bit & 31))) !== 0;
  }
  return false;
}

function resultOf(answer: Answer, dtype: FloatType, { shape, want, out }: Launch): LaunchResult {
  const { B, Hq, M, Dv } = shape;
  const rows = [B, Hq, M];
  const target = out ?? emptyTensor(dtype, [...rows, Dv]);
  write(target, answer.out);
  return {
    out: target,
    lse: want.lse ? new Tensor(Float32Array.from(answer.lse), rows) : null,
    max: want.max ? new Tensor(Float32Array.from(answer.max), rows) : null,
  };
}

function emptyTensor(dtype: FloatType, shape: readonly number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  if (dtype === "f32") return new Tensor(new Float32Array(size), shape);
  const hasFloat16 = dtype === "f16" && typeof Float16Array !== "undefined";
  return new Tensor(hasFloat16 ? new Float16Array(size) : new Uint16Array(size), shape, { dtype });
}

/** Row-major numbers [B, Hq, M, Dv] into a tensor of any strides, rounded to its dtype. */
function write({ data, dtype, shape, strides, offset }: Tensor, values: Float64Array): void {
  const [, H = 1, M = 1, D = 1] = shape;
  const [perBatch = 0, perHead = 0, perRow = 0, perElement = 0] = strides;
  const raw = data instanceof Uint16Array && (dtype === "f16" || dtype === "bf16") ? dtype : null;
  for (let at = 0; at < values.length; at++) {
    const row = Math.floor(at / D);
    const head = Math.floor(row / M);
    const [b, h] = [Math.floor(head / H), head % H];
    const to = offset + b * perBatch + h * perHead + (row % M) * perRow + (at % D) * perElement;
    const value = values[at] ?? NaN;
    data[to] = raw === null ? value : encode(raw, value);
  }
}
