/** What all parts of one kernel's template share: the spec, the target, where things lie, the item's registers. */
import type { KernelSpec } from "../../runtime/device.ts";
import { captureLayout, scratchLayout, tileKeys } from "./abi.ts";
import type { CaptureLayout, ScratchLayout, WasmTarget } from "./abi.ts";
import { op } from "./asm/expression.ts";
import type { V128 } from "./asm/expression.ts";
import { ModuleBuilder } from "./asm/module.ts";
import type { Global } from "./asm/module.ts";
import { add, mul } from "./lanes.ts";

/**
 * Globals of the module; each thread has its own instance, so its own values. They hold what is fixed for one item,
 * so that the many small functions (V8 optimises a function once it has been called often) need few parameters.
 */
export interface Registers {
  readonly params: Global<"i32">;
  readonly scratch: Global<"i32">;
  readonly batch: Global<"i32">;
  readonly head: Global<"i32">;
  /** Address of key 0 and value 0 of this (batch, key head). */
  readonly keys: Global<"i32">;
  readonly values: Global<"i32">;
  /** First query row of the item. */
  readonly first: Global<"i32">;
  /** Rows of the item less one: lanes beyond it repeat the last row. */
  readonly last: Global<"i32">;
  /** queryOffset[b]: score and mask see row + offset. */
  readonly offset: Global<"i32">;
}

export interface KernelContext {
  readonly spec: KernelSpec;
  readonly target: WasmTarget;
  readonly module: ModuleBuilder;
  readonly registers: Registers;
  readonly layout: ScratchLayout;
  readonly captures: CaptureLayout;
  /** Keys of one score tile. */
  readonly tile: number;
  /** a * b + c, fused where the target can. */
  readonly fma: (a: V128, b: V128, c: V128) => V128;
}

/** Fused multiply-add; plain SIMD rounds twice. */
export const fmaOf = (relaxed: boolean): KernelContext["fma"] =>
  relaxed ? (a, b, c) => op("f32x4.relaxed_madd", a, b, c) : (a, b, c) => add(mul(a, b), c);

export function kernelContext(spec: KernelSpec, target: WasmTarget): KernelContext {
  const module = new ModuleBuilder();
  module.useMemory({ shared: target.shared });
  const register = (name: string): Global<"i32"> => module.global("i32", name);
  const registers: Registers = {
    params: register("params"),
    scratch: register("scratch"),
    batch: register("batch"),
    head: register("head"),
    keys: register("keys"),
    values: register("values"),
    first: register("first"),
    last: register("last"),
    offset: register("offset"),
  };
  return {
    spec,
    target,
    module,
    registers,
    layout: scratchLayout(spec),
    captures: captureLayout(spec),
    tile: tileKeys(spec),
    fma: fmaOf(target.relaxed),
  };
}
