/** The forward kernel for Hopper: one producer, two or three consumer groups, persistent blocks. */
import { internalError } from "../../../errors.ts";
import type { KernelSpec } from "../../../runtime/device.ts";
import { type CudaKernel, type CudaTarget, paramsLayout, type TensorMapShape } from "../abi.ts";
import { modHelpers } from "../lower/helpers.ts";
import { approximates, lowerMod } from "../lower/lower-mod.ts";
import { captureAccess, paramsText } from "../params.ts";
import { consumer } from "./consumer.ts";
import { legend } from "./legend.ts";
import { memory } from "./memory.ts";
import { primitives } from "./primitives.ts";
import { producer } from "./producer.ts";
import { keptByte } from "./softmax.ts";
import { type HopperTile, hopperTile, sharedLayout, slabColumns } from "./tile.ts";
import { scoresProduct, valuesProduct } from "./wgmma.ts";

const ENTRY = "attentionForward";

const types = `\
typedef unsigned short Element;  // bits of a 16-bit number
typedef unsigned long long u64;
struct __align__(64) TensorMap { char bytes[128]; };

constexpr float LOG2E = 1.4426950408889634f, LN2 = 0.6931471805599453f;
#define INFINITY_F __int_as_float(0x7f800000)
`;

const entry = ({ groups, producerRegisters, consumerRegisters }: HopperTile): string => `\
extern "C" __global__ void __launch_bounds__(${128 * (groups + 1)}, 1) ${ENTRY}(
    const __grid_constant__ TensorMap queryMap, const __grid_constant__ TensorMap keyMap,
    const __grid_constant__ TensorMap valueMap, const __grid_constant__ Params params) {
  extern __shared__ __align__(1024) unsigned char sharedMemory[];
  const Shared shared{(unsigned)__cvta_generic_to_shared(sharedMemory)};
  const int role = uniform(threadIdx.x >> 7);
  if (threadIdx.x == 0) initBarriers(shared);
  __syncthreads();
  if (role == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 ${producerRegisters};");
    if (threadIdx.x == 0)
      Producer{&queryMap, &keyMap, &valueMap, params, shared, {0, 1}, {0, 1}, {0, 1}, 0, 0, 0}.run();
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 ${consumerRegisters};");
    Consumer(params, shared, role - 1).run();
  }
}
`;

function mods(spec: KernelSpec, exact: boolean): string {
  const options = {
    params: "Params",
    captures: captureAccess(paramsLayout(spec), "params"),
    exact,
  };
  const ofScore = exact ? options : { ...options, scale: "params.scale", factored: true };
  const texts = [
    ...(spec.score === null ? [] : [`${lowerMod(spec.score, ofScore)}\n`]),
    ...(spec.mask === null ? [] : [`${lowerMod(spec.mask, options)}\n`]),
  ];
  return texts.length === 0 ? "" : [modHelpers(texts), ...texts].join("\n");
}

function hopperText(spec: KernelSpec, target: CudaTarget, tile: HopperTile): string {
  if (spec.dtype === "f32") throw internalError("the Hopper template has 16-bit elements");
  const parts = [
    legend(spec, tile),
    types,
    paramsText(paramsLayout(spec)),
    mods(spec, !target.fastMath),
    primitives(spec.dtype),
    scoresProduct(tile.keys, spec.dtype) + valuesProduct(spec.Dv, spec.dtype),
    memory(spec, tile),
    producer(hasLists(spec), spec.maskBits),
    ...(spec.maskBits ? [keptByte] : []),
    consumer(spec, !target.fastMath, tile.overlap),
    entry(tile),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

const hasLists = (spec: KernelSpec): boolean => spec.mask !== null || spec.maskBits;

const mapShape = (
  tensor: TensorMapShape["tensor"],
  columns: number,
  boxRows: number,
): TensorMapShape => {
  const boxColumns = slabColumns(columns);
  return { tensor, columns, boxColumns, boxRows, swizzle: boxColumns === 64 ? 128 : 64 };
};

/** @param tile  what a tuner chose; by default what the table says */
export function emitHopper(
  spec: KernelSpec,
  target: CudaTarget,
  tile: HopperTile = hopperTile(spec),
): CudaKernel {
  const queries = tile.groups * 64;
  const sharedBytes = sharedLayout(spec, tile).total;
  const text = hopperText(spec, target, tile);
  return {
    text,
    template: "hopper",
    entries: [{ name: ENTRY, threads: 128 * (tile.groups + 1), sharedBytes, grid: "persistent" }],
    maps: [
      mapShape("query", spec.D, queries),
      mapShape("key", spec.D, tile.keys),
      mapShape("value", spec.Dv, tile.keys),
    ],
    tile: { queries, keys: tile.keys },
    lists: hasLists(spec),
    approximate: approximates(text),
  };
}
