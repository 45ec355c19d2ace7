/** Opening a place to run kernels: a named one or none, and `auto` says what it chose and why. */
import { describe, nearestName, rangeError, typeError } from "../errors.ts";
import type { Device, ResidentDevice } from "../runtime/device.ts";
import { checkFlag, checkOptions } from "./check-options.ts";
import type { DeviceName } from "./options.ts";

export interface DeviceOptions {
  /**
   * Threads that compute, the calling one among them in Node. Default 1; "auto" takes as many as the machine runs at once. More than 1
   * needs SharedArrayBuffer: in a page, cross-origin isolation (COOP and COEP headers).
   */
  readonly threads?: number | "auto";
  /**
   * Compute in workers only, so that the calling thread stays free for other work. Default false: in Node the calling thread
   * computes too, and yields to its event loop about every 10 ms.
   */
  readonly background?: boolean;
  /**
   * Let V8 join pairs of 128-bit operations into 256-bit ones (Node only). Experimental in V8, so off by default; set for the
   * whole process, before its first kernel is compiled.
   */
  readonly revectorize?: boolean;
  /** native: the C compiler, perhaps with arguments. Default: the variable CC, else the first of gcc, clang and cc on PATH. */
  readonly compiler?: string;
  /** native: instructions to compile to. Default "auto": the best that processor, compiler and system have. */
  readonly isa?: "auto" | "avx2" | "avx512" | "avx512-bf16" | "amx";
  /**
   * Where compiled kernels are kept for the next process; null: nowhere. Default: the folder that the variable VIGIL_CACHE_DIR
   * names, else `vigil` in the user's folder for caches. Nothing is kept where others may write.
   */
  readonly cacheFolder?: string | null;
  /**
   * native: "background" computes on wasm until a kernel is compiled, and `servedBy` says which it is. Default: the first run of
   * a kernel waits for the compiler.
   */
  readonly warm?: "background";
  /** cuda: which GPU, as nvidia-smi counts within CUDA_VISIBLE_DEVICES. Default 0. */
  readonly gpu?: number;
  /**
   * cuda: score functions without the hardware's approximate tanh, exp and the like, which 16-bit dtypes otherwise get within their
   * error budget. Default false.
   */
  readonly exact?: boolean;
  /** cuda: the device never holds more GPU memory than this. Default: all that the GPU has. */
  readonly memoryLimitBytes?: number;
  /** cuda: the file of NVRTC. Default: in CUDA_PATH, the loader's paths, or pip's wheels. */
  readonly nvrtcPath?: string;
  /** cuda: the file of the driver's library. Default: where the NVIDIA driver puts it. */
  readonly driverPath?: string;
}

/** An opened device, with the reason for the choice where there was one. */
export interface Opened {
  readonly device: Device;
  /** Each target that was considered, in order of preference, and why it was taken or refused. */
  readonly considered: readonly { readonly target: string; readonly verdict: string }[];
}

const openers: {
  readonly [K in Exclude<DeviceName, "auto">]: (options: DeviceOptions) => Promise<Device>;
} = {
  cuda: async (options) => (await import("../runtime/cuda/open.ts")).openCuda(options),
  native: openNative,
  wasm: async (options) => (await import("../runtime/wasm/open.ts")).openWasm(options),
  reference: async () => (await import("../reference/device.ts")).openReference(),
};

/** With what serves until a kernel is compiled, where that is asked for. */
async function openNative({ warm, ...options }: DeviceOptions): Promise<Device> {
  const { openNative: open } = await import("../runtime/native/open.ts");
  if (warm === undefined) return open(options);
  const meanwhile = await openers.wasm(options);
  try {
    return await open({ ...options, meanwhile });
  } catch (error) {
    await meanwhile.close();
    throw error;
  }
}

/** What `auto` tries, best first. The reference is never chosen: it is asked for by name. */
const preference: readonly Exclude<DeviceName, "auto" | "reference">[] = ["cuda", "native", "wasm"];

const isText = (value: unknown): boolean => typeof value === "string" && value.trim() !== "";

/** The numbers are checked where the GPU is known. */
function checkCudaOptions({ exact, nvrtcPath, driverPath }: Record<string, unknown>): void {
  checkFlag("exact", exact);
  for (const [name, path] of Object.entries({ nvrtcPath, driverPath })) {
    if (path === undefined || isText(path)) continue;
    const remedy = "leave it out to look in the usual places";
    throw typeError({ name, expected: "a file's path", got: describe(path), remedy });
  }
}

const isas: readonly unknown[] = [
  "auto",
  "avx2",
  "avx512",
  "avx512-bf16",
  "amx",
] satisfies readonly DeviceOptions["isa"][];

function checkNativeOptions(options: Record<string, unknown>): void {
  const { compiler, cacheFolder, warm, isa } = options;
  if (compiler !== undefined && !isText(compiler)) {
    const remedy = 'name a program, for example "gcc-13"';
    throw typeError({ name: "compiler", expected: "a program", got: describe(compiler), remedy });
  }
  if (cacheFolder !== undefined && cacheFolder !== null && !isText(cacheFolder)) {
    const remedy = "pass null to keep nothing";
    const [name, got] = ["cacheFolder", describe(cacheFolder)];
    throw typeError({ name, expected: "a folder's path or null", got, remedy });
  }
  if (isa !== undefined && !isas.includes(isa)) {
    const remedy = 'leave it out for "auto", the best that there is';
    const expected = `one of ${isas.join(", ")}`;
    throw rangeError({ name: "isa", expected, got: describe(isa), remedy });
  }
  if (warm === undefined || warm === "background") return;
  const remedy = "leave it out to wait for the compiler";
  throw rangeError({ name: "warm", expected: '"background"', got: describe(warm), remedy });
}

