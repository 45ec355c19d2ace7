/** Functions computed one lane at a time: right to the last place, and slow (tens of nanoseconds for four lanes). */
import { call, extractLane, f32, f64, op, replaceLane } from "../asm/expression.ts";
import type { Callee, F32, F64 } from "../asm/expression.ts";
import type { FunctionBuilder, Local } from "../asm/function.ts";
import type { ModuleBuilder } from "../asm/module.ts";
import type { LaneFunction } from "./emitter.ts";

const lanes = [0, 1, 2, 3] as const;

/** A scalar function applied to each of the four lanes. */
export const onEachLane =
  (name: string, arity: 1 | 2): LaneFunction =>
  (e, x, y) => {
    const callee = e.scalar(name, arity);
    const operands = arity === 1 ? [x] : [x, y];
    const result = e.f.local("v128", name);
    for (const lane of lanes) {
      const args = operands.map((operand) => extractLane("f32x4", operand, lane));
      const value = call("f32", callee, ...args);
      e.f.set(result, replaceLane("f32x4", result, lane, value));
    }
    return result;
  };

const remName = "rem";

/** The function that kernels of this module call by that name. */
export function scalarFunction(module: ModuleBuilder, name: string, arity: number): Callee {
  if (name !== remName)
    return module.import(
      "math",
      name,
      Array.from({ length: arity }, () => "f32"),
      "f32",
    );
  return module.functions.find((made) => made.name === remName) ?? remFunction(module);
}

/** Quotients below this keep quotient * divisor exact in float64 (29 + 24 bits). */
const STEP = 2 ** 28;

/**
 * a % b, exact: JavaScript has the operator, but no function to import. Multiples of b times powers of 2^28 are taken off
 * |a|, each difference exact in float64, until less than |b| is left.
 */
function remFunction(module: ModuleBuilder): FunctionBuilder {
  const fill = (f: FunctionBuilder, { a, b }: { a: Local<"f32">; b: Local<"f32"> }): F32 => {
    const wide = (name: string, value: F32): Local<"f64"> =>
      f.let(name, op("f64.abs", op("f64.promote_f32", value)));
    const rest = wide("rest", a);
    const divisor = wide("divisor", b);
    const result = f.let("result", f32(Number.NaN));
    const defined = op("i32.and", op("f64.lt", f64(0), divisor), op("f64.lt", rest, f64(Infinity)));
    f.if(defined, () => {
      const bounded = op("f64.lt", divisor, f64(Infinity));
      f.if(bounded, () => reduce(f, rest, divisor));
      f.set(result, op("f32.copysign", op("f32.demote_f64", rest), a));
    });
    return result;
  };
  return module.function(remName, { a: "f32", b: "f32" }, fill, { result: "f32" });
}

function reduce(f: FunctionBuilder, rest: Local<"f64">, divisor: Local<"f64">): void {
  const multiple = f.local("f64", "multiple");
  const quotient = (): F64 => op("f64.div", rest, multiple);
  f.block("reduced", (done) =>
    f.loop("reduce", (again) => {
      f.branch(done, op("f64.lt", rest, divisor));
      f.set(multiple, divisor);
      f.block("found", (found) =>
        f.loop("grow", (grow) => {
          f.branch(found, op("f64.lt", quotient(), f64(STEP)));
          f.set(multiple, op("f64.mul", multiple, f64(STEP)));
          f.branch(grow);
        }),
      );
      f.set(rest, op("f64.sub", rest, op("f64.mul", op("f64.trunc", quotient()), multiple)));
      // The quotient may have been rounded up to the next integer.
      f.if(op("f64.lt", rest, f64(0)), () => f.set(rest, op("f64.add", rest, multiple)));
      f.branch(again);
    }),
  );
}
