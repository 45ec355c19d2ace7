/** A launch on tensors that lie in GPU memory: nothing is copied unless its strides are more than kernels take. */
import { bytesOf, type DeviceTensor } from "../../device-tensor.ts";
import { internalError } from "../../errors.ts";
import { contiguousStrides, type DType } from "../../tensor.ts";
import type { Launch, LaunchResult } from "../device.ts";
import type { Core } from "./core.ts";
import { densePlace } from "./host-launch.ts";
import type { LoadedKernel } from "./loaded-kernel.ts";
import type { PlacedTensor } from "./params-block.ts";
import { Scope } from "./scope.ts";
import type { StridedCopy } from "./strided-copy.ts";

/** What the copy engine asks of addresses and of strides in bytes. */
const ALIGNMENT = 16;

type NewTensor = (shape: readonly number[], dtype: DType) => DeviceTensor;
type ResidentLaunch = Launch<DeviceTensor>;

/** Rows of contiguous elements are enough for most kernels; the copy engine wants everything at multiples of 16 bytes. */
function fits({ address, shape, strides, dtype }: DeviceTensor, aligned: boolean): boolean {
  const [B = 1, , , columns = 1] = shape;
  if (columns > 1 && strides[3] !== 1) return false;
  if (!aligned) return true;
  const size = bytesOf(dtype);
  const isRepeated = B > 1 && strides[0] === 0;
  const isAligned = strides
    .slice(0, 3)
    .every((stride, axis) => shape[axis] === 1 || (stride * size) % ALIGNMENT === 0);
  return isAligned && !isRepeated && address % BigInt(ALIGNMENT) === 0n;
}

/** The copy engine checks the strides of axes of length 1 too, which may be anything. */
function placeOf({ address, shape, strides }: DeviceTensor): PlacedTensor {
  const dense = contiguousStrides(shape);
  const stride = (axis: number): bigint =>
    BigInt((shape[axis] === 1 ? dense[axis] : strides[axis]) ?? 0);
  return { address, batchStride: stride(0), headStride: stride(1), rowStride: stride(2) };
}

/** Places, kept with their tensors, which do not move; null for one that kernels do not take as it is. */
class Places {
  readonly #known = new WeakMap<DeviceTensor, PlacedTensor | null>();
  readonly #aligned: boolean;

  constructor(aligned: boolean) {
    this.#aligned = aligned;
  }

  of(tensor: DeviceTensor): PlacedTensor | null {
    const known = this.#known.get(tensor);
    if (known !== undefined) return known;
    const place = fits(tensor, this.#aligned) ? placeOf(tensor) : null;
    this.#known.set(tensor, place);
    return place;
  }
}

const anywhere = new Places(false);
const alignedOnly = new Places(true);

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

/** Queues a launch. It is waited for by whoever reads a result. */
export async function runResident(
  core: Core,
  kernel: LoadedKernel,
  launch: ResidentLaunch,
  make: NewTensor,
): Promise<LaunchResult<DeviceTensor>> {
  launch.signal?.throwIfAborted();
  const places = kernel.needsAlignment ? alignedOnly : anywhere;
  const { query, key, value, out } = launch;
  const inputs = [query, key, value] as const;
  const isSimple = inputs.every((tensor) => places.of(tensor) !== null);
  const copier =
    isSimple && (out === null || anywhere.of(out) !== null) ? null : await core.copier();
  core.gpu.enter();
  using scope = new Scope(core.allocator);
  const place = (tensor: DeviceTensor): PlacedTensor =>
    places.of(tensor) ?? densePlace(densely(core, copier, tensor, scope), tensor.shape);
  const placed = { query: place(query), key: place(key), value: place(value) };
  const results = new Results(make, launch, kernel.spec.dtype);
  try {
    // An output that kernels cannot write to gets its elements from one that they can.
    using detour =
      anywhere.of(results.out) === null ? make(results.out.shape, results.out.dtype) : null;
    const target = anywhere.of(results.out) ?? placeOf(detour ?? results.out);
    const lse = results.lse?.address ?? 0n;
    const max = results.max?.address ?? 0n;
    kernel.enqueue({ ...launch, ...placed, out: target, lse, max }, scope);
    if (copier !== null && detour !== null) core.copy(copier, detour, results.out);
    return results;
  } catch (error) {
    results.free();
    throw error;
  }
}

function densely(
  core: Core,
  copier: StridedCopy | null,
  tensor: DeviceTensor,
  scope: Scope,
): bigint {
  if (copier === null) throw internalError("a tensor has to be copied by nobody");
  return core.densely(copier, tensor, scope);
}
