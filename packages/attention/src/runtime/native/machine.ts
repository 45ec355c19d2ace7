/** The machine that kernels are compiled for and on. Everything that a test may want to be different is in this file. */
import type * as ChildProcess from "node:child_process";
import type * as FsSync from "node:fs";
import type * as Fs from "node:fs/promises";
import type * as Os from "node:os";
import type * as Path from "node:path";
import { UnsupportedError } from "../../errors.ts";

/** The part of koffi that this target uses. */
export interface Koffi {
  readonly version: string;
  load(path: string | null): KoffiLibrary;
  /** Where the first element of a view lies; 0 where it has none. */
  address(view: ArrayBufferView): bigint;
}

export interface KoffiLibrary {
  func(name: string, result: string, parameters: readonly string[]): KoffiFunction;
  symbol(name: string): bigint;
  unload(): void;
}

export interface KoffiFunction {
  (...values: readonly (bigint | number)[]): number;
  /** The same on one of libuv's threads. */
  async: (...values: readonly (bigint | number | KoffiCallback)[]) => void;
}

export type KoffiCallback = (error: unknown, result: number) => void;

export interface Machine {
  /** As `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly arch: string;
  /** Threads that it runs at once. */
  readonly parallelism: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The text of /proc/cpuinfo. */
  readCpuInfo(): Promise<string>;
  /** @throws UnsupportedError  it is not installed, or not for this platform */
  loadKoffi(): Promise<Koffi>;
}

/** Node's own modules, by name: bundlers for browsers stop at the `node:` scheme even where it is never reached. */
export const node = {
  fs: (): typeof Fs => process.getBuiltinModule("node:fs/promises"),
  fsSync: (): typeof FsSync => process.getBuiltinModule("node:fs"),
  os: (): typeof Os => process.getBuiltinModule("node:os"),
  path: (): typeof Path => process.getBuiltinModule("node:path"),
  childProcess: (): typeof ChildProcess => process.getBuiltinModule("node:child_process"),
} as const;

const isNode = (): boolean => typeof process === "object" && process.versions?.node !== undefined;

async function loadKoffi(): Promise<Koffi> {
  // A bundler that looks for the module would fail where it is not installed.
  const name = "koffi";
  try {
    const { default: koffi } = (await import(name)) as { readonly default: Koffi };
    return koffi;
  } catch (error) {
    const isMissing = (error as { readonly code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnsupportedError(
      "native",
      isMissing ? "koffi, which calls compiled code, is not installed" : `koffi fails: ${reason}`,
      "run npm install koffi, or open the device wasm",
    );
  }
}

/** @throws UnsupportedError  outside Node */
export function thisMachine(): Machine {
  if (!isNode()) {
    throw new UnsupportedError(
      "native",
      "only Node can start a compiler and load what it makes",
      "open the device wasm",
    );
  }
  return {
    platform: process.platform,
    arch: process.arch,
    parallelism: node.os().availableParallelism(),
    environment: process.env,
    readCpuInfo: () => node.fs().readFile("/proc/cpuinfo", "utf8"),
    loadKoffi,
  };
}
