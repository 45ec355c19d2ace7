/** How a block of the decode template is cut: warps, each with keys and values of its own in flight. */
import type { KernelSpec } from "../../../runtime/device.ts";
import type { CudaTarget } from "../abi.ts";
import { rowBytes } from "../generic/tile.ts";
import { padded } from "../generic/tile.ts";
import { STEP_KEYS, TILE_ROWS } from "./abi.ts";

export interface DecodeTile {
  readonly warps: number;
  /** Steps in flight, of each warp. */
  readonly stages: number;
  /** Columns of values in one pass. */
  readonly chunk: number;
}

/** Two blocks to a multiprocessor on Hopper: one computes its last steps while the other's copies are in flight. */
const BUDGET: { readonly [K in CudaTarget["arch"]]: number } = { sm_90a: 115_712, sm_80: 101_376 };

const FEWEST_STAGES = 3;
const MOST_STAGES = 8;
const LARGEST_CHUNK = 256;

const chunkOf = ({ Dv }: KernelSpec): number => Math.min(padded(Dv), LARGEST_CHUNK);

/** Of one step: its keys, and its values. */
const stageBytes = (spec: KernelSpec): number =>
  STEP_KEYS * (rowBytes(spec, spec.D) + rowBytes(spec, chunkOf(spec)));

const queryBytes = (spec: KernelSpec): number => TILE_ROWS * rowBytes(spec, spec.D);

/** As many warps as can have enough in flight. */
export function decodeTile(spec: KernelSpec, arch: CudaTarget["arch"]): DecodeTile {
  const left = BUDGET[arch] - queryBytes(spec);
  const stagesOf = (warps: number): number => Math.floor(left / (warps * stageBytes(spec)));
  const warps = [4, 2].find((count) => stagesOf(count) >= FEWEST_STAGES) ?? 1;
  const stages = Math.min(stagesOf(warps), MOST_STAGES);
  if (stages < 1) throw new RangeError("head sizes are at most 512");
  return { warps, stages, chunk: chunkOf(spec) };
}

/** The warps' results lie where their keys and values were: [warps][16][chunk] floats, then maximum and sum of each row. */
const resultBytes = ({ warps, chunk }: DecodeTile): number => warps * TILE_ROWS * (chunk + 2) * 4;

export const decodeSharedBytes = (spec: KernelSpec, tile: DecodeTile): number =>
  queryBytes(spec) + Math.max(tile.warps * tile.stages * stageBytes(spec), resultBytes(tile));
