/** What stands above a text that nvcc is to compile: how, and how its functions are launched. */
import type { CudaEntry, CudaKernel, CudaTarget, ParamsLayout, TensorMapShape } from "./abi.ts";

const BUILD: Readonly<Record<CudaTarget["arch"], string>> = {
  sm_90a: "-gencode=arch=compute_90a,code=sm_90a",
  sm_80: "-gencode=arch=compute_80,code=compute_80",
};

const GRID: Readonly<Record<CudaEntry["grid"], string>> = {
  persistent: "as many blocks as multiprocessors, and no more than params.itemCount",
  items: "params.itemCount blocks",
  combines: "params.combineCount blocks",
};

const launch = ({ name, threads, sharedBytes, grid }: CudaEntry): string =>
  `  ${name}: ${threads} threads, ${sharedBytes} bytes of dynamic shared memory; ${GRID[grid]}`;

const map = ({ tensor, columns, boxColumns, boxRows, swizzle }: TensorMapShape): string => {
  const slabs = columns / boxColumns;
  const box = `${boxColumns} x ${boxRows} x ${slabs} x 1 x 1`;
  return `  ${tensor}: {${boxColumns}, rows, ${slabs}, heads, batch}, box ${box}, ${swizzle}-byte swizzle, 16-bit elements`;
};

const maps = (shapes: readonly TensorMapShape[]): readonly string[] =>
  shapes.length === 0
    ? []
    : [
        "First one CUtensorMap each, rank 5 (element strides of dimensions 1 to 4: row, box, head, batch; zeros outside):",
        ...shapes.map(map),
      ];

export function standaloneText(
  kernel: CudaKernel,
  layout: ParamsLayout,
  arch: CudaTarget["arch"],
): string {
  const lines = [
    `nvcc -std=c++17 ${BUILD[arch]} -cubin -o kernel.cubin kernel.cu`,
    "",
    "Launch (cuLaunchKernel), in this order:",
    ...kernel.entries.map(launch),
    ...maps(kernel.maps),
    `Then Params by value, ${layout.bytes} bytes; addresses are 0 where something is absent. params.counter points to one int that is 0`,
    "before the first launch; kernels leave it 0.",
    ...(kernel.lists
      ? [
          `params.items and params.spans list what tiles of ${kernel.tile.queries} rows visit, in steps of ${kernel.tile.keys} keys.`,
        ]
      : []),
  ];
  const comment = lines.map((line) => `//${line === "" ? "" : ` ${line}`}\n`).join("");
  return `${comment}\n${kernel.text}`;
}
