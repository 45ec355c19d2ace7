/**
 * Random mask functions for property tests: short programs over positions, captured numbers and
 * tensors.
 */
import fc from "fast-check";
import type { Builder, OperatorOp } from "../ir/builder.ts";
import type { Node, ScalarType } from "../ir/types.ts";
import { floats, ints, testMask, type Lengths, type TestMask } from "./test-masks.ts";

interface Instruction {
  readonly op: OperatorOp;
  readonly types: readonly ScalarType[];
  /** Takes its one operand twice. */
  readonly twice?: true;
}

const take = (types: readonly ScalarType[], ops: readonly OperatorOp[]): readonly Instruction[] =>
  ops.map((op) => ({ op, types }));

const integerInstructions: readonly Instruction[] = [
  ...take(["i32", "i32"], ["add", "sub", "mul", "rem", "min", "max", "floorDiv", "truncDiv"]),
  ...take(["i32", "i32"], ["bitAnd", "bitOr", "bitXor", "lt", "le", "eq", "ne"]),
  ...take(["i32"], ["neg", "abs", "sign", "bitNot"]),
  ...(["mul", "add", "sub"] as const).map((op) => ({ op, types: ["i32"], twice: true }) as const),
  ...take(["bool", "bool"], ["and", "or", "eq", "ne"]),
  ...take(["bool"], ["not", "toI32"]),
  ...take(["bool", "i32", "i32"], ["select"]),
  ...take(["bool", "bool", "bool"], ["select"]),
];

const floatInstructions: readonly Instruction[] = [
  ...take(["i32"], ["toF32"]),
  ...take(["f32", "f32"], ["add", "sub", "mul", "div", "lt", "le", "min"]),
  ...take(["f32"], ["sqrt", "sin", "floor", "exp", "toI32"]),
];

type Pools = Record<ScalarType, Node[]>;

const tensors = {
  steps: ints([0, 0, 1, 1, 1, 2, 2, 5, 5, 9, 9, 9, 12]),
  table: ints([3, -1, 4, 1, -5, 9, 2, 6, -5, 3, 5, 8], [3, 4]),
  // Rows that rise, each beginning below the end of the one before.
  ramps: ints([0, 1, 1, 4, 7, 0, 3, 3, 3, 9, 2, 2, 5, 8, 8], [3, 5]),
  weights: floats([0.5, -1.25, 3, 0.1, 7.5]),
};

function leaves(ir: Builder): Pools {
  const index = [
    ir.index("q"),
    ir.index("kv"),
    ir.index("q"),
    ir.index("kv"),
    ir.index("b"),
    ir.index("h"),
  ];
  const [q = ir.index("q"), kv = q] = index;
  const constants = [0, 1, 2, 3, 7, 16, 31].map((value) => ir.constant("i32", value));
  const loads = [
    ir.load("steps", "i32", [q]),
    ir.load("steps", "i32", [kv]),
    ir.load("table", "i32", [ir.index("h"), kv]),
    ir.load("table", "i32", [q, kv]),
    ir.load("ramps", "i32", [ir.index("b"), kv]),
    ir.load("ramps", "i32", [q, kv]),
  ];
  return {
    i32: [...index, ...constants, ir.uniform("width", "i32"), ...loads],
    bool: [ir.make("le", kv, q), ir.make("eq", q, kv)],
    f32: [ir.constant("f32", 0.5), ir.uniform("slope", "f32"), ir.load("weights", "f32", [q])],
  };
}

/** One step of a program: which instruction, and which values so far it takes. */
type Choice = readonly [instruction: number, a: number, b: number, c: number];

function run(ir: Builder, program: readonly Choice[], instructions: readonly Instruction[]): Node {
  const pools = leaves(ir);
  for (const [which, ...picks] of program) {
    const instruction = instructions[which % instructions.length];
    if (instruction === undefined) continue;
    const operands = instruction.types.flatMap((type, i) => {
      const pool = pools[type];
      return pool[pool.length - 1 - ((picks[i] ?? 0) % pool.length)] ?? [];
    });
    const twice = instruction.twice === true ? operands : [];
    const node = ir.make(instruction.op, ...operands, ...twice);
    pools[node.type].push(node);
  }
  // A program that comes out constant still leaves a boundary.
  const [boundary, ...more] = pools.bool;
  const result = more.at(-1) ?? ir.constant("bool", true);
  return boundary === undefined ? result : ir.make("ne", result, boundary);
}

/** Mostly one of the newest values, so that programs grow deep. */
const pick = fc.oneof({ arbitrary: fc.nat(2), weight: 2 }, { arbitrary: fc.nat(30), weight: 1 });

const choice: fc.Arbitrary<Choice> = fc.tuple(fc.nat(1000), pick, pick, pick);

/** Masks over integers, or (`withFloats`) also over floats. */
export const randomMask = ({
  withFloats,
}: {
  readonly withFloats: boolean;
}): fc.Arbitrary<TestMask> => {
  const instructions = withFloats
    ? [...integerInstructions, ...floatInstructions]
    : integerInstructions;
  const values = fc.record({
    width: fc.integer({ min: -3, max: 40 }),
    slope: fc.float({ min: -8, max: 8 }),
  });
  return fc
    .tuple(fc.array(choice, { minLength: 1, maxLength: 14 }), values)
    .map(([program, uniforms]) =>
      testMask((ir) => run(ir, program, instructions), { ...uniforms, ...tensors }),
    );
};

/** Small lengths that no block divides, per-batch offsets and key lengths. */
export const randomLengths: fc.Arbitrary<Lengths> = fc
  .record({
    B: fc.integer({ min: 1, max: 3 }),
    H: fc.integer({ min: 1, max: 3 }),
    M: fc.integer({ min: 1, max: 40 }),
    N: fc.integer({ min: 1, max: 40 }),
    blockQ: fc.constantFrom(1, 3, 8, 16),
    blockKv: fc.constantFrom(1, 5, 8, 32),
    offsets: fc.array(fc.integer({ min: -20, max: 60 }), { minLength: 3, maxLength: 3 }),
    lengths: fc.array(fc.nat(40), { minLength: 3, maxLength: 3 }),
    shared: fc.boolean(),
  })
  .map(({ offsets, lengths, shared, ...rest }) => {
    const perBatch = (values: readonly number[]): Int32Array =>
      Int32Array.from({ length: rest.B }, (_, b) => values[shared ? 0 : b] ?? 0);
    const kvLength = perBatch(lengths).map((length) => Math.min(length, rest.N));
    return { ...rest, queryOffset: perBatch(offsets), kvLength };
  });
