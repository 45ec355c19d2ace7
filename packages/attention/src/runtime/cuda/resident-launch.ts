/** A launch on tensors that lie in GPU memory: nothing is copied unless its strides are more than kernels take. */
import type { DeviceTensor } from "../../device-tensor.ts";
import type { DType } from "../../tensor.ts";
import type { Launch, LaunchResult } from "../device.ts";
import type { Core } from "./core.ts";
import { densePlace } from "./host-launch.ts";
import type { LoadedKernel, PlacedTensor } from "./loaded-kernel.ts";
import { Scope } from "./scope.ts";
import type { StridedCopy } from "./strided-copy.ts";

/** What the copy engine asks of addresses and of strides in bytes. */
const ALIGNMENT = 16;

type NewTensor = (shape: readonly number[], dtype: DType) => DeviceTensor;
type ResidentLaunch = Launch<DeviceTensor>;

function placeOf({ address, strides }: DeviceTensor): PlacedTensor {
  const [batchStride = 0, headStride = 0, rowStride = 0] = strides;
  return { address, batchStride, headStride, rowStride };
}

/** Rows of contiguous elements are enough for most kernels; the copy engine wants everything at multiples of 16 bytes. */
function fits({ address, shape, strides, dtype }: DeviceTensor, aligned: boolean): boolean {
  const [B = 1, , , columns = 1] = shape;
  if (columns > 1 && strides[3] !== 1) return false;
  if (!aligned) return true;
  const size = dtype === "f32" ? 4 : 2;
  const isRepeated = B > 1 && strides[0] === 0;
  const isAligned = strides
    .slice(0, 3)
    .every((stride, axis) => shape[axis] === 1 || (stride * size) % ALIGNMENT === 0);
  return isAligned && !isRepeated && address % BigInt(ALIGNMENT) === 0n;
}

/** Strides of axes of length 1 may be anything; the copy engine checks them all the same. */
function alignedPlace(tensor: DeviceTensor): PlacedTensor {
  const [B = 1, H = 1, rows = 1, columns = 1] = tensor.shape;
  const place = placeOf(tensor);
  const rowStride = rows === 1 ? columns : place.rowStride;
  const headStride = H === 1 ? rows * rowStride : place.headStride;
  const batchStride = B === 1 ? H * headStride : place.batchStride;
  return { ...place, rowStride, headStride, batchStride };
}

class Results implements LaunchResult<DeviceTensor> {
  readonly out: DeviceTensor;
  readonly lse: DeviceTensor | null;
  readonly max: DeviceTensor | null;
  readonly #own: DeviceTensor[] = [];

  constructor(make: NewTensor, { shape, out, want }: ResidentLaunch, dtype: DType) {
    const { B, Hq, M, Dv } = shape;
    const own = (lengths: readonly number[], type: DType): DeviceTensor => {
      const tensor = make(lengths, type);
      this.#own.push(tensor);
      return tensor;
    };
    try {
      this.out = out ?? own([B, Hq, M, Dv], dtype);
      this.lse = want.lse ? own([B, Hq, M], "f32") : null;
      this.max = want.max ? own([B, Hq, M], "f32") : null;
    } catch (error) {
      this.free();
      throw error;
    }
  }

  /** Everything but the caller's own tensor. */
  free(): void {
    for (const tensor of this.#own) tensor.free();
  }
}

/** Null where every tensor can be used where it lies. */
async function copierFor(
  core: Core,
  kernel: LoadedKernel,
  { query, key, value, out }: ResidentLaunch,
): Promise<StridedCopy | null> {
  const inputsFit = [query, key, value].every((tensor) => fits(tensor, kernel.needsAlignment));
  if (inputsFit && (out === null || fits(out, kernel.needsAlignment))) return null;
  return core.copier();
}

/** Queues a launch. It is waited for by whoever reads a result. */
export async function runResident(
  core: Core,
  kernel: LoadedKernel,
  launch: ResidentLaunch,
  make: NewTensor,
): Promise<LaunchResult<DeviceTensor>> {
  launch.signal?.throwIfAborted();
  const copier = await copierFor(core, kernel, launch);
  core.gpu.enter();
  using scope = new Scope(core.allocator);
  const aligned = kernel.needsAlignment;
  const place = (tensor: DeviceTensor): PlacedTensor => {
    if (fits(tensor, aligned)) return aligned ? alignedPlace(tensor) : placeOf(tensor);
    const copied = copier === null ? tensor.address : core.densely(copier, tensor, scope);
    return densePlace(copied, tensor.shape);
  };
  const [query, key, value] = [place(launch.query), place(launch.key), place(launch.value)];
  const results = new Results(make, launch, kernel.spec.dtype);
  try {
    // An output that kernels cannot write to gets its elements from one that they can.
    const detour = copier !== null && !fits(results.out, aligned);
    using target = detour ? make(results.out.shape, results.out.dtype) : null;
    const out = placeOf(target ?? results.out);
    const lse = results.lse?.address ?? 0n;
    const max = results.max?.address ?? 0n;
    kernel.enqueue({ ...launch, query, key, value, out, lse, max }, scope);
    if (copier !== null && target !== null) core.copy(copier, target, results.out);
    return results;
  } catch (error) {
    results.free();
    throw error;
  }
}
