/** Finding and loading libcuda and NVRTC, and saying what was found where and what is missing. */
import { UnsupportedError } from "../../errors.ts";
import { CudaError } from "./cuda-error.ts";
import { Driver } from "./driver.ts";
import { driverFunctions, nvrtcFunctions } from "./functions.ts";
import { loadNative } from "./koffi-library.ts";
import type { NativeLibrary, Signatures } from "./native.ts";
import { type Compiler, Nvrtc } from "./nvrtc.ts";
import { driverPlaces, type Machine, noSystem, nvrtcPlaces, type Place } from "./places.ts";

/** How a library is loaded: koffi's way, or a test's. */
export type Load = <S extends Signatures>(path: string, signatures: S) => Promise<NativeLibrary<S>>;

export interface LibraryOptions {
  /** Load this file as the driver's library. Default: where the NVIDIA driver puts it. */
  readonly driverPath?: string | undefined;
  /** Load this file as NVRTC. Default: CUDA_PATH, the loader's paths, pip's wheels. */
  readonly nvrtcPath?: string | undefined;
}

export interface LoadedDriver {
  readonly driver: Driver;
  readonly path: string;
  /** The newest CUDA that the driver runs, as 1000 * major + 10 * minor. */
  readonly version: number;
}

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";

/** A file that is not there at all is not worth a sentence. */
const isAbsent = (reason: string): boolean =>
  /no such file|not found|module could not be found/i.test(reason);

/** What was there and was of no use; else that nothing was. */
const listed = (tried: readonly string[], nothing: string): string =>
  tried.filter((reason) => !isAbsent(reason)).join("; ") || nothing;

/** 13.0 of 13000. */
export const versionText = (version: number): string =>
  `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;

/** The newest CUDA that the driver runs, once it is started. */
function start(driver: Driver): number {
  driver.call.cuInit("starting the driver", 0);
  return driver.out32((out) =>
    driver.call.cuDriverGetVersion("asking for the driver's version", out),
  );
}

/** @throws UnsupportedError no driver, no GPU, or koffi is missing */
export async function loadDriver(
  machine: Machine,
  options: LibraryOptions,
  load: Load = loadNative,
): Promise<LoadedDriver> {
  const missing = noSystem(machine);
  if (missing !== null) throw new UnsupportedError("cuda", missing);
  const tried: string[] = [];
  for (const { path } of driverPlaces(machine, options.driverPath)) {
    try {
      const driver = new Driver(await load(path, driverFunctions));
      return { driver, path, version: start(driver) };
    } catch (error) {
      if (error instanceof UnsupportedError) throw error;
      if (error instanceof CudaError) throw refusal(error);
      tried.push(`${path}: ${firstLine(error)}`);
    }
  }
  const reason = `no NVIDIA driver (${listed(tried, "its library is not there")})`;
  throw new UnsupportedError("cuda", reason, "install the driver, on a machine with an NVIDIA GPU");
}

const refusal = ({ codeName, doing, remedy }: CudaError): UnsupportedError =>
  new UnsupportedError("cuda", `${doing} gave ${codeName}`, remedy ?? undefined);

const HOW_TO_GET_NVRTC =
  "run pip install nvidia-cuda-nvrtc, or install the CUDA toolkit, or name the file with nvrtcPath";

/** @throws UnsupportedError there is none, or none that this driver can run code of */
export async function loadCompiler(
  machine: Machine,
  options: LibraryOptions,
  driverVersion: number,
  load: Load = loadNative,
): Promise<Compiler> {
  const tried: string[] = [];
  for await (const place of nvrtcPlaces(machine, options.nvrtcPath)) {
    const outcome = await tryCompiler(place, driverVersion, load);
    if (typeof outcome !== "string") return outcome;
    tried.push(`${place.path} (${place.because}): ${outcome}`);
  }
  const nowhere = "not in CUDA_PATH, the loader's paths or pip's wheels";
  const reason = `no NVRTC, which compiles kernels (${listed(tried, nowhere)})`;
  throw new UnsupportedError("cuda", reason, HOW_TO_GET_NVRTC);
}

/** The compiler, or why it is of no use. */
async function tryCompiler(
  { path, needs }: Place,
  driverVersion: number,
  load: Load,
): Promise<Compiler | string> {
  try {
    for (const needed of needs) await load(needed, {});
    const compiler = new Nvrtc(await load(path, nvrtcFunctions));
    if (Number.parseInt(compiler.version, 10) <= Math.floor(driverVersion / 1000)) return compiler;
    return `it is of CUDA ${compiler.version}, the driver of ${versionText(driverVersion)}`;
  } catch (error) {
    if (error instanceof UnsupportedError) throw error;
    return firstLine(error);
  }
}
