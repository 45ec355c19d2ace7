/**
 * Who may import whom. A row is a folder or file (`*` stands for one path segment, the longest row
 * that fits wins); its list names the rows it may import, or only the types of, besides itself:
 * `emit/wasm` is another instance of `emit/*` than `emit/wgsl`. Tests may import everything in
 * their own package; `src/testing` and `device: "reference"` alone may import `reference` besides
 * them.
 */
export type Arrows = Readonly<Record<string, readonly string[]>>;

/** In a list of allowed rows. */
export const anything = "**";

/** The interface between compiler and machines; it has no code. */
const device = "types of runtime/device.ts";

const leaves = ["errors.ts", "tensor.ts"];

const compiler = [
  "runtime/*",
  "runtime/device.ts",
  "emit/*",
  "schedule",
  "mask",
  "trace",
  "ir",
  ...leaves,
];

const attention: Arrows = {
  "errors.ts": [],
  "tensor.ts": ["errors.ts"],
  ir: [],
  trace: ["ir", ...leaves],
  mask: ["ir", ...leaves],
  schedule: ["ir", "mask", device, ...leaves],
  "emit/*": ["schedule", "ir", device, ...leaves],
  "runtime/device.ts": ["ir", "mask", ...leaves],
  "runtime/*": ["runtime/device.ts", "emit/*", "schedule", "mask", "ir", ...leaves],
  reference: ["ir", "mask", device, ...leaves],
  api: [...compiler, "api/open-device.ts"],
  "api/open-device.ts": [...compiler, "api", "reference"],
  variants: ["api", "trace", ...leaves],
  "index.ts": [
    "variants",
    "api",
    "api/open-device.ts",
    "runtime/*",
    "runtime/device.ts",
    "mask",
    "trace",
    "ir",
    ...leaves,
  ],
  testing: [anything],
};

/** By package folder: the packages it may import, and the arrows inside its `src`. */
export const packages: Readonly<
  Record<string, { readonly mayImport: readonly string[]; readonly inside?: Arrows }>
> = {
  "packages/attention": { mayImport: [], inside: attention },
  "apps/cli": { mayImport: ["@vigil/attention"] },
};

/**
 * Folders of `packages/<name>/src` that may reach Node's own modules, and those only when they are
 * needed.
 */
export const nodeOnly: readonly string[] = ["runtime"];

/** A longer file is split; one that starts with "// Generated" may be any length. */
export const longestFile = 600;
