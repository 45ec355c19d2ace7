/** What this engine's WebAssembly can do, found out by validating one-instruction modules. */
import { atomicAdd, i32, op } from "./asm/expression.ts";
import type { Expr } from "./asm/expression.ts";
import { ModuleBuilder } from "./asm/module.ts";

export interface WasmFeatures {
  /** 128-bit SIMD, without which nothing runs. */
  readonly simd: boolean;
  /** `f32x4.relaxed_madd`. */
  readonly relaxed: boolean;
  /** Atomics on a shared memory; whether a shared memory can be made is the host's affair. */
  readonly threads: boolean;
}

function validates(body: Expr, shared: boolean | null): boolean {
  const module = new ModuleBuilder();
  if (shared !== null) module.useMemory({ shared });
  module.function("probe", {}, () => body, body.type === "none" ? {} : { result: body.type });
  return WebAssembly.validate(module.encode());
}

export function findFeatures(): WasmFeatures {
  const zero = op("i32x4.splat", i32(0));
  return {
    simd: validates(zero, null),
    relaxed: validates(op("f32x4.relaxed_madd", zero, zero, zero), null),
    threads: validates(atomicAdd(i32(0), i32(1)), true),
  };
}
