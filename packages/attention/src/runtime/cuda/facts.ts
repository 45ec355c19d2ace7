/** What the cuda target would use on this machine, each thing looked for by itself: for `vigil doctor`. */
import { UnsupportedError } from "../../errors.ts";
import { openDiskCache } from "../shared/disk-cache.ts";
import { countGpus, gpuFacts } from "./gpu.ts";
import { type Load, loadCompiler, loadDriver, versionText } from "./libraries.ts";
import { type Machine, thisMachine } from "./places.ts";

export interface CudaFact {
  readonly name: string;
  /** What it is for. */
  readonly purpose: string;
  readonly available: boolean;
  /** What was found, or why it is not there and how to get it. */
  readonly detail: string;
}

/** Newest CUDA there may be: for machines without a driver, whose NVRTC is looked at all the same. */
const ANY_VERSION = 99_000;

interface Looking {
  readonly machine: Machine;
  readonly load: Load | undefined;
}

type Look = (looking: Looking) => Promise<string>;

async function driverText({ machine, load }: Looking): Promise<string> {
  const { path, version } = await loadDriver(machine, {}, load);
  return `${path}, CUDA ${versionText(version)}`;
}

async function gpuText({ machine, load }: Looking): Promise<string> {
  const { driver } = await loadDriver(machine, {}, load);
  const gpus = Array.from({ length: countGpus(driver) }, (_, ordinal) => {
    const { name, capability, memoryBytes } = gpuFacts(driver, ordinal);
    const gibibytes = Math.round(memoryBytes / 2 ** 30);
    return `${name} (compute capability ${(capability / 10).toFixed(1)}, ${gibibytes} GiB)`;
  });
  return gpus.join(", ");
}

async function compilerText({ machine, load }: Looking): Promise<string> {
  const version = await loadDriver(machine, {}, load).then(
    (loaded) => loaded.version,
    () => ANY_VERSION,
  );
  const compiler = await loadCompiler(machine, {}, version, load);
  return `${compiler.path}, ${compiler.version}`;
}

async function cacheText(): Promise<string> {
  const { folder, problem } = await openDiskCache({ name: "cuda" });
  if (problem !== null) throw new UnsupportedError("cuda", `${folder} keeps nothing: ${problem}`);
  const { readdir } = process.getBuiltinModule("node:fs/promises");
  const names = await readdir(folder);
  return `${folder}: ${names.filter((name) => name.endsWith(".cubin")).length} kernels`;
}

const looks: readonly (readonly [name: string, purpose: string, look: Look])[] = [
  ["NVIDIA driver", "cuda: libcuda, which runs kernels", driverText],
  ["NVIDIA GPU", "cuda: compute capability 8.0 or later", gpuText],
  ["NVRTC", "cuda: compiles kernels", compilerText],
  ["cubin cache", "cuda: kernels of earlier processes", cacheText],
];

/** Looks at each; what cannot be found is a fact with its reason. Cost: up to a second, where Python is asked. */
export async function cudaFacts(
  machine: Machine = thisMachine(),
  load?: Load,
): Promise<readonly CudaFact[]> {
  const facts: CudaFact[] = [];
  for (const [name, purpose, look] of looks) {
    try {
      facts.push({ name, purpose, available: true, detail: await look({ machine, load }) });
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      facts.push({ name, purpose, available: false, detail });
    }
  }
  return facts;
}
