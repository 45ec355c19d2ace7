/**
 * The loop that measures what 128-bit multiply-adds the machine can do at most: the yardstick of every figure.
 *
 * 12 independent sums, so that neither the latency (4 cycles, two pipes: 8 sums needed) nor the loop counts; no
 * memory. Each sum tends to a number of moderate size: nothing overflows, nothing becomes subnormal.
 */
import { extractLane, i32, op } from "./asm/expression.ts";
import type { V128 } from "./asm/expression.ts";
import { ModuleBuilder } from "./asm/module.ts";
import type { WasmTarget } from "./abi.ts";
import { add } from "./lanes.ts";
import { fmaOf } from "./math/emitter.ts";

const sums = 12;
const unroll = 4;

/** Floating-point operations of one round: a multiplication and an addition for each lane of each sum. */
export const PEAK_FLOPS_PER_ROUND: number = sums * unroll * 4 * 2;

/** The bytes of the peak module: it exports `peak(rounds)`, rounds at least 1, and imports nothing. */
export function emitPeak({ relaxed }: Pick<WasmTarget, "relaxed">): Uint8Array<ArrayBuffer> {
  const fma = fmaOf(relaxed);
  const module = new ModuleBuilder();
  module.function(
    "peak",
    { rounds: "i32" },
    (f, { rounds }) => {
      const sum = Array.from({ length: sums }, (_, n) => f.local("v128", `sum${n}`));
      const [factor, term] = [f.lanes(0.999), f.lanes(0.5)];
      f.loop("rounds", (again) => {
        for (let step = 0; step < unroll; step++) {
          for (const local of sum) f.set(local, fma(local, factor, term));
        }
        f.branch(again, f.tee(rounds, op("i32.sub", rounds, i32(1))));
      });
      const total = sum.reduce<V128>((whole, local) => add(whole, local), f.lanes(0));
      return extractLane("f32x4", total, 0);
    },
    { result: "f32", exported: true },
  );
  return module.encode();
}
