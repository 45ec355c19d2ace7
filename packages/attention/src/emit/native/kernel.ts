/** From a `KernelSpec` to C. */
import type { KernelSpec } from "../../runtime/device.ts";
import { productsOf, splitKeys } from "./abi.ts";
import type { NativeKernel, NativeTarget } from "./abi.ts";
import { kernelContext } from "./context.ts";
import { DECODE_TILE, emitDecode } from "./decode/decode.ts";
import { emitForward, tileKeys } from "./forward/forward.ts";
import { blockKeys, emitForwardTiles } from "./forward/tiles.ts";
import { legend } from "./legend.ts";
import { emitPrelude } from "./prelude/prelude.ts";
import { panelOf } from "./prelude/products.ts";

/**
 * The kernel for a spec: text that depends on nothing but the arguments. Cost: under a millisecond.
 *
 * @param symbol  the exported function's name, and the prefix of the names of all others
 */
export function emitKernel(spec: KernelSpec, target: NativeTarget, symbol: string): NativeKernel {
  const context = kernelContext(spec, target, symbol);
  const isForward = spec.schedule === "forward";
  const products = productsOf(spec, target);
  const code = !isForward
    ? emitDecode(context)
    : products === "bf16-tiles"
      ? emitForwardTiles(context)
      : emitForward(context);
  const body = `${legend(spec, products)}\n${code}\n`;
  return {
    symbol,
    body,
    text: `${emitPrelude(target)}\n${body}`,
    tile: isForward
      ? {
          queries: panelOf(target),
          keys: products === "f32" ? tileKeys(context) : blockKeys(context),
        }
      : { rows: 4, keys: DECODE_TILE, split: splitKeys(spec) },
  };
}
