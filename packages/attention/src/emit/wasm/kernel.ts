import type { KernelSpec } from "../../runtime/device.ts";
import { QUERY_LANES } from "./abi.ts";
import type { WasmKernel, WasmTarget } from "./abi.ts";
import { moduleText } from "./asm/text.ts";
import { kernelContext } from "./context.ts";
import { emitForward } from "./forward.ts";

export function emitKernel(spec: KernelSpec, target: WasmTarget): WasmKernel {
  const context = kernelContext(spec, target);
  emitForward(context);
  return {
    bytes: context.module.encode(),
    tile: { queries: QUERY_LANES, keys: context.tile },
    source: () => moduleText(context.module, ["attention"]),
  };
}
