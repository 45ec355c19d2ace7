/**
 * The instructions that the kernels use: opcode by name, grouped by signature.
 *
 * A number above 255 is a prefix byte and the number after it: 0xfd_0e4 is 0xfd, then 0xe4 as LEB128.
 * Source: WebAssembly core specification 3.0, appendix "Index of Instructions" (SIMD and relaxed SIMD included).
 */
export type ValueType = "i32" | "f32" | "f64" | "v128";

/** Operand types and result of each group below. */
export interface Signatures {
  "i32 -> i32": [["i32"], "i32"];
  "i32 i32 -> i32": [["i32", "i32"], "i32"];
  "f32 -> f32": [["f32"], "f32"];
  "f32 f32 -> f32": [["f32", "f32"], "f32"];
  "f32 f32 -> i32": [["f32", "f32"], "i32"];
  "f64 -> f64": [["f64"], "f64"];
  "f64 f64 -> f64": [["f64", "f64"], "f64"];
  "f64 f64 -> i32": [["f64", "f64"], "i32"];
  "i32 -> f32": [["i32"], "f32"];
  "f32 -> i32": [["f32"], "i32"];
  "f32 -> f64": [["f32"], "f64"];
  "f64 -> f32": [["f64"], "f32"];
  "i32 -> v128": [["i32"], "v128"];
  "f32 -> v128": [["f32"], "v128"];
  "f64 -> v128": [["f64"], "v128"];
  "v128 -> i32": [["v128"], "i32"];
  "v128 -> v128": [["v128"], "v128"];
  "v128 i32 -> v128": [["v128", "i32"], "v128"];
  "v128 v128 -> v128": [["v128", "v128"], "v128"];
  "v128 v128 v128 -> v128": [["v128", "v128", "v128"], "v128"];
}

export const opcodes = {
  "i32 -> i32": { "i32.eqz": 0x45 },
  "i32 i32 -> i32": {
    "i32.eq": 0x46,
    "i32.ne": 0x47,
    "i32.lt_s": 0x48,
    "i32.lt_u": 0x49,
    "i32.gt_s": 0x4a,
    "i32.gt_u": 0x4b,
    "i32.le_s": 0x4c,
    "i32.le_u": 0x4d,
    "i32.ge_s": 0x4e,
    "i32.ge_u": 0x4f,
    "i32.add": 0x6a,
    "i32.sub": 0x6b,
    "i32.mul": 0x6c,
    "i32.div_u": 0x6e,
    "i32.rem_u": 0x70,
    "i32.and": 0x71,
    "i32.or": 0x72,
    "i32.xor": 0x73,
    "i32.shl": 0x74,
    "i32.shr_s": 0x75,
    "i32.shr_u": 0x76,
  },
  "f32 -> f32": {
    "f32.abs": 0x8b,
    "f32.neg": 0x8c,
    "f32.ceil": 0x8d,
    "f32.floor": 0x8e,
    "f32.trunc": 0x8f,
    "f32.sqrt": 0x91,
  },
  "f32 f32 -> f32": {
    "f32.add": 0x92,
    "f32.sub": 0x93,
    "f32.mul": 0x94,
    "f32.div": 0x95,
    "f32.min": 0x96,
    "f32.max": 0x97,
    "f32.copysign": 0x98,
  },
  "f32 f32 -> i32": {
    "f32.eq": 0x5b,
    "f32.ne": 0x5c,
    "f32.lt": 0x5d,
    "f32.gt": 0x5e,
    "f32.le": 0x5f,
  },
  "f64 -> f64": { "f64.abs": 0x99, "f64.trunc": 0x9d },
  "f64 f64 -> f64": { "f64.add": 0xa0, "f64.sub": 0xa1, "f64.mul": 0xa2, "f64.div": 0xa3 },
  "f64 f64 -> i32": { "f64.lt": 0x63 },
  "i32 -> f32": { "f32.convert_i32_s": 0xb2 },
  "f32 -> i32": { "i32.trunc_sat_f32_s": 0xfc_000 },
  "f32 -> f64": { "f64.promote_f32": 0xbb },
  "f64 -> f32": { "f32.demote_f64": 0xb6 },
  "i32 -> v128": { "i32x4.splat": 0xfd_011 },
  "f32 -> v128": { "f32x4.splat": 0xfd_013 },
  "f64 -> v128": { "f64x2.splat": 0xfd_014 },
  "v128 -> i32": {
    "v128.any_true": 0xfd_053,
  },
  "v128 -> v128": {
    "v128.not": 0xfd_04d,
    "f32x4.demote_f64x2_zero": 0xfd_05e,
    "f64x2.promote_low_f32x4": 0xfd_05f,
    "f32x4.ceil": 0xfd_067,
    "f32x4.floor": 0xfd_068,
    "f32x4.trunc": 0xfd_069,
    "f64x2.floor": 0xfd_075,
    "f64x2.trunc": 0xfd_07a,
    "f64x2.nearest": 0xfd_094,
    "i32x4.abs": 0xfd_0a0,
    "i32x4.neg": 0xfd_0a1,
    "f32x4.abs": 0xfd_0e0,
    "f32x4.neg": 0xfd_0e1,
    "f32x4.sqrt": 0xfd_0e3,
    "i32x4.trunc_sat_f32x4_s": 0xfd_0f8,
    "f32x4.convert_i32x4_s": 0xfd_0fa,
    "i32x4.trunc_sat_f64x2_s_zero": 0xfd_0fc,
    "f64x2.convert_low_i32x4_s": 0xfd_0fe,
  },
  "v128 i32 -> v128": {
    "i32x4.shl": 0xfd_0ab,
    "i32x4.shr_s": 0xfd_0ac,
    "i32x4.shr_u": 0xfd_0ad,
  },
  "v128 v128 -> v128": {
    "i32x4.eq": 0xfd_037,
    "i32x4.ne": 0xfd_038,
    "i32x4.lt_s": 0xfd_039,
    "i32x4.gt_s": 0xfd_03b,
    "i32x4.le_s": 0xfd_03d,
    "f32x4.eq": 0xfd_041,
    "f32x4.ne": 0xfd_042,
    "f32x4.lt": 0xfd_043,
    "f32x4.gt": 0xfd_044,
    "f32x4.le": 0xfd_045,
    "f32x4.ge": 0xfd_046,
    "v128.and": 0xfd_04e,
    "v128.andnot": 0xfd_04f,
    "v128.or": 0xfd_050,
    "v128.xor": 0xfd_051,
    "i16x8.narrow_i32x4_u": 0xfd_086,
    "i32x4.add": 0xfd_0ae,
    "i32x4.sub": 0xfd_0b1,
    "i32x4.mul": 0xfd_0b5,
    "i32x4.min_s": 0xfd_0b6,
    "i32x4.max_s": 0xfd_0b8,
    "f32x4.add": 0xfd_0e4,
    "f32x4.sub": 0xfd_0e5,
    "f32x4.mul": 0xfd_0e6,
    "f32x4.div": 0xfd_0e7,
    "f32x4.min": 0xfd_0e8,
    "f32x4.max": 0xfd_0e9,
    "f32x4.pmin": 0xfd_0ea,
    "f32x4.pmax": 0xfd_0eb,
    "f64x2.add": 0xfd_0f0,
    "f64x2.sub": 0xfd_0f1,
    "f64x2.mul": 0xfd_0f2,
    "f64x2.div": 0xfd_0f3,
    "f64x2.pmin": 0xfd_0f6,
    "f64x2.pmax": 0xfd_0f7,
  },
  "v128 v128 v128 -> v128": {
    "v128.bitselect": 0xfd_052,
    "f32x4.relaxed_madd": 0xfd_105,
  },
} as const;

