/** The options that choose a device, shared by every command that opens one. */
import { openDevice } from "@vigil/attention";
import type { Device, DeviceOptions as OpenOptions } from "@vigil/attention";
import { choice, flag, integer, text } from "./options.ts";
import type { Option, Options, Values } from "./options.ts";
import { UsageError } from "./usage-error.ts";

const MAX_THREADS = 256;
const MAX_GPU = 255;

/** The targets of the design; asking for one that this version lacks is refused with the reason. */
const names = ["auto", "cuda", "native", "wasm", "reference", "webgpu"] as const;

const isas = ["auto", "avx2", "avx512", "avx512-bf16", "amx"] as const;

export interface DeviceOptions extends Options {
  readonly device: Option<(typeof names)[number]>;
  readonly threads: Option<number>;
  readonly revectorize: Option<boolean>;
  readonly compiler: Option<string | null>;
  readonly isa: Option<(typeof isas)[number]>;
  readonly gpu: Option<number>;
  readonly exact: Option<boolean>;
  readonly nvrtc: Option<string | null>;
}

export const deviceOptions: DeviceOptions = {
  device: choice("where to run; only auto chooses", names, "auto"),
  threads: integer("threads that compute", { min: 1, max: MAX_THREADS }, 1),
  revectorize: flag("wasm: let V8 use 256-bit operations (experimental in V8)"),
  compiler: text("native: the C compiler; by default CC, gcc, clang or cc", "program", null),
  isa: choice("native: instructions to compile to", isas, "auto"),
  gpu: integer("cuda: which GPU", { min: 0, max: MAX_GPU }, 0),
  exact: flag("cuda: no approximate instructions in score functions"),
  nvrtc: text("cuda: the file of NVRTC; by default it is looked for", "file", null),
};

type TargetOptions = Pick<Values<DeviceOptions>, "revectorize" | "compiler" | "isa"> &
  Partial<Pick<Values<DeviceOptions>, "gpu" | "exact" | "nvrtc">>;

/** What `openDevice` is told by these options. */
export const openOptions = ({
  revectorize,
  compiler,
  isa,
  gpu = 0,
  exact = false,
  nvrtc = null,
}: TargetOptions): OpenOptions => ({
  ...(revectorize ? { revectorize } : {}),
  ...(compiler === null ? {} : { compiler }),
  ...(isa === "auto" ? {} : { isa }),
  ...(gpu === 0 ? {} : { gpu }),
  ...(exact ? { exact } : {}),
  ...(nvrtc === null ? {} : { nvrtcPath: nvrtc }),
});

/** What the design has and this version has not. */
export const laterTargets: Readonly<Record<"webgpu", string>> = {
  webgpu: "not part of this version: WGSL, in browsers and through npm webgpu",
};

const isLater = (name: string): name is keyof typeof laterTargets => name in laterTargets;

/** @throws UsageError a target that this version lacks. @throws UnsupportedError one that this machine lacks */
export async function openChosen({
  device,
  threads,
  ...rest
}: Values<DeviceOptions>): Promise<Device> {
  if (isLater(device)) {
    throw new UsageError({
      name: "--device",
      expected: "auto, cuda, native, wasm or reference",
      got: device,
      remedy: `choose one of them (${device} is ${laterTargets[device]})`,
    });
  }
  return openDevice(device, { threads, ...openOptions(rest) });
}
