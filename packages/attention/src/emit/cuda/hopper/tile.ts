/**
 * How a Hopper block is cut: rows, keys, stages, registers. Figures: TFLOP/s at B 4, H 16, M = N = 4096, bf16, in bursts.
 *
 * A consumer group of 128 threads has 64 query rows. Each thread holds keys / 2 scores, keys / 4 packed weights and Dv / 2
 * results; about 40 registers more hold addresses and the softmax's state.
 */
import type { KernelSpec } from "../../../runtime/device.ts";

export interface HopperTile {
  /** Consumer groups of 64 rows each. */
  readonly groups: number;
  /** Keys of one step; a multiple of 16. */
  readonly keys: number;
  /** Keys and values in flight. */
  readonly stages: number;
  readonly queryBuffers: number;
  /** Registers of a thread: of the producer and of consumers, multiples of 8. */
  readonly producerRegisters: number;
  readonly consumerRegisters: number;
}

/** Bytes of shared memory that a block can have. */
const SHARED_BYTES = 232_448;

/** What lies behind the tiles: barriers, items and steps. */
const CONTROL_BYTES = 512;

const REGISTERS = {
  2: { producerRegisters: 40, consumerRegisters: 232 },
  3: { producerRegisters: 32, consumerRegisters: 160 },
} as const;

/** By the larger of D and Dv, the first row that is large enough. Longer steps where nothing but products fills a step. */
const SHAPES: readonly {
  readonly most: number;
  readonly groups: 2 | 3;
  readonly keys: number;
  readonly plainKeys: number;
}[] = [
  { most: 64, groups: 3, keys: 128, plainKeys: 128 },
  { most: 128, groups: 2, keys: 128, plainKeys: 160 },
  { most: 192, groups: 2, keys: 96, plainKeys: 96 },
  { most: 256, groups: 2, keys: 80, plainKeys: 80 },
];

/** Columns of one slab of shared memory: 128 bytes of 16-bit elements, or 64 where the head size is no multiple of that. */
export const slabColumns = (columns: number): 32 | 64 => (columns % 64 === 0 ? 64 : 32);

export interface SharedLayout {
  readonly queryBytes: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** First byte of keys, of values, of what is behind them. */
  readonly keys: number;
  readonly values: number;
  readonly control: number;
  readonly total: number;
}

export function sharedLayout({ D, Dv }: KernelSpec, tile: HopperTile): SharedLayout {
  const queryBytes = tile.groups * 64 * D * 2;
  const keyBytes = tile.keys * D * 2;
  const valueBytes = tile.keys * Dv * 2;
  const keys = tile.queryBuffers * queryBytes;
  const values = keys + tile.stages * keyBytes;
  const control = values + tile.stages * valueBytes;
  return {
    queryBytes,
    keyBytes,
    valueBytes,
    keys,
    values,
    control,
    total: control + CONTROL_BYTES,
  };
}

/** Whether wgmma and this template take the spec: 16-bit elements, head sizes that are whole slabs. */
export const fitsHopper = ({ schedule, dtype, D, Dv }: KernelSpec): boolean =>
  schedule === "forward" &&
  dtype !== "f32" &&
  [D, Dv].every((size) => size % 32 === 0 && size <= 256);

export function hopperTile(spec: KernelSpec): HopperTile {
  const isPlain = spec.score === null && spec.mask === null && !spec.maskBits;
  const size = Math.max(spec.D, spec.Dv);
  const shape = SHAPES.find(({ most }) => size <= most) ?? SHAPES[SHAPES.length - 1];
  if (shape === undefined) throw new RangeError("no tile");
  const { groups, keys, plainKeys } = shape;
  const tile = {
    groups,
    keys: isPlain ? plainKeys : keys,
    stages: 2,
    queryBuffers: 2,
    ...REGISTERS[groups],
  };
  const fits = sharedLayout(spec, tile).total <= SHARED_BYTES;
  return fits ? tile : { ...tile, queryBuffers: 1 };
}
