/**
 * The generic template: mma.sync (or multiply-adds, for f32) behind asynchronous copies. It runs on every GPU from sm_80 on and takes
 * every head size, dtype and stride; `hopper/` is faster where it fits.
 */
import type { KernelSpec } from "../../../runtime/device.ts";
import { paramsLayout } from "../abi.ts";
import type { CudaKernel, CudaTarget } from "../abi.ts";
import { approximates, lowerMod } from "../lower/lower-mod.ts";
import { modHelpers } from "../lower/helpers.ts";
import { captureAccess, paramsText } from "../params.ts";
import { finish } from "./finish.ts";
import { constants, forward } from "./forward.ts";
import { items } from "./items.ts";
import { elementType, primitives } from "./primitives.ts";
import { products } from "./products.ts";
import { scores } from "./scores.ts";
import { genericTile, sharedBytes } from "./tile.ts";

export interface Declarations {
  /** The element type, the parameters, and the mods as device functions. */
  readonly text: string;
  /** For `CudaKernel`: whether the score is computed with approximate functions. */
  readonly approximate: { readonly approximate?: boolean };
}

export function declarations(spec: KernelSpec, target: CudaTarget): Declarations {
  const layout = paramsLayout(spec);
  const exact = !target.fastMath || spec.dtype === "f32";
  const captures = captureAccess(layout, "params");
  const mods = [spec.score, spec.mask]
    .filter((expression) => expression !== null)
    .map((expression) => lowerMod(expression, { params: "Params", captures, exact }));
  const text = [
    `typedef ${elementType(spec.dtype)} Element;\n`,
    paramsText(layout),
    "#define INFINITY_F __int_as_float(0x7f800000)\nconstexpr float LOG2E = 1.4426950408889634f;\n",
    modHelpers(mods),
    ...mods,
  ].join("\n");
  return { text, approximate: mods.some(approximates) ? { approximate: true } : {} };
}

export function emitGeneric(spec: KernelSpec, target: CudaTarget): CudaKernel {
  const tile = genericTile(spec);
  const lists = spec.mask !== null || spec.maskBits;
  const declared = declarations(spec, target);
  const text = [
    forward.legend,
    declared.text,
    constants(spec, tile),
    primitives(spec.dtype),
    products(spec.dtype),
    items(lists, spec.maskBits),
    scores(spec),
    finish,
    forward.kernel,
  ].join("\n");
  const threads = tile.warps * 32;
  return {
    text,
    template: "generic",
    entries: [{ name: "attention", threads, sharedBytes: sharedBytes(spec, tile), grid: "items" }],
    maps: [],
    tile: { queries: tile.warps * 16, keys: tile.keys },
    lists,
    ...declared.approximate,
  };
}