function checkDeviceOptions(options: DeviceOptions): DeviceOptions {
  checkOptions("openDevice", options);
  const { threads, revectorize, background, ...more }: Record<string, unknown> = { ...options };
  const isCount =
    typeof threads === "number" && Number.isInteger(threads) && threads >= 1 && threads <= 256;
  if (threads !== undefined && threads !== "auto" && !isCount) {
    const expected = '"auto" or an integer from 1 to 256';
    const remedy = 'write "auto" for as many as this machine runs at once';
    throw rangeError({ name: "threads", expected, got: describe(threads), remedy });
  }
  for (const [name, flag] of Object.entries({ revectorize, background })) checkFlag(name, flag);
  checkNativeOptions(more);
  checkCudaOptions(more);
  return options;
}

/** The environment variable that says what `auto` means. */
const WISH = "VIGIL_DEVICE";

const isTarget = (name: string): name is keyof typeof openers => Object.hasOwn(openers, name);

/** @throws RangeError  the variable names no target */
function wishedTarget(): keyof typeof openers | null {
  const wish = typeof process === "object" ? process.env?.[WISH] : undefined;
  if (wish === undefined || wish === "" || wish === "auto") return null;
  if (isTarget(wish)) return wish;
  const expected = `one of ${Object.keys(openers).join(", ")}`;
  const remedy = "correct it, or unset it to take the fastest target";
  throw rangeError({ name: WISH, expected, got: describe(wish), remedy });
}

/** Opens the best target of this machine and says what else there was. @throws UnsupportedError if there is none */
export async function chooseDevice(options: DeviceOptions = {}): Promise<Opened> {
  const checked = checkDeviceOptions(options);
  const considered: { target: string; verdict: string }[] = [];
  const wish = wishedTarget();
  if (wish !== null) {
    const device = await openers[wish](checked);
    const verdict = `taken, as ${WISH} says: ${device.name}`;
    return { device, considered: [{ target: wish, verdict }] };
  }
  let refusal: unknown;
  for (const target of preference) {
    try {
      const device = await openers[target](checked);
      considered.push({ target, verdict: `taken: ${device.name}` });
      return { device, considered };
    } catch (error) {
      refusal = error;
      considered.push({ target, verdict: error instanceof Error ? error.message : String(error) });
    }
  }
  throw refusal;
}

/**
 * Opens a device. A named target is opened or refused with the reason; only "auto" chooses.
 *
 * - "cuda": an NVIDIA GPU of compute capability 8.0 or later, through its driver and NVRTC; Node with the package koffi. Its
 *   device also keeps tensors: `upload`, `empty`, `wrap`.
 * - "native": C that this machine's gcc or clang compiles; Node on Linux, x86-64 with AVX2, and the package koffi. It reads and
 *   writes tensors where they lie while the event loop turns: do not change or transfer their memory before the answer.
 * - "wasm": WebAssembly SIMD, in Node and browsers.
 * - "reference": float64, four loops, slow: the meaning that everything else is checked against.
 * - "auto" (default): the fastest target here, or the one that the environment variable VIGIL_DEVICE names.
 *
 * Dispose of it with `await using`, or call `close()`.
 *
 * @throws TypeError, RangeError  an unknown name or option
 * @throws UnsupportedError       the target cannot run here; says why
 */
export async function openDevice(name: "cuda", options?: DeviceOptions): Promise<ResidentDevice>;
export async function openDevice(name?: DeviceName, options?: DeviceOptions): Promise<Device>;
export async function openDevice(
  name: DeviceName = "auto",
  options: DeviceOptions = {},
): Promise<Device> {
  if (name === "auto") return (await chooseDevice(options)).device;
  const open = Object.hasOwn(openers, name) ? openers[name] : undefined;
  if (open === undefined) {
    const known = ["auto", ...Object.keys(openers)];
    const expected = `one of ${known.map((target) => JSON.stringify(target)).join(", ")}`;
    const meant = nearestName(name, known) ?? "auto";
    const remedy = `write ${JSON.stringify(meant)}${meant === "auto" ? " for the fastest one here" : ""}`;
    throw rangeError({ name: "device", expected, got: describe(name), remedy });
  }
  return open(checkDeviceOptions(options));
}

const shared = new Map<DeviceName, Promise<Device>>();

/** An open device as it is; a name as the one device of that name that all calls share, opened at the first. */
export async function resolveDevice(device: Device | DeviceName = "auto"): Promise<Device> {
  if (typeof device === "string") {
    const open = shared.get(device) ?? openDevice(device);
    shared.set(device, open);
    open.catch(() => shared.delete(device));
    return open;
  }
  if (typeof device === "object" && device !== null && typeof device.kernel === "function")
    return device;
  const expected = 'a device from openDevice, or a name such as "wasm"';
  const remedy = 'write await openDevice("wasm"), or leave it out for the fastest one here';
  throw typeError({ name: "device", expected, got: describe(device), remedy });
}

/**
 * Runs `work` on a device. One that is open already stays so until the work has ended, should the caller close it meanwhile.
 *
 * @throws TypeError  it is closed
 */
export async function withDevice<T>(
  device: Device | DeviceName | undefined,
  work: (device: Device) => Promise<T>,
): Promise<T> {
  const isOpen = typeof device === "object" && device !== null;
  if (isOpen && device.hold !== undefined) return device.hold(() => work(device));
  return work(await resolveDevice(device));
}
