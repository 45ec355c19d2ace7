/** The options that choose a device, shared by every command that opens one. */
import { openDevice } from "@vigil/attention";
import type { Device } from "@vigil/attention";
import { choice, flag, integer } from "./options.ts";
import type { Option, Options, Values } from "./options.ts";
import { UsageError } from "./usage-error.ts";

const MAX_THREADS = 256;

/** The targets of the design; asking for one that this version lacks is refused with the reason. */
const names = ["auto", "wasm", "reference", "native", "webgpu", "cuda"] as const;

export interface DeviceOptions extends Options {
  readonly device: Option<(typeof names)[number]>;
  readonly threads: Option<number>;
  readonly revectorize: Option<boolean>;
}

export const deviceOptions: DeviceOptions = {
  device: choice("where to run; only auto chooses", names, "auto"),
  threads: integer("threads that compute", { min: 1, max: MAX_THREADS }, 1),
  revectorize: flag("let V8 use 256-bit operations (experimental in V8)"),
};

/** What the design has and this version has not. */
export const laterTargets: Readonly<Record<"native" | "webgpu" | "cuda", string>> = {
  native: "not part of this version: C text, compiled on this machine, loaded through koffi",
  webgpu: "not part of this version: WGSL, in browsers and through npm webgpu",
  cuda: "not part of this version: CUDA C++ text, compiled by NVRTC, called through koffi",
};

const isLater = (name: string): name is keyof typeof laterTargets => name in laterTargets;

/** @throws UsageError a target that this version lacks. @throws UnsupportedError one that this machine lacks */
export async function openChosen({
  device,
  threads,
  revectorize,
}: Values<DeviceOptions>): Promise<Device> {
  if (isLater(device)) {
    throw new UsageError({
      name: "--device",
      expected: "auto, wasm or reference",
      got: device,
      remedy: `choose one of them (${device} is ${laterTargets[device]})`,
    });
  }
  return openDevice(device, { threads, ...(revectorize ? { revectorize } : {}) });
}
