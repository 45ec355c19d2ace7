/** The kernel of a spec as CUDA C++: which template writes it. */
import type { KernelSpec } from "../../runtime/device.ts";
import { type CudaKernel, type CudaTarget, paramsLayout } from "./abi.ts";
import { emitDecode } from "./decode/decode.ts";
import { emitGeneric } from "./generic/generic.ts";
import { emitHopper } from "./hopper/hopper.ts";
import { fitsHopper } from "./hopper/tile.ts";
import { standaloneText } from "./standalone.ts";

function emitBy(spec: KernelSpec, target: CudaTarget): CudaKernel {
  if (spec.schedule === "decode") return emitDecode(spec, target);
  const emit = target.arch === "sm_90a" && fitsHopper(spec) ? emitHopper : emitGeneric;
  return emit(spec, target);
}

/** The text depends on spec and target only. Cost: a few milliseconds. */
export function emitKernel(spec: KernelSpec, target: CudaTarget): CudaKernel {
  const kernel = emitBy(spec, target);
  if (!target.standalone) return kernel;
  return { ...kernel, text: standaloneText(kernel, paramsLayout(spec), target.arch) };
}
