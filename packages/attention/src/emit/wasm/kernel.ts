/** From a `KernelSpec` to a WebAssembly module. */
import type { KernelSpec } from "../../runtime/device.ts";
import { QUERY_LANES, splitKeys } from "./abi.ts";
import type { WasmKernel, WasmTarget } from "./abi.ts";
import { moduleText } from "./asm/text.ts";
import { kernelContext } from "./context.ts";
import { emitDecode } from "./decode/decode.ts";
import { emitForward } from "./forward/forward.ts";
import { legend } from "./legend.ts";

/** The module for a spec: bytes that depend on nothing else, and the same code as text. Cost: a few milliseconds. */
export function emitKernel(spec: KernelSpec, target: WasmTarget): WasmKernel {
  const context = kernelContext(spec, target);
  const isForward = spec.schedule === "forward";
  if (isForward) emitForward(context);
  else emitDecode(context);
  return {
    bytes: context.module.encode(),
    tile: isForward
      ? { queries: QUERY_LANES, keys: context.tile }
      : { rows: 4, keys: context.tile, split: splitKeys(spec) },
    source: () => moduleText(context.module, legend(spec)),
  };
}
