/**
 * Who may import whom. A row is a folder or file (`*` stands for one path segment, the longest row
 * that fits wins); its list names the rows it may import besides itself, or only the types of; a
 * folder stands for the rows below it. `emit/wasm` is another instance of `emit/*` than `emit/wgsl`.
 * Tests may import everything in their own package; `src/testing` and `device: "reference"` alone
 * may import `reference` besides them.
 */
export type Arrows = Readonly<Record<string, readonly string[]>>;

/** In a list. */
export const anything = "**";

/** In a list, before a row of which only the types are allowed. */
export const typesOf = "types of ";

/** The interface between compiler and machines; it has no code. */
const device = `${typesOf}runtime/device.ts`;

/** The layout of a block mask in memory, which kernels walk. */
const runs = "mask/block-mask.ts";

const leaves = ["errors.ts", "tensor.ts", "device-tensor.ts"];

const attention: Arrows = {
  "errors.ts": [],
  "tensor.ts": ["errors.ts"],
  "device-tensor.ts": ["errors.ts", "tensor.ts"],
  ir: [],
  trace: ["ir", ...leaves],
  mask: ["ir", ...leaves],
  "mask/block-mask.ts": [],
  schedule: ["mask", "ir", device, ...leaves],
  "emit/*": ["schedule", "ir", runs, device, ...leaves],
  "runtime/device.ts": ["mask", "ir", ...leaves],
  "runtime/shared": ["runtime/device.ts", "mask", "ir", ...leaves],
  "runtime/*": ["runtime/device.ts", "runtime/shared", "emit", "schedule", "mask", "ir", ...leaves],
  reference: ["mask", "ir", device, ...leaves],
  api: ["runtime", "emit", "schedule", "mask", "trace", "ir", ...leaves],
  "api/open-device.ts": ["api", "runtime", "reference", ...leaves],
  variants: ["api", "trace", ...leaves],
  "index.ts": ["variants", "api", "runtime", "mask", "trace", "ir", ...leaves],
  testing: [anything],
};

/** The trusted side: what a device is made of never sees how it is reached. */
const machine = ["formats", "errors.ts", "random.ts", "arena.ts", "touch.ts", "version-device.ts"];

const versionDevice: Arrows = {
  formats: [],
  "errors.ts": [],
  "random.ts": [],
  "version-device.ts": [],
  "arena.ts": ["formats"],
  "touch.ts": ["formats"],
  "trip-device.ts": machine,
  protocol: ["trip-device.ts", ...machine],
  transports: ["protocol", "trip-device.ts", ...machine],
  "index.ts": ["transports", "protocol", "trip-device.ts", ...machine],
};

/** By package folder: the packages it may import, and the arrows inside its `src`. */
export const packages: Readonly<
  Record<string, { readonly mayImport: readonly string[]; readonly inside?: Arrows }>
> = {
  "packages/attention": { mayImport: [], inside: attention },
  "packages/version-device": { mayImport: [], inside: versionDevice },
  "apps/cli": { mayImport: ["@vigil/attention", "@vigil/version-device"] },
};

/**
 * Folders of `packages/<name>/src` that may reach Node's own modules, and those only when they are
 * needed.
 */
export const nodeOnly: readonly string[] = ["runtime", "transports"];

/** A longer file is split; one that starts with "// Generated" may be any length. */
export const longestFile = 600;
