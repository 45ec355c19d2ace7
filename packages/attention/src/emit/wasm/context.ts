/** What all parts of one kernel's template share: the spec, the target, where things lie, the item's registers. */
import type { KernelSpec } from "../../runtime/device.ts";
import { captureLayout, PARAM, scratchLayout, tileKeys } from "./abi.ts";
import type { CaptureLayout, ScratchLayout, WasmTarget } from "./abi.ts";
import { ModuleBuilder } from "./asm/module.ts";
import type { Global } from "./asm/module.ts";
import type { FunctionBuilder } from "./asm/function.ts";
import type { I32 } from "./asm/expression.ts";
import { plus, wordAt } from "./lanes.ts";
import { fmaOf } from "./math/emitter.ts";
import type { Emitter, Fma } from "./math/emitter.ts";
import { scalarFunction } from "./math/scalar.ts";

/** Bytes of one row of a panel: 8 floats. */
export const PANEL_ROW = 32;

/** The two vectors of a panel's row, in bytes. */
export const HALVES = [0, 16] as const;

/**
 * Globals of the module: what is fixed for one item. Each thread has its own instance, so its own values. They spare the
 * many small functions their parameters (V8 optimises a function once it has been called often: hence many small ones).
 */
export interface Registers {
  readonly params: Global<"i32">;
  readonly scratch: Global<"i32">;
  readonly batch: Global<"i32">;
  readonly head: Global<"i32">;
  /** Addresses of key 0 and value 0 of this (batch, key head). */
  readonly keys: Global<"i32">;
  readonly values: Global<"i32">;
  /** Decode: address of row 0 of the item's queries. */
  readonly queries: Global<"i32">;
  /** Decode: the first query head that shares the key head. */
  readonly firstHead: Global<"i32">;
  /** First query row of the item. */
  readonly first: Global<"i32">;
  /** Rows of the item less one: lanes beyond it repeat the last row. */
  readonly last: Global<"i32">;
  /** queryOffset[b]: score and mask see row + offset. */
  readonly offset: Global<"i32">;
  /** The run being walked: its first key, and the number of its first block of bits. */
  readonly runStart: Global<"i32">;
  readonly runBits: Global<"i32">;
  /** What `keep` found: the keys of the tile from the first to the last that some lane attends to. */
  readonly aliveStart: Global<"i32">;
  readonly aliveEnd: Global<"i32">;
}

const registerNames: readonly (keyof Registers)[] = [
  "params",
  "scratch",
  "batch",
  "head",
  "keys",
  "values",
  "queries",
  "firstHead",
  "first",
  "last",
  "offset",
  "runStart",
  "runBits",
  "aliveStart",
  "aliveEnd",
];

export interface KernelContext {
  readonly spec: KernelSpec;
  readonly target: WasmTarget;
  readonly module: ModuleBuilder;
  readonly registers: Registers;
  readonly layout: ScratchLayout;
  readonly captures: CaptureLayout;
  /** Keys of one score tile. */
  readonly tile: number;
  readonly fma: Fma;
}

export function kernelContext(spec: KernelSpec, target: WasmTarget): KernelContext {
  const module = new ModuleBuilder();
  module.useMemory({ shared: target.shared });
  const registers = Object.fromEntries(
    registerNames.map((name) => [name, module.global("i32", name)]),
  ) as unknown as Registers;
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

/** Word `name` of the parameter block. */
export const param = ({ registers }: KernelContext, name: keyof typeof PARAM): I32 =>
  wordAt(registers.params, PARAM[name]);

/** Address of a part of this thread's scratch. */
export const scratchAt = (
  { registers, layout }: KernelContext,
  part: keyof ScratchLayout,
  offset = 0,
): I32 => plus(registers.scratch, layout[part] + offset);

export const emitterOf = ({ module, fma }: KernelContext, f: FunctionBuilder): Emitter => ({
  f,
  fma,
  scalar: (name, arity) => scalarFunction(module, name, arity),
});
