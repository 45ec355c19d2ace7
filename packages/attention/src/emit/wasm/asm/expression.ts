/**
 * Expressions: trees of instructions that leave one value (or, as a statement, none).
 *
 * An expression is emitted wherever it is used: one that appears twice is computed twice. A local read
 * is an expression too, and yields the value the local has at that place.
 */
import { internalError } from "../../../errors.ts";
import { laneOpcodes, loads, opcodes, stores } from "./instructions.ts";
import type {
  Instruction,
  LoadName,
  OperandOfStore,
  OperandsOf,
  ResultOf,
  ResultOfLoad,
  StoreName,
  ValueType,
} from "./instructions.ts";
import { floatBytes, leb, signedLeb } from "./bytes.ts";

/** A function or import; its index is known once the module is encoded. */
export interface Callee {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ValueType | null;
  index: number;
}

export interface Expr<T extends ValueType | "none" = ValueType | "none"> {
  readonly type: T;
  /** The instruction and its immediates as text. */
  readonly head: string;
  /** The same as bytes; for a call, what is called. */
  readonly code: readonly number[] | Callee;
  readonly args: readonly Expr[];
}

export type I32 = Expr<"i32">;
export type F32 = Expr<"f32">;
export type F64 = Expr<"f64">;
export type V128 = Expr<"v128">;

export type Exprs<Types extends readonly ValueType[]> = { [K in keyof Types]: Expr<Types[K]> };

const opcodeBytes = (code: number): readonly number[] =>
  code < 0x100 ? [code] : [code >> 12, ...leb(code & 0xfff)];

interface Known {
  readonly code: readonly number[];
  readonly type: ValueType;
}

/** Every plain instruction with its bytes and the type it yields. */
const known: ReadonlyMap<string, Known> = new Map(
  Object.entries(opcodes).flatMap(([signature, group]) =>
    Object.entries(group).map(([name, code]): [string, Known] => [
      name,
      { code: opcodeBytes(code), type: signature.slice(signature.indexOf(">") + 2) as ValueType },
    ]),
  ),
);

/** An instruction without immediates: `op("i32.add", a, b)`. */
export function op<Name extends Instruction>(
  name: Name,
  ...args: Exprs<OperandsOf<Name>>
): Expr<ResultOf<Name>> {
  const found = known.get(name);
  if (found === undefined) throw internalError(`no instruction ${name}`);
  return { type: found.type as ResultOf<Name>, head: name, code: found.code, args };
}

const memory = (opcode: number, align: number, offset: number): number[] => [
  ...opcodeBytes(opcode),
  align,
  ...leb(offset),
];

const withOffset = (name: string, offset: number): string =>
  offset === 0 ? name : `${name} offset=${offset}`;

/** Reads memory at `address + offset`; the sum does not wrap. No alignment is assumed beyond the natural hint. */
export function load<Name extends LoadName>(
  name: Name,
  address: I32,
  offset = 0,
): Expr<ResultOfLoad<Name>> {
  const [opcode, align, type] = loads[name];
  const code = memory(opcode, align, offset);
  return { type, head: withOffset(name, offset), code, args: [address] };
}

/** Writes memory at `address + offset`: a statement. */
export function store<Name extends StoreName>(
  name: Name,
  address: I32,
  value: Expr<OperandOfStore<Name>>,
  offset = 0,
): Expr<"none"> {
  const [opcode, align] = stores[name];
  const code = memory(opcode, align, offset);
  return { type: "none", head: withOffset(name, offset), code, args: [address, value] };
}

export function i32(value: number): I32 {
  const code = [0x41, ...signedLeb(value)];
  return { type: "i32", head: `i32.const ${value | 0}`, code, args: [] };
}

/** As text: shortest decimal that rounds back, and the three values that are no decimals. */
const floatText = (value: number): string =>
  Number.isNaN(value)
    ? "nan"
    : Number.isFinite(value)
      ? Object.is(value, -0)
        ? "-0"
        : String(value)
      : value > 0
        ? "inf"
        : "-inf";

