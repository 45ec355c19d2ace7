/** The decode template: split keys, packed query heads, then a merge. It runs on every GPU from sm_80 on, for every head size and dtype. */
import type { KernelSpec } from "../../../runtime/device.ts";
import type { CudaKernel, CudaTarget, TensorMapShape } from "../abi.ts";
import { finish } from "../generic/finish.ts";
import { declarations } from "../generic/generic.ts";
import { primitives } from "../generic/primitives.ts";
import { products } from "../generic/products.ts";
import { scores } from "../generic/scores.ts";
import { elementBytes, padded, ROW_PADDING } from "../generic/tile.ts";
import { splitting, STEP_KEYS, TILE_ROWS } from "./abi.ts";
import { combine, COMBINE_THREADS } from "./combine.ts";
import { boxCopies, laneCopies } from "./copies.ts";
import { decodeBody, decodeKernel, decodeMerge, legend } from "./kernel.ts";
import type { MapTexts } from "./kernel.ts";
import { listing } from "./listing.ts";
import { decodeMemory, decodeTile, stepRow } from "./tile.ts";
import type { Copies, DecodeTile } from "./tile.ts";

function constants(spec: KernelSpec, tile: DecodeTile): string {
  const { warps, stages, chunk, boxes } = tile;
  const { queries, barriers } = decodeMemory(spec, tile);
  const bytes = elementBytes(spec);
  const { keys, short } = splitting(spec);
  return `\
constexpr int D = ${spec.D}, DV = ${spec.Dv};                 // head sizes: of queries and keys, of values
constexpr int D_PADDED = ${padded(spec.D)}, CHUNK = ${chunk};        // columns in shared memory: of queries and keys, of values
constexpr int TILE_ROWS = ${TILE_ROWS}, KEYS = ${STEP_KEYS};           // packed rows; keys of a step
constexpr int SPLIT = ${keys}, SHORT = ${short};              // keys of each of the first SHORT splits; the others are twice as long
constexpr int WARPS = ${warps}, STAGES = ${stages};               // steps that each warp has in flight
constexpr int ROW_PADDING = ${ROW_PADDING};                     // bytes: 8 rows lie in different banks
constexpr int KEY_BYTES = ${padded(spec.D) * bytes}, VALUE_BYTES = ${chunk * bytes}, QUERY_ROW = KEY_BYTES + ROW_PADDING;
constexpr int KEY_ROW = ${stepRow(spec, spec.D, boxes)}, VALUE_ROW = ${stepRow(spec, chunk, boxes)};      // from one key to the next; from one value to the next
constexpr int QUERIES = ${queries}, BARRIERS = ${barriers};     // where they lie, behind the steps
`;
}

const NO_MAPS: MapTexts = { parameters: "", maps: "" };
const TWO_MAPS: MapTexts = {
  parameters:
    "const __grid_constant__ TensorMap keyMap, const __grid_constant__ TensorMap valueMap,\n    ",
  maps: "&keyMap, &valueMap",
};

const boxOf = (tensor: "key" | "value", columns: number): TensorMapShape => ({
  ...{ tensor, columns, boxColumns: 64, boxRows: STEP_KEYS, swizzle: 128 },
});

export function emitDecode(spec: KernelSpec, target: CudaTarget, copies?: Copies): CudaKernel {
  const tile = decodeTile(spec, target.arch, copies);
  const masked = spec.mask !== null || spec.maskBits;
  const mapTexts = tile.boxes ? TWO_MAPS : NO_MAPS;
  const declared = declarations(spec, target);
  const text = [
    legend,
    declared.text,
    constants(spec, tile),
    primitives(spec.dtype),
    decodeKernel,
    tile.boxes ? boxCopies : laneCopies,
    products(spec.dtype),
    listing(masked, spec.maskBits),
    scores(spec),
    finish,
    decodeBody(tile.boxes ? "copyWait<0>();" : "copyWait<STAGES - 1>();"),
    decodeMerge(mapTexts),
    combine(mapTexts.parameters),
  ].join("\n");
  const threads = tile.warps * 32;
  return {
    text,
    template: "decode",
    entries: [
      { name: "decode", threads, sharedBytes: decodeMemory(spec, tile).total, grid: "items" },
      {
        name: "combine",
        threads: COMBINE_THREADS,
        sharedBytes: 0,
        grid: "combines",
      },
    ],
    maps: tile.boxes ? [boxOf("key", spec.D), boxOf("value", spec.Dv)] : [],
    tile: { queries: TILE_ROWS, keys: splitting(spec).keys },
    lists: false,
    ...declared.approximate,
  };
}
