/** What a machine may have, and what it is for: one row per thing, each looked at without changing anything; what the native target needs, it says itself. */
import { accessSync, constants } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { delimiter, join } from "node:path";
import { StolenMeter } from "../measure/stolen.ts";

export interface Finding {
  readonly available: boolean;
  /** What was found, or why it is not there. */
  readonly detail: string;
}

export interface Check {
  readonly name: string;
  /** What it is for. */
  readonly purpose: string;
  look(): Finding | Promise<Finding>;
}

const OLDEST_NODE = [22, 18] as const;

function nodeVersion(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [least, leastMinor] = OLDEST_NODE;
  const available = major > least || (major === least && minor >= leastMinor);
  return { available, detail: `${process.versions.node}, V8 ${process.versions.v8}` };
}

/** `() => v128` made of the instructions given, as a module: valid where the engine knows them. */
const knows = (...instructions: readonly number[]): boolean => {
  const code = [0, ...instructions, 0x0b];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const type = [1, 5, 1, 0x60, 0, 1, 0x7b];
  const body = [10, code.length + 2, 1, code.length, ...code];
  return WebAssembly.validate(new Uint8Array([...header, ...type, 3, 2, 1, 0, ...body]));
};

const ZERO = [0x41, 0, 0xfd, 0x0f]; // i32.const 0, i8x16.splat
const MADD = [0xfd, 0x85, 0x02]; // f32x4.relaxed_madd

const engineHas = (available: boolean, absent: string): Finding => ({
  available,
  detail: available ? "this engine has it" : absent,
});

function threads(): Finding {
  const cores = availableParallelism();
  return { available: cores > 1, detail: `${cores} at once` };
}

/** The first of these programs on PATH. */
export function findProgram(names: readonly string[]): string | null {
  const suffixes = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of names) {
      for (const suffix of suffixes) {
        const path = join(folder, name + suffix);
        try {
          accessSync(path, constants.X_OK);
          return path;
        } catch {
          continue; // Not here: look on.
        }
      }
    }
  }
  return null;
}

export const browsers: readonly string[] = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "chrome",
];
export const compilers: readonly string[] = ["gcc", "clang", "cc"];

const program = (names: readonly string[]) => (): Finding => {
  const path = findProgram(names);
  return { available: path !== null, detail: path ?? `none of ${names.join(", ")} on PATH` };
};

const STOLEN_SAMPLE_MS = 500;

async function stolen(): Promise<Finding> {
  const meter = new StolenMeter();
  meter.start();
  const end = performance.now() + STOLEN_SAMPLE_MS;
  // An idle processor has nothing that could be stolen.
  while (performance.now() < end);
  meter.stop();
  const { percent } = meter;
  if (percent === null) return { available: false, detail: "only Linux tells" };
  return { available: true, detail: `${percent.toFixed(1)} % in the last half second` };
}

/** Everything but the targets, which are opened. */
export const checks: readonly Check[] = [
  {
    name: "Node",
    purpose: `at least ${OLDEST_NODE.join(".")}: runs TypeScript as it is`,
    look: nodeVersion,
  },
  {
    name: "WebAssembly SIMD",
    purpose: "needed by the wasm target",
    look: () => engineHas(knows(...ZERO), "this engine lacks it"),
  },
  {
    name: "relaxed SIMD",
    purpose: "multiply-add in one instruction: the fast path",
    look: () =>
      engineHas(
        knows(...ZERO, ...ZERO, ...ZERO, ...MADD),
        "plain SIMD is used: about a third slower",
      ),
  },
  {
    name: "SharedArrayBuffer",
    purpose: "several threads on one memory",
    look: () => engineHas(typeof SharedArrayBuffer === "function", "one thread only"),
  },
  {
    name: "Float16Array",
    purpose: "f16 tensors as numbers; without it as raw bits",
    look: () => engineHas("Float16Array" in globalThis, "pass a Uint16Array of bits"),
  },
  { name: "processors", purpose: "--threads up to this", look: threads },
  {
    name: "memory",
    purpose: "the wasm target uses at most 4 GiB",
    look: () => ({ available: true, detail: `${Math.round(totalmem() / 2 ** 30)} GiB` }),
  },
  {
    name: "stolen time",
    purpose: "processor time that the host gave to others: figures above 2 % are noise",
    look: stolen,
  },
  { name: "browser", purpose: "the tests in a page", look: program(browsers) },
];