export function f32(value: number): F32 {
  const code = [0x43, ...floatBytes(value, 4)];
  return { type: "f32", head: `f32.const ${floatText(Math.fround(value))}`, code, args: [] };
}

export function f64(value: number): F64 {
  const code = [0x44, ...floatBytes(value, 8)];
  return { type: "f64", head: `f64.const ${floatText(value)}`, code, args: [] };
}

/** Four 32-bit words. */
export function i32x4(...words: readonly [number, number, number, number]): V128 {
  const bytes = words.flatMap((word) => [
    word & 255,
    (word >> 8) & 255,
    (word >> 16) & 255,
    word >>> 24,
  ]);
  const code = [...opcodeBytes(0xfd_00c), ...bytes];
  const text = words.map((word) => word | 0).join(" ");
  return { type: "v128", head: `v128.const i32x4 ${text}`, code, args: [] };
}

/** Four words picked out of two vectors: 0..3 are a's, 4..7 are b's. */
export function shuffle(a: V128, b: V128, words: readonly [number, number, number, number]): V128 {
  const bytes = words.flatMap((word) => [0, 1, 2, 3].map((byte) => word * 4 + byte));
  const code = [...opcodeBytes(0xfd_00d), ...bytes];
  return { type: "v128", head: `i8x16.shuffle ${bytes.join(" ")}`, code, args: [a, b] };
}

type LaneType = "i32x4" | "f32x4";
type ScalarOf<L extends LaneType> = L extends "i32x4" ? "i32" : "f32";

export function extractLane<L extends LaneType>(
  lanes: L,
  value: V128,
  lane: number,
): Expr<ScalarOf<L>> {
  const name = `${lanes}.extract_lane` as const;
  return {
    type: lanes.slice(0, 3) as ScalarOf<L>,
    head: `${name} ${lane}`,
    code: [...opcodeBytes(laneOpcodes[name]), lane],
    args: [value],
  };
}

export function replaceLane<L extends LaneType>(
  lanes: L,
  value: V128,
  lane: number,
  scalar: Expr<ScalarOf<L>>,
): V128 {
  const name = `${lanes}.replace_lane` as const;
  const code = [...opcodeBytes(laneOpcodes[name]), lane];
  return { type: "v128", head: `${name} ${lane}`, code, args: [value, scalar] };
}

/** `value` with one 32-bit lane read from memory at `address`. */
export function loadLane(address: I32, value: V128, lane: number): V128 {
  const code = [...memory(0xfd_056, 2, 0), lane];
  return { type: "v128", head: `v128.load32_lane ${lane}`, code, args: [address, value] };
}

/** `condition ? a : b` of scalars; both are computed. */
export const select = <T extends "i32" | "f32">(
  condition: I32,
  a: Expr<T>,
  b: Expr<T>,
): Expr<T> => ({
  type: a.type,
  head: "select",
  code: [0x1b],
  args: [a, b, condition],
});

/** Adds `by` to the word at `address`, and yields what it was before. */
export const atomicAdd = (address: I32, by: I32): I32 => ({
  type: "i32",
  head: "i32.atomic.rmw.add",
  code: [0xfe, 0x1e, 2, 0],
  args: [address, by],
});

function checkedCall(callee: Callee, args: readonly Expr[]): void {
  const right =
    args.length === callee.params.length && args.every((arg, at) => arg.type === callee.params[at]);
  if (!right) throw internalError(`a call of ${callee.name} with other operands`);
}

/** A call for its value. */
export function call<T extends ValueType>(
  type: T,
  callee: Callee,
  ...args: readonly Expr[]
): Expr<T> {
  checkedCall(callee, args);
  if (callee.result !== type) throw internalError(`${callee.name} does not yield ${type}`);
  return { type, head: `call $${callee.name}`, code: callee, args };
}

/** A call of something that yields nothing: a statement. */
export function perform(callee: Callee, ...args: readonly Expr[]): Expr<"none"> {
  checkedCall(callee, args);
  if (callee.result !== null) throw internalError(`${callee.name} yields a value`);
  return { type: "none", head: `call $${callee.name}`, code: callee, args };
}
