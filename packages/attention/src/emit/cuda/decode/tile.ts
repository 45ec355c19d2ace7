/** How a block of the decode template is cut: warps, each with keys and values of its own in flight. */
import type { KernelSpec } from "../../../runtime/device.ts";
import type { CudaTarget } from "../abi.ts";
import { elementBytes, padded, ROW_PADDING, rowBytes } from "../generic/tile.ts";
import { STEP_KEYS, TILE_ROWS } from "./abi.ts";

/**
 * How keys and values come into shared memory: by each lane's own copies, or in boxes by Hopper's copy engine, where it fits. Lanes are
 * the default: they are measured; boxes are not yet.
 */
export type Copies = "lanes" | "boxes";

export interface DecodeTile {
  readonly warps: number;
  /** Steps in flight, of each warp. */
  readonly stages: number;
  /** Columns of values in one pass. */
  readonly chunk: number;
  /** Whether Hopper's copy engine brings keys and values, in slabs of 64 columns; else lanes do, in rows with padding. */
  readonly boxes: boolean;
}

/** Two blocks to a multiprocessor on Hopper: one computes its last steps while the other's copies are in flight. */
const BUDGET: { readonly [K in CudaTarget["arch"]]: number } = { sm_90a: 115_712, sm_80: 101_376 };

/** One barrier of 8 bytes for each stage of each warp. */
const BARRIER_BYTES = 256;

const FEWEST_STAGES = 3;
const MOST_STAGES = 8;
const LARGEST_CHUNK = 256;

const chunkOf = ({ Dv }: KernelSpec): number => Math.min(padded(Dv), LARGEST_CHUNK);

/** Bytes from one key, or one value, to the next in shared memory. */
export const stepRow = (spec: KernelSpec, columns: number, boxes: boolean): number =>
  boxes ? rowBytes(spec, columns) - ROW_PADDING : rowBytes(spec, columns);

/** Of one step: its keys, and its values. */
const stageBytes = (spec: KernelSpec, boxes: boolean): number =>
  STEP_KEYS * (stepRow(spec, spec.D, boxes) + stepRow(spec, chunkOf(spec), boxes));

const queryBytes = (spec: KernelSpec): number => TILE_ROWS * rowBytes(spec, spec.D);

/** Whether boxes of 64 columns hold the rows, and the GPU has the copy engine. */
const fitsBoxes = (spec: KernelSpec, arch: CudaTarget["arch"]): boolean =>
  arch === "sm_90a" &&
  elementBytes(spec) === 2 &&
  [spec.D, spec.Dv].every((size) => size % 64 === 0 && size <= LARGEST_CHUNK);

/** As many warps as can have enough in flight. */
export function decodeTile(
  spec: KernelSpec,
  arch: CudaTarget["arch"],
  copies: Copies = "lanes",
): DecodeTile {
  const boxes = copies === "boxes" && fitsBoxes(spec, arch);
  const left = BUDGET[arch] - queryBytes(spec) - BARRIER_BYTES;
  const stagesOf = (warps: number): number => Math.floor(left / (warps * stageBytes(spec, boxes)));
  const warps = [4, 2].find((count) => stagesOf(count) >= FEWEST_STAGES) ?? 1;
  const stages = Math.min(stagesOf(warps), MOST_STAGES);
  if (stages < 1) throw new RangeError("head sizes are at most 512");
  return { warps, stages, chunk: chunkOf(spec), boxes };
}

/** The warps' results lie where their keys and values were: [warps][16][chunk] floats, then maximum and sum of each row. */
const resultBytes = ({ warps, chunk }: DecodeTile): number => warps * TILE_ROWS * (chunk + 2) * 4;

export interface DecodeMemory {
  /** First byte of the queries, which lie behind the steps and the results; of the barriers; of what is behind all. */
  readonly queries: number;
  readonly barriers: number;
  readonly total: number;
}

export function decodeMemory(spec: KernelSpec, tile: DecodeTile): DecodeMemory {
  const steps = tile.warps * tile.stages * stageBytes(spec, tile.boxes);
  const queries = Math.max(steps, resultBytes(tile));
  const barriers = queries + queryBytes(spec);
  return { queries, barriers, total: barriers + BARRIER_BYTES };
}
