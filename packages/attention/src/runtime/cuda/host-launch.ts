/** A launch on the caller's own arrays: copied to the GPU, computed, copied back. */
import { bytesOf } from "../../device-tensor.ts";
import { contiguousStrides, Tensor } from "../../tensor.ts";
import type { Launch, LaunchResult } from "../device.ts";
import { newResult } from "../shared/new-result.ts";
import type { Core } from "./core.ts";
import type { LoadedKernel } from "./loaded-kernel.ts";
import type { PlacedTensor } from "./params-block.ts";
import { Scope } from "./scope.ts";

/** [B, H, rows, columns] without gaps. */
export function densePlace(address: bigint, shape: readonly number[]): PlacedTensor {
  const [batchStride = 0n, headStride = 0n, rowStride = 0n] = contiguousStrides(shape).map(BigInt);
  return { address, batchStride, headStride, rowStride };
}

/** One batch element that stands for all of them. */
const isRepeated = ({ shape, strides }: Tensor): boolean => strides[0] === 0 && (shape[0] ?? 1) > 1;

const first = ({ data, dtype, shape, strides, offset }: Tensor): Tensor =>
  new Tensor(data, [1, ...shape.slice(1)], { dtype, strides, offset });

async function placeHost(
  core: Core,
  tensor: Tensor,
  scope: Scope,
  options: { readonly mayRepeat: boolean; readonly signal: AbortSignal | null },
): Promise<PlacedTensor> {
  const repeats = options.mayRepeat && isRepeated(tensor);
  const own = repeats ? first(tensor) : tensor;
  const { address } = scope.allocate(own.size * bytesOf(own.dtype));
  await core.staging.upload(own, address, options.signal);
  const place = densePlace(address, own.shape);
  return repeats ? { ...place, batchStride: 0n } : place;
}

/**
 * Runs a launch, when its turn comes.
 *
 * @throws the signal's reason  it was aborted; the GPU may go on with what was queued, and `launch.out` may have been written in part
 */
export const runFromHost = (
  core: Core,
  kernel: LoadedKernel,
  launch: Launch,
): Promise<LaunchResult> =>
  core.turns.take(launch.signal, async () => {
    using scope = new Scope(core.allocator);
    core.gpu.enter();
    const { shape, want, signal } = launch;
    const { B, Hq, M, Dv } = shape;
    const options = { mayRepeat: !kernel.needsAlignment, signal };
    const query = await placeHost(core, launch.query, scope, options);
    const key = await placeHost(core, launch.key, scope, options);
    const value = await placeHost(core, launch.value, scope, options);
    const outBytes = B * Hq * M * Dv * bytesOf(kernel.spec.dtype);
    const out = densePlace(scope.allocate(outBytes).address, [B, Hq, M, Dv]);
    const rows = (wanted: boolean): bigint =>
      wanted ? scope.allocate(B * Hq * M * 4).address : 0n;
    const [lse, max] = [rows(want.lse), rows(want.max)];
    kernel.enqueue({ ...launch, query, key, value, out, lse, max }, scope);
    const result = newResult(launch, kernel.spec.dtype);
    await core.staging.download(out.address, result.out, signal);
    if (result.lse !== null) await core.staging.download(lse, result.lse, signal);
    if (result.max !== null) await core.staging.download(max, result.max, signal);
    return result;
  });
