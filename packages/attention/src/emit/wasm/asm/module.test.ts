import { describe, expect, test } from "vitest";
import loadWabt from "wabt";
import {
  call,
  extractLane,
  f32,
  f64,
  i32,
  i32x4,
  load,
  loadLane,
  op,
  perform,
  replaceLane,
  select,
  shuffle,
  store,
} from "./expression.ts";
import type { Expr } from "./expression.ts";
import { laneOpcodes, loads, opcodes, stores } from "./instructions.ts";
import type { Instruction, LoadName, StoreName, ValueType } from "./instructions.ts";
import { ModuleBuilder } from "./module.ts";
import { moduleText } from "./text.ts";

const wabt = await loadWabt();

/** What wabt makes of the text: an assembler that shares nothing with ours. */
function assembled(module: ModuleBuilder): number[] {
  const parsed = wabt.parseWat("test.wat", moduleText(module, ["legend"]), {
    simd: true,
    relaxed_simd: true,
    threads: true,
  });
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return [...buffer];
}

const zeros: { readonly [T in ValueType]: Expr<T> } = {
  i32: i32(0),
  f32: f32(0),
  f64: f64(0),
  v128: i32x4(0, 0, 0, 0),
};

/** A module with one function that computes the expression and drops nothing. */
function moduleOf(body: Expr): ModuleBuilder {
  const module = new ModuleBuilder();
  module.useMemory({ shared: true });
  if (body.type === "none")
    module.function("probe", {}, (f) => {
      f.do(body);
      return undefined;
    });
  else module.function("probe", {}, () => body, { result: body.type, exported: true });
  return module;
}

function expectSame(module: ModuleBuilder): void {
  const bytes = module.encode();
  expect(WebAssembly.validate(bytes)).toBe(true);
  expect([...bytes]).toEqual(assembled(module));
}

const plain = Object.entries(opcodes).flatMap(([signature, group]) =>
  Object.keys(group).map((name) => ({ name: name as Instruction, signature })),
);

describe("each instruction is the one that its name says", () => {
  test.each(plain)("$name", ({ name, signature }) => {
    const [operands = ""] = signature.split(" -> ");
    const args = operands.split(" ").map((type) => zeros[type as ValueType]);
    expectSame(moduleOf((op as (name: string, ...args: Expr[]) => Expr)(name, ...args)));
  });

  test.each(Object.keys(loads))("%s", (name) => {
    expectSame(moduleOf(load(name as LoadName, i32(8))));
    expectSame(moduleOf(load(name as LoadName, i32(8), 70_000)));
  });

  test.each(Object.keys(stores))("%s", (name) => {
    const [, , type] = stores[name as StoreName];
    expectSame(moduleOf(store(name as StoreName, i32(8), zeros[type] as never, 200)));
  });

  test.each(Object.keys(laneOpcodes))("%s", (name) => {
    const lanes = name.startsWith("i32") ? "i32x4" : "f32x4";
    const scalar = lanes === "i32x4" ? i32(3) : f32(3);
    const body = name.includes("extract")
      ? extractLane(lanes, zeros.v128, 3)
      : replaceLane(lanes, zeros.v128, 2, scalar as never);
    expectSame(moduleOf(body));
  });

  test("those with immediates", () => {
    expectSame(moduleOf(shuffle(zeros.v128, zeros.v128, [0, 5, 2, 7])));
    expectSame(moduleOf(i32x4(-1, 2, 0x7fff_ffff, -(2 ** 31))));
    expectSame(moduleOf(loadLane(i32(4), zeros.v128, 3)));
    expectSame(moduleOf(select(i32(1), f32(-0), f32(Infinity))));
    expectSame(moduleOf(f32(Number.NaN)));
    expectSame(moduleOf(f32(1e-45)));
    expectSame(moduleOf(f64(-Infinity)));
  });
});

/** A module with every kind of statement, import and local. */
function everything(): ModuleBuilder {
  const module = new ModuleBuilder();
  module.useMemory({ shared: false });
  const hypot = module.import("math", "hypot", ["f32", "f32"], "f32");
  const counter = module.global("i32", "counter");
  const step = module.function("step", { by: "i32" }, (f, { by }) => {
    f.do(counter.set(op("i32.add", counter, by)));
    return undefined;
  });
  module.function(
    "sum",
    { from: "i32", to: "i32" },
    (f, { from, to }) => {
      f.note("a comment");
      const [total, sum] = [f.let("total", f32(0)), f.let("total", f.lanes(0.5))];
      f.set(sum, f.words(3));
      f.block("out", (out) => {
        f.countUp("each", from, to, 1, () => {
          f.if(
            op("i32.eq", from, i32(7)),
            () => f.branch(out),
            () => f.do(perform(step, i32(2))),
          );
          f.set(total, call("f32", hypot, total, op("f32.convert_i32_s", from)));
        });
      });
      f.loop("again", (again) => f.branch(again, op("i32.lt_s", f.tee(from, i32(9)), i32(0))));
      return op("f32.add", total, op("f32.convert_i32_s", counter));
    },
    { result: "f32", exported: true },
  );
  return module;
}

test("the text is the code: another assembler makes the same bytes of it", () => {
  expectSame(everything());
});

test("control flow runs as written", async () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const imports = { env: { memory }, math: { hypot: Math.hypot } };
  const { instance } = await WebAssembly.instantiate(everything().encode(), imports);
  const sum = instance.exports["sum"] as (from: number, to: number) => number;
  // hypot(3, 4) = 5, and two steps of 2; then 5, 6 and the block is left at 7, with four steps of 2 more.
  expect(sum(3, 5)).toBe(5 + 4);
  expect(sum(5, 100)).toBeCloseTo(Math.hypot(5, 6) + 8, 5);
  expect(sum(5, 5)).toBe(8);
});

test("a name that is taken gets a number", () => {
  expect(moduleText(everything(), [])).toContain("$total.2");
});

test("a function that yields something else than it says is refused", () => {
  const module = new ModuleBuilder();
  expect(() => module.function("f", {}, () => f32(1), { result: "i32" })).toThrow(
    /internal: f yields/,
  );
  const nothing = module.function("g", { a: "i32" }, () => undefined);
  expect(() => perform(nothing)).toThrow(/internal: a call of g/);
  expect(() => call("i32", nothing, i32(1))).toThrow(/internal: g does not yield/);
});

test("the text reads like this", () => {
  const module = new ModuleBuilder();
  module.useMemory({ shared: true });
  module.function(
    "scale",
    { at: "i32", end: "i32" },
    (f, { at, end }) => {
      f.note("doubles what lies between two addresses");
      f.countUp("each", at, end, 16, () => {
        f.do(store("v128.store", at, op("f32x4.mul", load("v128.load", at), f.lanes(2))));
      });
      return undefined;
    },
    { exported: true },
  );
  expect(moduleText(module, ["Doubling."])).toMatchInlineSnapshot(`
    ";; Doubling.
    (module
      (import "env" "memory" (memory 1 65536 shared))

      (func $scale (export "scale") (param $at i32) (param $end i32)
        (local $c2 v128)
        (local.set $c2 (f32x4.splat (f32.const 2)))
        ;; doubles what lies between two addresses
        (if (i32.lt_u (local.get $at) (local.get $end))
          (then
            (loop $each
              (v128.store (local.get $at) (f32x4.mul (v128.load (local.get $at)) (local.get $c2)))
              (local.set $at (i32.add (local.get $at) (i32.const 16)))
              (br_if $each (i32.lt_u (local.get $at) (local.get $end)))
            )
          )
        )
      )
    )
    "
  `);
});
