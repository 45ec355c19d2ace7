/** Copying tensors within GPU memory, for the strides that kernels do not take. */
import { rangeError } from "../../errors.ts";
import { ArgumentBlock } from "./arguments.ts";
import type { Driver } from "./driver.ts";
import type { GpuFunction, GpuModule } from "./module.ts";

const RANK = 4;
const THREADS = 256;
const MAX_BLOCKS = 65_535;

/** One function for each size of an element; the fields of `Copy` in the order of `layout`. */
export const copyText: string = `// Vigil: copies [n0, n1, n2, n3] elements from one set of strides to another.
struct Copy {
  const void* from;
  void* to;
  long long fromStrides[${RANK}];
  long long toStrides[${RANK}];
  long long lengths[${RANK}];
};

template <typename Element>
__device__ void copy(const Copy& c) {
  const Element* from = static_cast<const Element*>(c.from);
  Element* to = static_cast<Element*>(c.to);
  const long long count = c.lengths[0] * c.lengths[1] * c.lengths[2] * c.lengths[3];
  const long long step = static_cast<long long>(gridDim.x) * blockDim.x;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    long long rest = i, source = 0, target = 0;
#pragma unroll
    for (int axis = ${RANK - 1}; axis >= 0; axis--) {
      const long long at = rest % c.lengths[axis];
      rest /= c.lengths[axis];
      source += at * c.fromStrides[axis];
      target += at * c.toStrides[axis];
    }
    to[target] = from[source];
  }
}

extern "C" __global__ void copy2(const __grid_constant__ Copy c) { copy<unsigned short>(c); }
extern "C" __global__ void copy4(const __grid_constant__ Copy c) { copy<unsigned int>(c); }
`;

const layout = { from: 0, to: 8, fromStrides: 16, toStrides: 48, lengths: 80, bytes: 112 } as const;

export interface StridedCopyRequest {
  readonly from: bigint;
  readonly to: bigint;
  readonly fromStrides: readonly number[];
  readonly toStrides: readonly number[];
  readonly shape: readonly number[];
  readonly elementBytes: 2 | 4;
}

/** Four axes, with ones in front. */
function padded(values: readonly number[], filler: number): number[] {
  if (values.length > RANK) {
    const [expected, got] = [`at most ${RANK} axes`, `${values.length}`];
    throw rangeError({ name: "tensor", expected, got, remedy: "join axes that lie end to end" });
  }
  return [...Array<number>(RANK - values.length).fill(filler), ...values];
}

export class StridedCopy {
  readonly #functions: Readonly<Record<2 | 4, GpuFunction>>;
  readonly #arguments: ArgumentBlock;
  readonly #module: GpuModule;

  constructor(driver: Driver, module: GpuModule) {
    const find = (name: string): GpuFunction =>
      module.find({ name, threads: THREADS, sharedBytes: 0 });
    this.#module = module;
    this.#functions = { 2: find("copy2"), 4: find("copy4") };
    this.#arguments = new ArgumentBlock(driver, { maps: 0, bytes: layout.bytes });
  }

  enqueue(request: StridedCopyRequest, stream: bigint): void {
    const count = request.shape.reduce((all, length) => all * length, 1);
    if (count === 0) return;
    this.#arguments.setI64(layout.from, request.from);
    this.#arguments.setI64(layout.to, request.to);
    this.#list(layout.fromStrides, padded(request.fromStrides, 0));
    this.#list(layout.toStrides, padded(request.toStrides, 0));
    this.#list(layout.lengths, padded(request.shape, 1));
    const blocks = Math.min(Math.ceil(count / THREADS), MAX_BLOCKS);
    this.#arguments.launch(this.#functions[request.elementBytes], blocks, stream);
  }

  unload(): void {
    this.#module.unload();
  }

  #list(offset: number, values: readonly number[]): void {
    values.forEach((value, at) => this.#arguments.setI64(offset + 8 * at, BigInt(value)));
  }
}