type Groups = typeof opcodes;

/** The group that holds an instruction. */
type SignatureOf<Name> = {
  [S in keyof Groups]: Name extends keyof Groups[S] ? S : never;
}[keyof Groups];

export type Instruction = { [S in keyof Groups]: keyof Groups[S] & string }[keyof Groups];
export type OperandsOf<Name extends Instruction> = Signatures[SignatureOf<Name>][0];
export type ResultOf<Name extends Instruction> = Signatures[SignatureOf<Name>][1];

/** Loads: opcode, natural alignment as a power of two, type. All take an address and a constant offset. */
export const loads = {
  "i32.load": [0x28, 2, "i32"],
  "f32.load": [0x2a, 2, "f32"],
  "i32.load8_u": [0x2d, 0, "i32"],
  "i32.load16_u": [0x2f, 1, "i32"],
  "v128.load": [0xfd_000, 4, "v128"],
  "v128.load16x4_u": [0xfd_004, 3, "v128"],
  "v128.load32_splat": [0xfd_009, 2, "v128"],
  "v128.load32_zero": [0xfd_05c, 2, "v128"],
} as const;

export const stores = {
  "i32.store": [0x36, 2, "i32"],
  "f32.store": [0x38, 2, "f32"],
  "i32.store16": [0x3b, 1, "i32"],
  "v128.store": [0xfd_00b, 4, "v128"],
} as const;

/** Instructions on one lane: opcode; extract yields the scalar, replace takes it as its second operand. */
export const laneOpcodes = {
  "i32x4.extract_lane": 0xfd_01b,
  "i32x4.replace_lane": 0xfd_01c,
  "f32x4.extract_lane": 0xfd_01f,
  "f32x4.replace_lane": 0xfd_020,
} as const;

export type LoadName = keyof typeof loads;
export type StoreName = keyof typeof stores;
export type ResultOfLoad<Name extends LoadName> = (typeof loads)[Name][2];
export type OperandOfStore<Name extends StoreName> = (typeof stores)[Name][2];
