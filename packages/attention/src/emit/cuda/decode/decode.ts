/** The decode template: split keys, packed query heads, then a merge. It runs on every GPU from sm_80 on, for every head size and dtype. */
import type { KernelSpec } from "../../../runtime/device.ts";
import type { CudaKernel, CudaTarget } from "../abi.ts";
import { finish } from "../generic/finish.ts";
import { declarations } from "../generic/generic.ts";
import { primitives } from "../generic/primitives.ts";
import { products } from "../generic/products.ts";
import { scores } from "../generic/scores.ts";
import { elementBytes, padded, ROW_PADDING } from "../generic/tile.ts";
import { splitting, STEP_KEYS, TILE_ROWS } from "./abi.ts";
import { combine, COMBINE_THREADS, combineSharedBytes } from "./combine.ts";
import { decodeBody, decodeKernel, decodeMerge, legend } from "./kernel.ts";
import { listing } from "./listing.ts";
import { decodeSharedBytes, decodeTile } from "./tile.ts";
import type { DecodeTile } from "./tile.ts";

function constants(spec: KernelSpec, { warps, stages, chunk }: DecodeTile): string {
  const bytes = elementBytes(spec);
  const { keys, short } = splitting(spec);
  return `\
constexpr int D = ${spec.D}, DV = ${spec.Dv};                 // head sizes: of queries and keys, of values
constexpr int D_PADDED = ${padded(spec.D)}, CHUNK = ${chunk};        // columns in shared memory: of queries and keys, of values
constexpr int TILE_ROWS = ${TILE_ROWS}, KEYS = ${STEP_KEYS};           // packed rows; keys of a step
constexpr int SPLIT = ${keys}, SHORT = ${short};              // keys of each of the first SHORT splits; the others are twice as long
constexpr int WARPS = ${warps}, STAGES = ${stages};               // steps that each warp has in flight
constexpr int ROW_PADDING = ${ROW_PADDING};                     // bytes: 8 rows lie in different banks
constexpr int KEY_BYTES = ${padded(spec.D) * bytes}, VALUE_BYTES = ${chunk * bytes};
constexpr int KEY_ROW = KEY_BYTES + ROW_PADDING, VALUE_ROW = VALUE_BYTES + ROW_PADDING;
`;
}

export function emitDecode(spec: KernelSpec, target: CudaTarget): CudaKernel {
  const tile = decodeTile(spec, target.arch);
  const masked = spec.mask !== null || spec.maskBits;
  const declared = declarations(spec, target);
  const text = [
    legend,
    declared.text,
    constants(spec, tile),
    primitives(spec.dtype),
    products(spec.dtype),
    decodeKernel,
    listing(masked, spec.maskBits),
    scores(spec),
    finish,
    decodeBody,
    decodeMerge,
    combine,
  ].join("\n");
  const threads = tile.warps * 32;
  return {
    text,
    template: "decode",
    entries: [
      { name: "decode", threads, sharedBytes: decodeSharedBytes(spec, tile), grid: "items" },
      {
        name: "combine",
        threads: COMBINE_THREADS,
        sharedBytes: combineSharedBytes,
        grid: "combines",
      },
    ],
    maps: [],
    tile: { queries: TILE_ROWS, keys: splitting(spec).keys },
    lists: false,
    ...declared.approximate,
  };
}
