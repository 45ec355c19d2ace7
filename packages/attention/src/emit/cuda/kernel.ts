/** The kernel of a spec as CUDA C++: which template writes it. */
import type { KernelSpec } from "../../runtime/device.ts";
import type { CudaKernel, CudaTarget } from "./abi.ts";
import { emitDecode } from "./decode/decode.ts";
import { emitGeneric } from "./generic/generic.ts";
import { emitHopper } from "./hopper/hopper.ts";
import { fitsHopper } from "./hopper/tile.ts";

/** The text depends on spec and target only. */
export function emitKernel(spec: KernelSpec, target: CudaTarget): CudaKernel {
  if (spec.schedule === "decode") return emitDecode(spec, target);
  const emit = target.arch === "sm_90a" && fitsHopper(spec) ? emitHopper : emitGeneric;
  return emit(spec, target);
}
