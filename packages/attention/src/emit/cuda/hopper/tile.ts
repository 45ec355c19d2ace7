/**
 * How a Hopper block is cut: rows, keys, stages, registers. Figures: TFLOP/s at B 4, H 16, M = N = 4096, bf16, in bursts.
 *
 * A consumer group of 128 threads has 64 query rows. Each thread holds keys / 2 scores, keys / 4 packed weights and Dv / 2
 * results; about 40 registers more hold addresses and the softmax's state.
 */
import { internalError } from "../../../errors.ts";
import { topological } from "../../../ir/builder.ts";
import type { Expression, Node, Op } from "../../../ir/types.ts";
import type { KernelSpec } from "../../../runtime/device.ts";

export interface HopperTile {
  /** Consumer groups of 64 rows each. */
  readonly groups: number;
  /** Keys of one step; a multiple of 16. */
  readonly keys: number;
  /** Keys and values in flight. */
  readonly stages: number;
  readonly queryBuffers: number;
  /** Items end under the start of the next: see `joinedItems`. */
  readonly overlap: boolean;
  /** Registers of a thread: of the producer and of consumers, multiples of 8. */
  readonly producerRegisters: number;
  readonly consumerRegisters: number;
}

/** Bytes of shared memory that a block can have. */
const SHARED_BYTES = 232_448;

/** What lies behind the tiles: barriers, items and steps. */
const CONTROL_BYTES = 1024;

const REGISTERS = {
  2: { producerRegisters: 40, consumerRegisters: 232 },
  3: { producerRegisters: 32, consumerRegisters: 160 },
} as const;

interface TileShape {
  /** The larger of D and Dv. */
  readonly most: number;
  readonly groups: 2 | 3;
  readonly keys: number;
}

/** The first row that is large enough. Keys are those of one step, not more than two steps fit the shared memory of. */
const SHAPES: readonly TileShape[] = [
  { most: 64, groups: 3, keys: 128 },
  { most: 128, groups: 2, keys: 128 },
  { most: 192, groups: 2, keys: 96 },
  { most: 256, groups: 2, keys: 80 },
];

/** Longer steps where nothing but products fills a step: 672 instead of 664. */
const PLAIN: TileShape = { most: 128, groups: 2, keys: 160 };

/**
 * Where 160 registers are too few, and for masks that read tensors, which are ragged: their rows of 128 list fewer keys in vain
 * than rows of 192 (documents of 341 tokens on average: 238 instead of 183).
 */
const ROOMY: TileShape = { most: 64, groups: 2, keys: 128 };

/** Where several values are loaded for each score, their addresses and the values under way fill the registers. */
const CROWDED: TileShape = { most: 128, groups: 2, keys: 32 };

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

/** What a score may do for each key and still fit 160 registers. */
const LIGHT: ReadonlySet<Op> = new Set(["add", "sub", "mul", "neg", "toF32", "index", "score"]);

/** Nodes that are computed for each key or each score. */
function perKey(expression: Expression | null): readonly Node[] {
  const found = new Set<Node>();
  for (const node of expression === null ? [] : topological([expression.root])) {
    const isOwn = node.op === "score" || (node.op === "index" && node.attr === "kv");
    if (isOwn || node.args.some((arg) => found.has(arg))) found.add(node);
  }
  return [...found];
}

const isHeavy = (score: Expression | null): boolean =>
  perKey(score).some(({ op }) => !LIGHT.has(op));

const loadsPerKey = (expression: Expression | null): number =>
  perKey(expression).filter(({ op }) => op === "load").length;

function shapeOf(spec: KernelSpec): TileShape {
  const { D, Dv, score, mask, maskBits } = spec;
  const size = Math.max(D, Dv);
  const isPlain = score === null && mask === null && !maskBits;
  if (isPlain && size > 64 && size <= PLAIN.most) return PLAIN;
  if (loadsPerKey(score) > 1 && size <= CROWDED.most) return CROWDED;
  const isRagged = maskBits || loadsPerKey(mask) > 0;
  if ((isRagged || isHeavy(score)) && size <= ROOMY.most) return ROOMY;
  const shape = SHAPES.find(({ most }) => size <= most);
  if (shape === undefined) throw internalError("no tile for this head size");
  return shape;
}

export function hopperTile(spec: KernelSpec): HopperTile {
  const { groups, keys } = shapeOf(spec);
  const overlap = Math.max(spec.D, spec.Dv) > 64 && !isHeavy(spec.score);
  const tile = { groups, keys, stages: 2, queryBuffers: 2, overlap, ...REGISTERS[groups] };
  const fits = sharedLayout(spec, tile).total <= SHARED_BYTES;
  return fits ? tile : { ...tile, queryBuffers: 1 };
}
