/** Opening a place to run kernels: a named one or none, and `auto` says what it chose and why. */
import { describe, nearestName, rangeError, typeError } from "../errors.ts";
import type { Device } from "../runtime/device.ts";
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
  wasm: async (options) => (await import("../runtime/wasm/open.ts")).openWasm(options),
  reference: async () => (await import("../reference/device.ts")).openReference(),
};

/** What `auto` tries, best first. The reference is never chosen: it is asked for by name. */
const preference: readonly Exclude<DeviceName, "auto" | "reference">[] = ["wasm"];

function checkDeviceOptions(options: DeviceOptions): DeviceOptions {
  checkOptions("openDevice", options);
  const { threads, revectorize, background }: Record<string, unknown> = { ...options };
  const isCount =
    typeof threads === "number" && Number.isInteger(threads) && threads >= 1 && threads <= 256;
  if (threads !== undefined && threads !== "auto" && !isCount) {
    const expected = '"auto" or an integer from 1 to 256';
    const remedy = 'write "auto" for as many as this machine runs at once';
    throw rangeError({ name: "threads", expected, got: describe(threads), remedy });
  }
  for (const [name, flag] of Object.entries({ revectorize, background })) checkFlag(name, flag);
  return options;
}

/** Opens the best target of this machine and says what else there was. @throws UnsupportedError if there is none */
export async function chooseDevice(options: DeviceOptions = {}): Promise<Opened> {
  const checked = checkDeviceOptions(options);
  const considered: { target: string; verdict: string }[] = [];
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
 * - "wasm": WebAssembly SIMD, in Node and browsers.
 * - "reference": float64, four loops, slow: the meaning that everything else is checked against.
 * - "auto" (default): the fastest target here.
 *
 * Dispose of it with `await using`, or call `close()`.
 *
 * @throws TypeError, RangeError  an unknown name or option
 * @throws UnsupportedError       the target cannot run here; says why
 */
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
