/** Opening the wasm target. */
import { describe, rangeError, UnsupportedError } from "../../errors.ts";
import { findFeatures } from "../../emit/wasm/features.ts";
import type { Device } from "../device.ts";
import { Arena, MAX_MEMORY_BYTES } from "./arena.ts";
import { Crew } from "./crew.ts";
import { WasmDevice } from "./device.ts";
import { findHost, type Host } from "./host.ts";
import { revectorize } from "./revectorize.ts";

export interface WasmOptions {
  /**
   * Threads that compute. 1 (default) needs neither workers nor shared memory. "auto": as many as the machine runs at once, or 1
   * where memory cannot be shared. Workers start at the first launch that is worth sharing (30 to 130 ms), and do not keep a
   * Node process alive between launches. A page needs cross-origin isolation (COOP and COEP headers), and where it has
   * a Content-Security-Policy, `worker-src blob:` beside `script-src 'wasm-unsafe-eval'`.
   */
  readonly threads?: number | "auto";
  /**
   * Whether all threads are workers, so that the calling thread's event loop is free during a launch. Otherwise the calling
   * thread is one of the threads, and lets its event loop run about every 10 ms. Default: false, but true for
   * several threads in a page's main thread. Needs shared memory.
   */
  readonly background?: boolean;
  /**
   * Let V8 join pairs of 128-bit operations into 256-bit ones: Node only, experimental in V8, for the whole process from here on.
   * Default false.
   */
  readonly revectorize?: boolean;
  /** False: plain SIMD even where relaxed SIMD is there; for tests. Default: what the engine has. */
  readonly relaxedSimd?: boolean;
  /** Query, key, value and output are staged in parts where they would take more than this. Default 256 MiB. */
  readonly stagingBytes?: number;
  /** The device's memory never grows beyond this. Default, and at most, 4 GiB less 64 KiB. */
  readonly memoryLimitBytes?: number;
}

const MAX_THREADS = 256;
const MIN_MEMORY_BYTES = 2 ** 20;
const DEFAULT_STAGING_BYTES = 2 ** 28;

function checkedThreads(threads: number | "auto", host: Host): number {
  if (threads === "auto")
    return host.noSharing === null ? Math.min(host.parallelism, MAX_THREADS) : 1;
  if (Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS) return threads;
  const expected = `"auto" or an integer from 1 to ${MAX_THREADS}`;
  const remedy = 'write "auto" for as many as this machine runs at once';
  throw rangeError({ name: "threads", expected, got: describe(threads), remedy });
}

function checkedBytes(name: string, bytes: number, least: number): number {
  if (Number.isInteger(bytes) && bytes >= least && bytes <= MAX_MEMORY_BYTES) return bytes;
  const expected = `an integer number of bytes from ${least} to ${MAX_MEMORY_BYTES}`;
  throw rangeError({
    name,
    expected,
    got: describe(bytes),
    remedy: "leave it out for the default",
  });
}

/** The engine compiles for the features that it has; the name says which were taken. */
function nameOf(relaxed: boolean, wide: boolean, threads: number): string {
  const simd = `${relaxed ? "relaxed" : "plain"} SIMD${wide ? ", revectorized" : ""}`;
  return `wasm (${simd}, ${threads} ${threads === 1 ? "thread" : "threads"})`;
}

/**
 * Opens WebAssembly SIMD on this machine: Node from 22.18, and browsers.
 *
 * @throws RangeError        an option is out of range
 * @throws UnsupportedError  there is no SIMD; several threads or `background` where memory cannot be shared; relaxed SIMD or
 *                           `revectorize` where the engine has none
 */
export const openWasm = (options: WasmOptions = {}): Promise<Device> =>
  openWasmOn(findHost(), options);

/** The same where the host is given: for tests of hosts that this one is not. */
export async function openWasmOn(host: Host, options: WasmOptions): Promise<Device> {
  const threads = checkedThreads(options.threads ?? 1, host);
  const isPage = host.noSharing === null && !host.mayBlock;
  const background = options.background ?? (isPage && threads > 1);
  if ((threads > 1 || background) && host.noSharing !== null) {
    throw new UnsupportedError("wasm", host.noSharing, "or open it with threads: 1");
  }
  const features = findFeatures();
  if (!features.simd) throw new UnsupportedError("wasm", "this engine has no WebAssembly SIMD");
  if (options.relaxedSimd === true && !features.relaxed) {
    throw new UnsupportedError("wasm", "this engine has no relaxed SIMD", "leave relaxedSimd out");
  }
  const suffix = options.revectorize === true ? revectorize(host) : new Uint8Array(0);
  const relaxed = options.relaxedSimd ?? features.relaxed;
  const crew = new Crew(host, { threads, background });
  const stagingBytes = checkedBytes(
    "stagingBytes",
    options.stagingBytes ?? DEFAULT_STAGING_BYTES,
    1,
  );
  const limitBytes = checkedBytes(
    "memoryLimitBytes",
    options.memoryLimitBytes ?? MAX_MEMORY_BYTES,
    MIN_MEMORY_BYTES,
  );
  const shared = crew.needsSharing;
  return new WasmDevice({
    name: nameOf(relaxed, suffix.length > 0, threads),
    target: { relaxed, shared },
    arena: new Arena({ shared, limitBytes, keepBytes: 2 * stagingBytes }),
    crew,
    stagingBytes,
    suffix,
  });
}
